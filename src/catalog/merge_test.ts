import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { validRow } from "./_arbitraries.ts";
import { type Holder, MAX_TTL_MS, MergedIndex } from "./merge.ts";
import type { IndexRow } from "./row.ts";

const NOW = Date.UTC(2026, 0, 1);
const holder = (peer: string): Holder => ({ peer, address: "10.0.0.7", port: 23476 });
const row = (name: string, more: Partial<IndexRow> = {}): IndexRow => ({
  name,
  title: "",
  size: 1,
  sha256: "0".repeat(64),
  modified: "2026-01-02T03:04:05Z",
  flag: 1,
  ...more,
});
const rows = (count: number) => Array.from({ length: count }, (_, i) => row(`f${i}`));
const told = (merged: MergedIndex, now = NOW) =>
  merged.rows(now).map((r) => `${r.holder.peer}:${r.name}`).join(" ");
const again = (merged: MergedIndex, now = NOW) =>
  MergedIndex.fromJSON(JSON.parse(JSON.stringify(merged)), now);

Deno.test("MergedIndex: learn merges peers and replaces what one told", () => {
  const merged = new MergedIndex();
  merged.learn(holder("b"), [row("y"), row("x")], NOW, 1000);
  merged.learn(holder("a"), [row("x", { flag: 0 })], NOW, 1000);
  assertEquals(told(merged), "a:x b:x b:y");
  assertEquals(merged.rows(NOW)[0], { ...row("x", { flag: 0 }), holder: holder("a"), expires: NOW + 1000 });
  merged.learn({ ...holder("b"), port: 1 }, [row("z")], NOW, 1000);
  assertEquals(told(merged), "a:x b:z");
  assertEquals(merged.rows(NOW)[1]!.holder.port, 1);
  merged.forget("b");
  merged.forget("nobody");
  assertEquals(told(merged), "a:x");
});

Deno.test("MergedIndex: the time to live", () => {
  const merged = new MergedIndex();
  merged.learn(holder("a"), rows(2), NOW, 1000);
  merged.learn(holder("b"), rows(3), NOW, 2000);
  merged.learn(holder("c"), rows(4), NOW, 0);
  merged.learn(holder("d"), rows(4), NOW, NaN);
  merged.learn(holder("e"), rows(1), NOW, Infinity);
  assertEquals(merged.rows(NOW).length, 6);
  assertEquals(merged.rows(NOW + 999).length, 6);
  assertEquals(merged.rows(NOW + 1000).length, 4);
  assertEquals(merged.expire(NOW + 1000), 2 + 8);
  assertEquals(merged.expire(NOW + 1000), 0);
  assertEquals(told(merged, NOW + MAX_TTL_MS - 1), "e:f0");
  assertEquals(merged.expire(NOW + MAX_TTL_MS), 3 + 1);
});

Deno.test("MergedIndex: bad rows are left out, the last of one name counts", () => {
  const merged = new MergedIndex();
  merged.learn(
    holder("a"),
    [row("../x"), row("ok"), row("ok", { size: 9 }), row("b", { size: -1 })],
    NOW,
    1000,
  );
  assertEquals(merged.rows(NOW).map((r) => [r.name, r.size]), [["ok", 9]]);
});

Deno.test("MergedIndex: when it is full the largest give way", () => {
  const merged = new MergedIndex({ maxRows: 10 });
  const counts = () => ["a", "b", "c"].map((p) => merged.rows(NOW).filter((r) => r.holder.peer === p).length);
  merged.learn(holder("a"), rows(50), NOW, 1000);
  assertEquals(counts(), [10, 0, 0]);
  merged.learn(holder("b"), rows(2), NOW, 1000);
  assertEquals(counts(), [8, 2, 0]);
  merged.learn(holder("c"), rows(99), NOW, 1000);
  assertEquals(counts(), [4, 2, 4]);
});

Deno.test("MergedIndex: toJSON and back", () => {
  const learnt = fc.array(fc.record({
    peer: fc.constantFrom("a", "b", "pc 7", "rs"),
    rows: fc.array(validRow, { maxLength: 5 }),
    ttl: fc.integer({ min: 0, max: 5000 }),
  }));
  fc.assert(fc.property(learnt, fc.nat(5000), (all, later) => {
    const merged = new MergedIndex();
    for (const { peer, rows, ttl } of all) merged.learn(holder(peer), rows, NOW, ttl);
    assertEquals(again(merged, NOW + later).rows(NOW + later), merged.rows(NOW + later));
  }));
});

Deno.test("MergedIndex: damaged JSON loses its bad parts only", () => {
  const cells = ["f", "", 1, "0".repeat(64), "2026-01-02T03:04:05Z", 1];
  const good = { ...holder("a"), expires: NOW + 1000, rows: [cells] };
  const bad: unknown[] = [
    null,
    5,
    "x",
    [],
    {},
    { ...good, peer: "../b" },
    { ...good, peer: 5 },
    { ...good, peer: "all" },
    { ...good, address: "a b" },
    { ...good, address: null },
    { ...good, address: "x\x1b[2J" },
    { ...good, port: 0 },
    { ...good, port: 65536 },
    { ...good, port: "80" },
    { ...good, expires: NOW },
    { ...good, expires: "tomorrow" },
    { ...good, expires: null },
    { ...good, rows: {} },
  ];
  const badRows = [
    null,
    1,
    "f",
    {},
    [],
    ["../x", ...cells.slice(1)],
    cells.slice(1),
    cells.with(5, 2),
    cells.with(2, "1"),
  ];
  const value = {
    version: 1,
    peers: [...bad.slice(0, 9), { ...good, rows: [...badRows, cells] }, ...bad.slice(9)],
  };
  assertEquals(told(MergedIndex.fromJSON(value, NOW)), "a:f");
  for (
    const nothing of [null, undefined, 1, "x", [], {}, { version: 2, peers: [good] }, {
      version: 1,
      peers: {},
    }]
  ) {
    assertEquals(MergedIndex.fromJSON(nothing, NOW).rows(NOW), []);
  }
  const forever = MergedIndex.fromJSON({ version: 1, peers: [{ ...good, expires: 1e300 }] }, NOW);
  assertEquals(forever.rows(NOW)[0]!.expires, NOW + MAX_TTL_MS);
  assertEquals(MergedIndex.fromJSON({ version: 1, peers: [good] }, NOW, { maxRows: 0 }).rows(NOW), []);
});

Deno.test("MergedIndex: fromJSON never throws", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assert(MergedIndex.fromJSON(value, NOW).rows(NOW).length === 0);
    assert(
      MergedIndex.fromJSON(
        { version: 1, peers: [value, { ...holder("a"), expires: NOW + 1, rows: value }] },
        NOW,
      ),
    );
  }));
});

Deno.test("MergedIndex: 100,000 rows of 100 peers in about a second", () => {
  const start = cpuTime();
  const merged = new MergedIndex();
  for (let i = 0; i < 100; i++) merged.learn(holder(`pc${i}`), rows(1000), NOW, 1000);
  assertEquals(again(merged).rows(NOW).length, 100_000);
  assert(cpuTime() - start < 5000, `${cpuTime() - start} ms`);
});
