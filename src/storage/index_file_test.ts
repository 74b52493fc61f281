/** index.csv never stops a peer: damaged, locked, gone or read-only. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { encodeIndex, MAX_INDEX_TEXT } from "../catalog/csv.ts";
import type { IndexRow } from "../catalog/row.ts";
import { Lines, TempFolder } from "./_testing.ts";
import { IndexFile } from "./index_file.ts";

const row = (name: string): IndexRow => ({
  name,
  title: "",
  size: 3,
  sha256: "ab".repeat(32),
  modified: "2026-01-02T03:04:05.678Z",
  flag: 1,
});

function world() {
  const temp = new TempFolder();
  const log = new Lines();
  const open = () => new IndexFile(temp.path, { clock: new FakeClock(), log });
  return { temp, log, open, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

Deno.test("rows come back as they were written", async () => {
  using w = world();
  const rows = [row("a"), row("b,=c;'.txt")];
  assert(await w.open().save(rows));
  assertEquals(await w.open().load(), rows);
  assertEquals([w.temp.list(), w.log.lines], [["index.csv"], []]);
});

Deno.test("no file is an empty index, without a word", async () => {
  using w = world();
  assertEquals(await w.open().load(), []);
  assertEquals([w.temp.list(), w.log.lines], [[], []]);
});

Deno.test("a file far too large is set aside unread", async () => {
  using w = world();
  w.temp.file("index.csv", encodeIndex([row("a")]));
  // Without content, so that it takes no room on the disk.
  await Deno.truncate(w.open().path, MAX_INDEX_TEXT + 1);
  // Of this thread alone: the process runs other files of tests beside this one.
  const held = () => Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
  const before = held();
  assertEquals(await w.open().load(), []);
  assert(held() - before < MAX_INDEX_TEXT / 2, "it was read");
  assertStringIncludes(w.log.lines[0] ?? "", `it has ${MAX_INDEX_TEXT + 1} bytes`);
  assertEquals(w.temp.list().length, 1);
});

Deno.test("a damaged file is set aside under another name, and said", async () => {
  using w = world();
  w.temp.file("index.csv", '\u0000\u0001 no header "');
  const file = w.open();
  assertEquals(await file.load(), []);
  const [aside] = w.temp.list();
  assertMatch(aside!, /^index\.csv\.damaged-2026-01-01T00-00-00-000Z$/);
  assertEquals(w.temp.read(aside!), '\u0000\u0001 no header "');
  assertStringIncludes(w.log.lines[0]!, "set aside");
  assert(await file.save([row("a")]));
});

Deno.test("of a file that is damaged again and again the last ten are kept, and all else", async () => {
  using w = world();
  const clock = new FakeClock();
  const file = new IndexFile(w.temp.path, { clock, log: w.log });
  w.temp.file("index.csv.damaged-by me/notes.txt");
  for (let n = 0; n < 30; n++) {
    w.temp.file("index.csv", `damage ${n}`);
    await file.keep([row("a")]);
    clock.advance(30_000);
  }
  const [mine, ...damaged] = w.temp.list().filter((name) => name !== "index.csv").reverse();
  assertEquals(mine, "index.csv.damaged-by me/notes.txt");
  assertEquals(
    damaged.map((name) => w.temp.read(name)),
    Array.from({ length: 10 }, (_, i) => `damage ${29 - i}`),
  );
  assertEquals(w.log.lines.length, 30);
});

Deno.test("one damaged row costs that row", async () => {
  using w = world();
  w.temp.file("index.csv", encodeIndex([row("a"), row("b")]).replace(/^b,,3/m, "b,,three"));
  const file = w.open();
  const rows = await file.load();
  assertEquals(rows.map(({ name }) => name), ["a"]);
  assertStringIncludes(w.log.lines[0]!, "damaged rows");
  // Nothing has changed in the share: the file is put right all the same, and it is complained of once.
  await file.keep(rows);
  await file.keep(rows);
  assertEquals(w.temp.read("index.csv"), encodeIndex([row("a")]));
  assertEquals(w.log.lines.length, 1);
});

Deno.test("a file that can't be written is tried again with what was last to be said, and complained of once", async () => {
  using w = world();
  const file = w.open();
  // A folder of that name is in the way, as a program that holds the file is on Windows.
  w.temp.file("index.csv/x");
  assertEquals(await file.save([row("a")]), false);
  assertEquals(await file.save([row("a"), row("b")]), false);
  await file.retry();
  assertEquals(w.log.lines.length, 1);
  Deno.removeSync(w.temp.at("index.csv"), { recursive: true });
  await file.retry();
  assertEquals((await file.load()).map(({ name }) => name), ["a", "b"]);
  Deno.removeSync(w.temp.at("index.csv"));
  await file.retry();
  assertEquals(w.temp.list(), []);
});

Deno.test("what others did to the file while the peer runs is put right, and said where it was damage", async () => {
  using w = world();
  const rows = [row("a"), row("b")];
  const file = w.open();
  await file.save(rows);
  const whole = w.temp.read("index.csv");
  const { mtime } = Deno.statSync(file.path);
  await file.keep(rows);
  assertEquals(Deno.statSync(file.path).mtime, mtime, "it was left alone");

  Deno.removeSync(file.path);
  await file.keep(rows);
  assertEquals([w.temp.read("index.csv"), w.log.lines], [whole, []]);

  w.temp.file("index.csv", '\u0000 no header "');
  await file.keep(rows);
  assertEquals(w.temp.read("index.csv"), whole);
  assertEquals(w.temp.list().length, 2);
  assertStringIncludes(w.log.lines[0]!, "set aside");

  w.temp.file("index.csv", encodeIndex([row("a")]));
  await file.keep(rows);
  assertEquals(w.temp.read("index.csv"), whole);
});

Deno.test("a read-only file is replaced", { ignore: Deno.build.os === "windows" }, async () => {
  using w = world();
  Deno.chmodSync(w.temp.file("index.csv", encodeIndex([row("a")])), 0o444);
  const file = w.open();
  assert(await file.save([row("b")]));
  assertEquals((await file.load()).map(({ name }) => name), ["b"]);
});

Deno.test("a folder of that name is set aside as well", async () => {
  using w = world();
  w.temp.file("index.csv/x");
  const file = w.open();
  assertEquals(await file.load(), []);
  assertStringIncludes(w.log.lines[0]!, "set aside");
  assert(await file.save([row("a")]));
});
