import { assert, assertEquals } from "@std/assert";
import { unicodeWidth } from "@std/cli";
import { colours } from "../terminal.ts";
import { pc } from "./_pcs.ts";
import type { PcCourse } from "./course.ts";
import { summary, viewLines } from "./view.ts";

const PLAIN = colours(false);
const MB = 1e6;
const lab = (count: (i: number) => Partial<PcCourse>, n = 40) =>
  Array.from({ length: n }, (_, i) => pc(`PC-${i + 1}`, count(i)));
const MIXED = lab((i) =>
  i < 31
    ? { state: "done", bytes: 100 * MB, seconds: 12 }
    : i < 35
    ? { state: "waiting" }
    : i === 35
    ? { state: "failed", reason: "the disk is full" }
    : { bytes: 43 * MB, rate: 11.9 * MB }
);

Deno.test("each state has its line", () => {
  const pcs = [
    pc("a", { state: "waiting" }),
    pc("bb", { bytes: 43 * MB, rate: 11.9 * MB }),
    pc("ccc", { state: "done", bytes: 100 * MB, seconds: 12.3 }),
    pc("d", { state: "failed", reason: "it is off" }),
  ];
  const lines = viewLines({ title: "a.iso", total: 100 * MB, pcs }, { columns: 60, rows: 24 }, PLAIN);
  assertEquals(lines, [
    "a.iso: 1 of 4 PCs done, 1 failed, 47 %, 13 s left",
    "a    waiting",
    "bb   [#############------------------]  43 %    11.9 MB/s",
    "ccc  done after 12 s",
    "d    failed: it is off",
  ]);
});

Deno.test("40 PCs in 24 rows: those that failed and those under way, the others counted", () => {
  const lines = viewLines({ title: "a", total: 100 * MB, pcs: MIXED }, { columns: 80, rows: 24 }, PLAIN);
  assertEquals(lines.length, 7);
  assert(lines[1]!.startsWith("PC-36") && lines[1]!.endsWith("failed: the disk is full"), lines[1]);
  assert(lines.slice(2, 6).every((line) => line.includes("43 %")), lines.join("\n"));
  assertEquals(lines.at(-1), "31 done, 4 waiting");
});

Deno.test("where even those are too many, failures take no more than half", () => {
  const failing = lab((i) => i % 2 === 0 ? { state: "failed" } : {}, 100);
  const lines = viewLines({ title: "a", total: 1, pcs: failing }, { columns: 80, rows: 24 }, PLAIN);
  assertEquals(lines.length, 23);
  assertEquals(lines.filter((line) => line.includes("failed")).length, 11 + 2);
  assertEquals(lines.at(-1), "39 more failed, 40 more receiving");
});

Deno.test("never more rows nor columns than there are, whatever the names", () => {
  const hostile = lab((i) => ({ state: i % 3 ? "receiving" : "failed", reason: "日本\x1b[2J\n".repeat(40) }));
  hostile.push(pc("\x1b[31m\u202e" + "x".repeat(64)), pc("日本語".repeat(20), { rate: 1 }));
  for (const columns of [20, 40, 80, 120]) {
    for (const rows of [5, 24, 40, 100]) {
      const state = { title: "x\x1b".repeat(200), total: 5, pcs: hostile };
      const lines = viewLines(state, { columns, rows }, PLAIN);
      assert(lines.length < rows, `${lines.length} lines in ${rows} rows`);
      for (const line of lines) {
        assert(unicodeWidth(line) < columns, `${columns}: ${line}`);
        // deno-lint-ignore no-control-regex
        assert(!/[\x00-\x1f\u202e]/.test(line), line);
      }
    }
  }
});

Deno.test("nothing is 100 % before it is whole; who failed isn't waited for", () => {
  const pcs = [pc("a", { bytes: 999, rate: 1 }), pc("b", { state: "failed" })];
  assertEquals(
    summary({ title: "x", total: 1000, pcs }),
    "1.00 kB, 0 of 2 PCs done, 1 failed, 99 %, 1 B/s in all, 1.0 s left",
  );
});
