import { assertEquals } from "@std/assert";
import { Turns } from "./turns.ts";

Deno.test("work in turns takes its part of the time, however long its steps are", async () => {
  let now = 50;
  const pauses: number[] = [];
  const clock = {
    monotonic: () => now,
    sleep: (ms: number) => {
      pauses.push(ms);
      now += ms + 2;
      return Promise.resolve();
    },
  };
  const turns = new Turns(clock, 0.25);
  for (const step of [10, 100, 0]) {
    now += step;
    await turns.pause();
  }
  assertEquals(pauses, [30, 300, 0]);
  const all = new Turns(clock, 1);
  now += 40;
  await all.pause();
  assertEquals(pauses.at(-1), 0);
});
