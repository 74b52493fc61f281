import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { validRow } from "./_arbitraries.ts";
import { applyScan, type Scanned } from "./index.ts";
import type { IndexRow } from "./row.ts";

const file = (name: string, more: Partial<Scanned> = {}): Scanned => ({
  name,
  title: "",
  size: 1,
  sha256: "0".repeat(64),
  modified: "2026-01-02T03:04:05Z",
  ...more,
});
const names = (rows: readonly IndexRow[]) => rows.map((r) => `${r.name}${r.flag}`).join(" ");
const told = (before: readonly IndexRow[], ...found: Scanned[]) => {
  const { rows, added, gone } = applyScan(before, found);
  return [names(rows), names(added), names(gone)];
};

Deno.test("applyScan: a file comes, stays, changes, goes, stays away, returns", () => {
  const one = applyScan([], [file("b"), file("a")]);
  assertEquals([names(one.rows), names(one.added), names(one.gone)], ["a1 b1", "a1 b1", ""]);
  assertEquals(told(one.rows, file("a"), file("b")), ["a1 b1", "", ""]);
  for (
    const change of [{ size: 2 }, { title: "T" }, { sha256: "1".repeat(64) }, {
      modified: "2026-01-02T03:04:06Z",
    }]
  ) {
    assertEquals(told(one.rows, file("a", change), file("b")), ["a1 b1", "a1", ""]);
  }
  const two = applyScan(one.rows, [file("b")]);
  assertEquals([names(two.rows), names(two.added), names(two.gone)], ["a0 b1", "", "a0"]);
  assertEquals(told(two.rows, file("b")), ["a0 b1", "", ""]);
  assertEquals(told(two.rows, file("a"), file("b")), ["a1 b1", "a1", ""]);
});

Deno.test("applyScan: unchanged rows are the same objects; a returning file is not its old row", () => {
  const { rows } = applyScan([], [file("a"), file("b")]);
  const next = applyScan(rows, [file("b")]);
  assertStrictEquals(next.rows[1], rows[1]);
  assertEquals(rows[0]!.flag, 1, "the old index is left as it was");
});

Deno.test("applyScan: no row vanishes, flags follow the scan, doing it twice changes nothing", () => {
  const scan = fc.array(validRow).map((rows) => rows.map(({ flag: _, ...rest }): Scanned => rest));
  fc.assert(fc.property(fc.array(validRow), scan, (before, found) => {
    const { rows, added, gone } = applyScan(before, found);
    const present = new Set(found.map((f) => f.name));
    assertEquals(new Set(rows.map((r) => r.name)), new Set([...before, ...found].map((r) => r.name)));
    assert(rows.every((r) => (r.flag === 1) === present.has(r.name)));
    assert(
      added.every((r) => r.flag === 1 && rows.includes(r)) &&
        gone.every((r) => r.flag === 0 && rows.includes(r)),
    );
    const again = applyScan(rows, found);
    assertEquals([again.rows, again.added, again.gone], [rows, [], []]);
  }));
});

Deno.test("applyScan: of very many that have gone the rows of the oldest files are left out, of those that are there none", () => {
  const made = (n: number) => ({ modified: new Date(Date.UTC(2026, 0, 1) + n).toISOString() });
  const stays = Array.from({ length: 30 }, (_, n) => file(`stays ${n}`, made(-n)));
  let { rows } = applyScan([], stays, 20);
  for (let n = 0; n < 100; n++) {
    ({ rows } = applyScan(rows, [...stays, file(`n${n}`, made(n))], 20));
    const change = applyScan(rows, stays, 20);
    assertEquals(names(change.gone), `n${n}0`, "it is told, kept or not");
    rows = change.rows;
    const kept = rows.filter(({ flag }) => flag === 0).length;
    assert(kept === n + 1 || (kept >= 18 && kept <= 20), `${kept} of ${n + 1}`);
  }
  const gone = rows.filter(({ flag }) => flag === 0).map(({ name }) => Number(name.slice(1)));
  assertEquals(gone.sort((a, b) => a - b), gone.map((_, i) => 100 - gone.length + i));
  assertEquals(rows.filter(({ flag }) => flag === 1).length, stays.length);
  assertEquals(rows.map(({ name }) => name), rows.map(({ name }) => name).sort());
});
