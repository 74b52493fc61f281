import { assertEquals } from "@std/assert";
import { PartTime } from "./part_time.ts";

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
  const time = new PartTime(clock, 0.25);
  for (const step of [10, 100, 0]) {
    now += step;
    await time.pause();
  }
  assertEquals(pauses, [30, 300, 0]);
  time.hurry();
  now += 10;
  await time.pause();
  assertEquals(pauses.at(-1), 0);
  const all = new PartTime(clock, 1);
  now += 40;
  await all.pause();
  assertEquals(pauses.at(-1), 0);
});
