import { assertEquals, assertMatch } from "@std/assert";
import type { SwarmRun } from "./one_run.ts";
import { summarizeSwarm, swarmTable } from "./report.ts";

const run = (makespan: number): SwarmRun => ({
  makespan,
  first: makespan / 2,
  cpu: 4,
  busy: 0.5,
  foreign: 0,
  peak: 100e6,
  sourceSent: 21e6,
  drops: 0,
  notes: {},
});
const WORK = { ideal: 2, size: 20e6 };

Deno.test("medians, by F/B and by F; failed runs are counted, not averaged", () => {
  const mine = { name: "ours", verifies: true };
  const result = summarizeSwarm(mine, [run(2.2), run(2.1), run(3)], ["late"], WORK);
  assertEquals([result.figures?.makespan, result.figures?.ratio, result.figures?.copies], [2.2, 1.1, 1.05]);
  const [, line] = swarmTable([result]);
  assertMatch(line!, /^ours \(3 of 4\) +yes +2\.20 ±0\.45 +1\.100 /);
});

Deno.test("half of the runs failed: no figures", () => {
  const result = summarizeSwarm({ name: "x", verifies: false }, [run(2)], ["late"], WORK);
  assertEquals(result.figures, undefined);
  assertMatch(swarmTable([result])[1]!, /FAILED/);
});
