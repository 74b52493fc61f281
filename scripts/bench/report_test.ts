import { assert, assertEquals } from "@std/assert";
import type { Run } from "./measure.ts";
import { comparisons, summarizeCase, tableOf } from "./report.ts";
import { CONTENDERS, OURS } from "./rivals.ts";

const ours = CONTENDERS.find((c) => c.work === "big" && c.name === OURS)!;
const rsync = CONTENDERS.find((c) => c.work === "big" && c.server === "rsync")!;
const cp = CONTENDERS.find((c) => c.work === "big" && c.server === undefined)!;
const amount = { bytes: 1e9 };

function run(seconds: number): Run {
  return { seconds, clientCpu: 1, serverCpu: 0.5, clientPeak: 100e6, serverPeak: 50e6, foreign: 0 };
}

Deno.test("a case is summed up by its medians", () => {
  const result = summarizeCase(ours, [run(1), run(0.5), run(0.8)], [], amount);
  assertEquals(result.figures?.mbPerSecond, 1250);
  assertEquals(result.figures?.spread, 0.25);
  assertEquals([result.figures?.clientPeakMb, result.figures?.clientCpu], [100, 1]);
});

Deno.test("targets are judged, limits only compared", () => {
  const cases = [
    summarizeCase(ours, [run(1)], [], amount),
    summarizeCase(rsync, [run(0.7)], [], amount),
    summarizeCase(cp, [run(0.3)], [], amount),
  ];
  assertEquals(comparisons(cases), [
    { work: "big", rival: rsync.name, ratio: 0.7, atLeast: 0.75, pass: false },
    { work: "big", rival: cp.name, ratio: 0.3 },
  ]);
  assert(tableOf(cases, comparisons(cases)).some((line) => /MISSED \(0\.75\)$/.test(line)));
});

Deno.test("when half of our runs failed, no figure is given and the targets are missed", () => {
  const cases = [
    summarizeCase(ours, [run(1)], ["the copy differs"], amount),
    summarizeCase(rsync, [run(0.7)], [], amount),
  ];
  assertEquals(cases[0]?.figures, undefined);
  assertEquals(comparisons(cases)[0]?.pass, false);
  assert(tableOf(cases, comparisons(cases))[1]?.includes("FAILED"));
});
