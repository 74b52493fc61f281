import { assertEquals, assertStringIncludes } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { fakeOutput } from "../_fakes.ts";
import { createProgress } from "../progress.ts";
import { pc } from "./_pcs.ts";
import type { PcCourse } from "./course.ts";
import { showBroadcast } from "./display.ts";

const MB = 1e6;

function stage(options: Parameters<typeof fakeOutput>[0]) {
  const streams = fakeOutput(options);
  const clock = new FakeClock();
  const pcs: PcCourse[] = [pc("a", { bytes: MB, rate: MB }), pc("b", { state: "waiting" })];
  const state = () => ({ title: "x.iso", total: 10 * MB, pcs });
  const { output } = streams;
  const stop = showBroadcast({ output, progress: createProgress(output, clock), clock, state });
  return { ...streams, clock, pcs, stop };
}

Deno.test("with --json: progress of all together when there is news, the last state at the end", () => {
  const { clock, pcs, stdout, stderr, stop } = stage({ json: true, terminal: true });
  clock.advance(1000);
  pcs[0] = pc("a", { state: "done", bytes: 10 * MB });
  pcs[1] = pc("b", { state: "done", bytes: 10 * MB });
  stop();
  const lines = stdout.text.trim().split("\n").map((line) => JSON.parse(line));
  const both = { event: "progress", name: "x.iso", total: 20 * MB };
  assertEquals(lines, [{ ...both, bytes: MB, rate: MB }, { ...both, bytes: 20 * MB, rate: 0 }]);
  assertEquals(stderr.text, "");
});

Deno.test("without a terminal: a line every two seconds at first, failures at once", () => {
  const { clock, pcs, stderr, stop } = stage({});
  clock.advance(1000);
  pcs[1] = pc("b", { state: "failed", reason: "it is off" });
  clock.advance(60_000);
  stop();
  const lines = stderr.text.trim().split("\n");
  assertEquals(lines[0], "b failed: it is off");
  assertEquals(lines[1], "x.iso: 10.0 MB, 0 of 2 PCs done, 1 failed, 10 %, 1.00 MB/s in all, 9.0 s left");
  // At 2, 4, ... 20 s, then each time a tenth more has passed: 12 lines up to 61 s.
  assertEquals(lines.length, 1 + 10 + 11);
});

Deno.test("on a terminal: a view that is gone at the end", () => {
  const { clock, stderr, stop } = stage({ terminal: true });
  clock.advance(400);
  assertStringIncludes(stderr.text, "a  [####---");
  stop();
  assertEquals(stderr.text.endsWith("\r\x1b[2A\x1b[J"), true, JSON.stringify(stderr.text.slice(-20)));
});

Deno.test("--quiet says nothing", () => {
  const { clock, stdout, stderr, stop } = stage({ terminal: true, quiet: true });
  clock.advance(5000);
  stop();
  assertEquals(stdout.text + stderr.text, "");
});
