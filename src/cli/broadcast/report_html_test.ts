import {
  assert,
  assertEquals,
  assertLess,
  assertMatch,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { pc } from "./_pcs.ts";
import { chart, thin, ticks } from "./chart.ts";
import type { PcCourse } from "./course.ts";
import { reportHtml } from "./report_html.ts";

const EVIL = `"><script>alert(1)</script><img src=x onerror='a&b'>\u202e\x1b[2J`;

function html(pcs: PcCourse[], given: { title?: string; ended?: string } = {}): string {
  return reportHtml({
    title: "a.iso",
    id: "5f1d",
    from: "rs",
    began: Date.UTC(2026, 10, 22, 8, 30),
    files: 1,
    total: 1e9,
    seconds: 12,
    sent: 1.03e9,
    pcs,
    efficiency: undefined,
    ...given,
  });
}

const course = (i: number, points = 200): PcCourse =>
  pc(`PC-${i}`, {
    state: i % 50 === 7 ? "failed" : "done",
    reason: i % 50 === 7 ? "it is off" : undefined,
    bytes: 1e9,
    seconds: 90 + i / 10,
    best: 11.9e6,
    points: Array.from({ length: points }, (_, k) => {
      const part = k / (points - 1);
      return { at: part * (90 + i / 10), bytes: 1e9 * part ** (1 + (k % 7) / 50) };
    }),
  });

/** Tags that are opened and closed, in order, as a parser would see them. */
function assertWellFormed(page: string): void {
  const open: string[] = [];
  const alone = new Set(["meta"]);
  for (const [, close, name, self] of page.matchAll(/<(\/?)([a-zA-Z0-9]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (close) assertEquals(open.pop(), name);
    else if (!self && !alone.has(name!)) open.push(name!);
  }
  assertEquals(open, []);
}

Deno.test("summary, receipts, picture; nothing from elsewhere, nothing that runs", () => {
  const page = html([course(1), course(2), course(7)]);
  assertWellFormed(page);
  assertStringIncludes(page, "2 of 3 PCs verified the whole");
  assertStringIncludes(page, "2026-11-22 08:30:00 UTC");
  assertStringIncludes(page, "1.03 times the content");
  assertEquals(page.match(/<polyline /g)?.length, 3);
  assertNotMatch(page, /<script|https?:|url\(|@import|\son\w+=/i);
  assertStringIncludes(page, "default-src 'none'");
  assertMatch(page, /prefers-color-scheme:dark/);
  assert(page.indexOf("it is off") < page.indexOf("<td>PC-1</td>"), "failures come first");
});

Deno.test("hostile names stay text, everywhere", () => {
  for (const count of [3, 30]) {
    const pcs = Array.from(
      { length: count },
      (_, i) => ({ ...course(i), name: `${EVIL}${i}`, reason: EVIL }),
    );
    const page = html(pcs, { title: EVIL, ended: EVIL });
    assertWellFormed(page);
    // deno-lint-ignore no-control-regex
    assertNotMatch(page, /<script|<img|\u202e|\x1b/);
    assertStringIncludes(page, "&lt;script&gt;alert(1)&lt;/script&gt;");
  }
});

Deno.test("400 PCs make a page of moderate size, with a line for each", () => {
  const page = html(Array.from({ length: 400 }, (_, i) => course(i)));
  assertEquals(page.match(/<polyline /g)?.length, 400);
  assertLess(page.length, 200_000);
});

Deno.test("a picture of nothing, and of what took no time", () => {
  assertNotMatch(chart({ total: 0, pcs: [], bound: undefined }), /NaN|Infinity/);
  const at0 = pc("a", { state: "done", points: [{ at: 0, bytes: 0 }, { at: 0, bytes: 0 }] });
  assertNotMatch(chart({ total: 0, pcs: [at0], bound: Infinity }), /NaN|Infinity/);
});

Deno.test("round ticks; thinned points keep both ends", () => {
  assertEquals(ticks(12.5, 8), [0, 2, 4, 6, 8, 10, 12]);
  assertEquals(ticks(1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  const points = Array.from({ length: 101 }, (_, i) => ({ at: i, bytes: i }));
  const kept = thin(points, 11);
  assert(kept.length <= 11 && kept[0] === points[0] && kept.at(-1) === points[100], String(kept.length));
});
