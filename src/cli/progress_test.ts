import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import type { Bar, BarOptions } from "../deps/cli_progress.ts";
import { fakeOutput } from "./_fakes.ts";
import { createProgress } from "./progress.ts";

const MB = 1e6;
const report = (bytes: number, name = "a.iso") => ({
  name,
  bytes: bytes * MB,
  total: 100 * MB,
  rate: 10 * MB,
});

Deno.test("elsewhere than on a terminal: a line at most every 2 s", () => {
  const { output, stdout, stderr } = fakeOutput();
  const clock = new FakeClock();
  const progress = createProgress(output, clock);
  for (let i = 0; i < 50; i++) {
    progress.report(report(i));
    clock.advance(100);
  }
  assertEquals(stdout.text, "");
  assertEquals(
    stderr.text,
    [
      "a.iso: 20 %, 20.0 MB of 100 MB, 10.0 MB/s, 8.0 s left\n",
      "a.iso: 40 %, 40.0 MB of 100 MB, 10.0 MB/s, 6.0 s left\n",
    ].join(""),
  );
});

Deno.test("several files are added up, finished ones counted", () => {
  const { output, stderr } = fakeOutput();
  const clock = new FakeClock();
  const progress = createProgress(output, clock);
  progress.report(report(100, "a"));
  progress.report(report(10, "a"));
  progress.report(report(100, "b"));
  clock.advance(2000);
  progress.report(report(50, "c"));
  assertEquals(stderr.text, "3 files: 53 %, 160 MB of 300 MB, 20.0 MB/s, 7.0 s left\n");
  progress.drop("a");
  clock.advance(2000);
  progress.report(report(60, "c"));
  assert(stderr.text.endsWith("2 files: 80 %, 160 MB of 200 MB, 10.0 MB/s, 4.0 s left\n"), stderr.text);
});

Deno.test("with --json an event per call, with --quiet nothing else", () => {
  const json = fakeOutput({ json: true, quiet: true, terminal: true });
  createProgress(json.output, new FakeClock()).report(report(1));
  assertEquals(JSON.parse(json.stdout.text), { event: "progress", ...report(1) });
  const quiet = fakeOutput({ quiet: true });
  const clock = new FakeClock();
  const progress = createProgress(quiet.output, clock);
  progress.report(report(1));
  clock.advance(5000);
  progress.report(report(2));
  assertEquals([quiet.stdout.text, quiet.stderr.text, json.stderr.text], ["", "", ""]);
});

Deno.test("on a terminal: a bar after a second, out of the way of other text, gone at the end", async () => {
  const { output } = fakeOutput({ terminal: true, width: 80 });
  const clock = new FakeClock();
  const calls: string[] = [];
  let options: BarOptions | undefined;
  const makeBar = (given: BarOptions) => {
    options = given;
    calls.push("make");
    const bar = {
      start: () => calls.push("start"),
      update: () => calls.push("update"),
      stop: () => calls.push("stop"),
    };
    return Promise.resolve(bar as unknown as Bar);
  };
  const progress = createProgress(output, clock, makeBar);
  const step = async (bytes: number) => {
    progress.report(report(bytes, "日本\x1b".repeat(20)));
    clock.advance(600);
    await Promise.resolve().then(() => {});
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  };
  for (const bytes of [1, 2, 3, 4]) await step(bytes);
  assertEquals(calls, ["make", "start", "update"]);
  const drawn = (options!.format as () => string)();
  assert(drawn.includes("[#-----------------------] 4 % 4.00 MB of 100 MB, 10.0 MB/s"), drawn);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f]/.test(drawn), drawn);
  output.note("a note");
  assertEquals(calls.slice(3), ["stop"]);
  for (const bytes of [5, 6, 100]) await step(bytes);
  assertEquals(calls.slice(4), ["make", "start", "update", "stop"]);
  progress.stop();
});
