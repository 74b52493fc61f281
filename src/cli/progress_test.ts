import { assert, assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli";
import { FakeClock } from "../base/clock.ts";
import { fakeOutput } from "./_fakes.ts";
import { createProgress } from "./progress.ts";
import { progressLines, Sum } from "./progress_view.ts";
import { colours } from "./terminal.ts";

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

Deno.test("what is to come counts from the beginning", () => {
  const { output, stderr } = fakeOutput();
  const clock = new FakeClock();
  const progress = createProgress(output, clock);
  progress.expect({ files: 12, bytes: 900 * MB });
  progress.expect({ files: 1, bytes: 100 * MB });
  progress.report(report(0));
  clock.advance(2000);
  progress.report({ ...report(50), sources: 2 });
  assertEquals(stderr.text, "13 files: 5 %, 50.0 MB of 1.00 GB, 10.0 MB/s, 1 min 35 s left\n");
});

Deno.test("on a terminal: lines after a second, out of the way of other text, gone at the end", () => {
  const { output, stderr } = fakeOutput({ terminal: true, width: 80 });
  const clock = new FakeClock();
  const progress = createProgress(output, clock);
  progress.report({ ...report(1, "日本\x1b".repeat(20)), sources: 3 });
  clock.advance(900);
  assertEquals(stderr.text, "", "not for what is over at once");
  clock.advance(200);
  assert(stderr.text.includes("1 %, 1.00 MB of 100 MB, 10.0 MB/s, 9.9 s left, 3 sources"), stderr.text);
  // deno-lint-ignore no-control-regex
  const plain = stderr.text.replaceAll(/\x1b\[\d*[A-Z]/g, "");
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f]/.test(plain), plain);
  const before = stderr.text.length;
  output.note("a note");
  assert(stderr.text.slice(before).trimStart().startsWith("\x1b[J"), "taken away first");
  clock.advance(200);
  assert(stderr.text.endsWith("\x1b[K"), "and back");
  progress.report(report(100, "日本\x1b".repeat(20)));
  const end = stderr.text.length;
  clock.advance(5000);
  assertEquals(stderr.text.length, end, "nothing is drawn any more");
});

Deno.test("several: one line for all, one for each; what stands still says so; everything fits", () => {
  const sum = new Sum();
  sum.expect({ files: 40, bytes: 1000 * MB });
  for (let i = 0; i < 12; i++) {
    sum.add({
      ...report(10 + i, i === 3 ? "a very long name of a file, longer than the column.tar.gz" : `f${i}`),
      sources: 2,
    }, i === 1 ? 0 : 5000);
  }
  const colour = colours(false);
  const lines = progressLines(sum, { columns: 80, rows: 24 }, { now: 5000, colour });
  assertEquals(lines[0], "40 files: 15 %, 186 MB of 1.20 GB, 120 MB/s, 8.4 s left");
  assertEquals(lines.length, 1 + 8 + 1);
  assert(/^f0 +\[?.*10 %  +10\.0 MB\/s +9\.0 s left +2 sources$/.test(lines[1]!), lines[1]);
  assert(lines[2]!.includes("nothing for 5.0 s"), lines[2]);
  assertEquals(lines.at(-1), "and 4 more under way");
  for (const columns of [10, 40, 80, 200]) {
    for (const line of progressLines(sum, { columns, rows: 5 }, { now: 5000, colour })) {
      assert(unicodeWidth(line) < columns, `${columns}: ${line}`);
    }
  }
});
