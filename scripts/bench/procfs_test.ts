import { assert, assertEquals } from "@std/assert";
import {
  childrenCpu,
  cpuOf,
  machineBusy,
  othersCpu,
  parseMachineBusy,
  parseMachineUser,
  parseOwn,
  parsePeak,
  parseStat,
  peakOf,
  treeOf,
} from "./procfs.ts";

Deno.test("CPU time is read, whatever the program is called", () => {
  const rest = "S 1 2 3 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 1 0 5 1000 200";
  assertEquals(parseStat(`42 (peer) ${rest}`), { user: 1.8, total: 2.5 });
  assertEquals(parseOwn(`42 (peer) ${rest}`), 2);
  assertEquals(parseStat(`42 (a) b (c) ${rest}`), { user: 1.8, total: 2.5 });
});

Deno.test("peak memory and the machine's user time are read", () => {
  assertEquals(parsePeak("Name:\tpeer\nVmPeak:\t  900 kB\nVmHWM:\t   120 kB\nVmRSS:\t 90 kB\n"), 122_880);
  assertEquals(parsePeak("Name:\tending\n"), 0);
  assertEquals(parseMachineUser("cpu  1000 200 300 4000 0 0 0 0 0 0\ncpu0 1 2 3\n"), 12);
  assertEquals(parseMachineBusy("cpu  1000 200 300 4000 50 60 70 0 0 0\n"), 16.3);
});

Deno.test({
  name: "a process finds itself and its child",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const child = new Deno.Command("sleep", { args: ["30"], stdin: "null" }).spawn();
    assert(treeOf(Deno.pid).includes(child.pid));
    assert(peakOf([Deno.pid]) > 10e6);
    assert(cpuOf([Deno.pid]).total > childrenCpu());
    assert(machineBusy() > 0);
    assert(othersCpu() >= 0);
    child.kill();
    await child.status;
    assertEquals(peakOf([child.pid]), 0);
  },
});
