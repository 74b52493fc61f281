import { assertEquals } from "@std/assert";
import type { SwarmRun } from "./one_run.ts";
import { summarizeSwarm } from "./report.ts";
import { pace } from "./scenarios.ts";
import { judge, verdicts } from "./targets.ts";

const RUN: SwarmRun = {
  makespan: 8,
  first: 7,
  cpu: 1,
  busy: 0.5,
  foreign: 0,
  peak: 1e6,
  sourceSent: 1e6,
  drops: 0,
  notes: { odd: 3 },
};
const WORK = { ideal: 2, size: 1e6, link: 2e6 };

Deno.test("figures are held against what they must be, one contender's against its own", () => {
  const cases = [summarizeSwarm({ name: "a", verifies: true }, [RUN], [], WORK)];
  const judged = judge(
    [
      { name: "a", figure: "by F/B", atMost: 3.9 },
      { name: "a", figure: "seconds over 3 F/B", atMost: 2 },
      { name: "a", figure: "share of the link", atLeast: 0.6 },
      { name: "a", figure: "odd", atLeast: 3 },
      { name: "b", figure: "by F/B", atMost: 1 },
    ],
    cases,
    WORK,
  );
  assertEquals(judged.map(({ value, pass }) => [value, pass]), [[4, false], [2, true], [0.5, false], [
    3,
    true,
  ]]);
  assertEquals(
    verdicts(judged.map((one) => ({ ...one, busy: 0.99 })))[1],
    "Met: a: seconds over 3 F/B 2.000, at most 2 wanted (the machine was 99% busy: its limit)",
  );
  assertEquals(verdicts(judged)[0], "MISSED: a: by F/B 4.000, at most 3.9 wanted");
});

Deno.test("what has failed, or tells no such figure, misses its target", () => {
  const failed = summarizeSwarm({ name: "a", verifies: true }, [], ["late"], WORK);
  const silent = summarizeSwarm({ name: "b", verifies: true }, [RUN], [], WORK);
  const targets = [{ name: "a", figure: "by F/B", atMost: 9 }, { name: "b", figure: "none", atMost: 9 }];
  assertEquals(judge(targets, [failed, silent], WORK).map(({ pass }) => pass), [false, false]);
});

Deno.test("the rate is that of the middle of the file, headers taken off", () => {
  const samples = [0, 0, 50, 200, 400, 600, 800, 990, 1000].map((bytes, i) => ({ at: i * 1000, bytes }));
  assertEquals(Math.round(pace(samples, 1000)), Math.round(200 * 1448 / 1514));
});
