import { assert } from "@std/assert";
import { cpuTime } from "./_cpu_time.ts";

Deno.test("the time of this thread's own work is counted, not that of others beside it", async () => {
  const source = "for (const end = performance.now() + 400; performance.now() < end;); postMessage(0);";
  const worker = new Worker(`data:application/javascript,${encodeURIComponent(source)}`, { type: "module" });
  const began = cpuTime();
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.terminate();
  const waited = cpuTime() - began;
  assert(waited < 150, `${waited} ms for waiting`);
  for (let turns = 0; cpuTime() - began < waited + 5; turns++) assert(turns < 1e9, "work takes time");
});
