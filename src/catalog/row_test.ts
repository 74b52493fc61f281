import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { validRow } from "./_arbitraries.ts";
import { byName, type IndexRow, rowFault } from "./row.ts";

const good: IndexRow = {
  name: "a/b.txt",
  title: "A title",
  size: 0,
  sha256: "a0".repeat(32),
  modified: "2024-02-29T23:59:59.999Z",
  flag: 0,
};

Deno.test("rowFault: good rows", () => {
  for (const modified of ["2026-01-02T03:04:05Z", "2026-12-31T00:00:00.000Z", "2000-02-29T00:00:00Z"]) {
    assertEquals(rowFault({ ...good, modified }), undefined);
  }
  fc.assert(fc.property(validRow, (row) => assertEquals(rowFault(row), undefined)));
});

Deno.test("rowFault: each field", () => {
  const bad: Record<string, unknown>[] = [
    { name: "../a" },
    { name: 7 },
    { title: "a\nb" },
    { title: "a\u202eb" },
    { title: "\ud800" },
    { title: "t".repeat(301) },
    { title: null },
    { size: -1 },
    { size: 1.5 },
    { size: 2 ** 53 },
    { size: "3" },
    { sha256: "A0".repeat(32) },
    { sha256: "a0".repeat(31) },
    { sha256: "a0".repeat(32) + "\n" },
    { sha256: 0 },
    { modified: "2026-02-29T00:00:00Z" },
    { modified: "1900-02-29T00:00:00Z" },
    { modified: "2026-04-31T00:00:00Z" },
    { modified: "2026-13-01T00:00:00Z" },
    { modified: "2026-00-01T00:00:00Z" },
    { modified: "2026-01-00T00:00:00Z" },
    { modified: "2026-01-02T24:00:00Z" },
    { modified: "2026-01-02T03:60:05Z" },
    { modified: "2026-01-02T03:04:05+00:00" },
    { modified: "2026-01-02T03:04:05.6Z" },
    { modified: "2026-01-02" },
    { modified: 5 },
    { flag: 2 },
    { flag: true },
  ];
  for (const field of bad) {
    const row = { ...good, ...field } as IndexRow;
    assert(rowFault(row)?.startsWith(Object.keys(field)[0]!), JSON.stringify(field));
  }
});

Deno.test("byName: code unit order", () => {
  const names = ["b", "a", "B", "é", "a/b", "a.b"].map((name) => ({ name })).sort(byName).map((n) => n.name);
  assertEquals(names, ["B", "a", "a.b", "a/b", "b", "é"]);
});
