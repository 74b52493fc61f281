/** What a holder delivers is what its index says, piece by piece, or nothing. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { type Bytes, concat, toHex } from "../../base/bytes.ts";
import { afterThisTurn, FakeClock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import { type ContentFile, pieceSizeFor } from "../../catalog/layout.ts";
import { hashesOf } from "../../catalog/manifest.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import { PieceHashes } from "../../storage/piece_hashes.ts";
import { Root } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import { ContentStore } from "./content_store.ts";

const KIB = 1024;

class World implements Disposable {
  readonly temp = new TempFolder();
  readonly root = Root.open(this.temp.path, "read");
  readonly clock = new FakeClock();
  readonly rows = new Map<string, ContentFile & { modified: string }>();
  readonly pieces = new PieceHashes(this.temp.at("data"));
  readonly store = new ContentStore(
    (hash, name) => {
      const row = this.rows.get(name);
      return row?.sha256 === hash
        ? { name, root: this.root, size: row.size, modified: row.modified }
        : undefined;
    },
    this.pieces,
    // Pauses between pieces pass by themselves.
    Object.assign(this.clock, { sleep: () => Promise.resolve() }),
  );

  /** A file that is there and indexed. */
  add(name: string, bytes: Uint8Array): ContentFile {
    const { mtime } = Deno.statSync(this.temp.file(name, bytes));
    const file = { name, size: bytes.length, sha256: toHex(sha256(bytes)) };
    this.rows.set(name, { ...file, modified: isoTime(mtime) });
    return file;
  }

  async open(...files: ContentFile[]) {
    const bytes = await this.store.manifest(files);
    const pieceSize = pieceSizeFor(files.reduce((sum, { size }) => sum + size, 0));
    return { id: toHex(sha256(bytes)), hashes: hashesOf(bytes, { files, pieceSize }) };
  }

  /** All bytes of a piece, taken in steps of so many. */
  piece(id: string, index: number, step = 100_000): Bytes {
    const { length, fill } = this.store.piece(id, index);
    const parts: Bytes[] = [];
    for (let at = 0; at < length; at += step) {
      const part = new Uint8Array(Math.min(step, length - at));
      fill(part, at);
      parts.push(part);
    }
    return concat(parts);
  }

  [Symbol.dispose](): void {
    this.store.close();
    this.temp[Symbol.dispose]();
  }
}

const missing = (work: () => unknown) => codeOf(assertThrows(work));

Deno.test("the manifest names the pieces, and each piece is what it says, read in any steps", async () => {
  using w = new World();
  const bytes = noise(700 * KIB);
  const { id, hashes } = await w.open(w.add("a", bytes));
  assertEquals(hashes.length, 3 * 32);
  for (const step of [1_000, 256 * KIB, 1_000_000]) {
    assertEquals(concat([0, 1, 2].map((i) => w.piece(id, i, step))), bytes);
  }
  assertEquals(sha256(w.piece(id, 1)), hashes.slice(32, 64));
});

Deno.test("pieces go across the files of a pack, in any steps, again and again", async () => {
  using w = new World();
  const files = [100 * KIB, 0, 200 * KIB + 7, 1, 300 * KIB].map((size, i) =>
    w.add(`f${i}`, noise(size, i + 1))
  );
  const { id, hashes } = await w.open(...files);
  const all = concat([100 * KIB, 0, 200 * KIB + 7, 1, 300 * KIB].map((size, i) => noise(size, i + 1)));
  for (const step of [1_000, 33_333, 256 * KIB]) {
    const pieces = [0, 1, 2].map((i) => w.piece(id, i, step));
    assertEquals(concat(pieces), all);
    pieces.forEach((piece, i) => assertEquals(sha256(piece), hashes.slice(32 * i, 32 * i + 32)));
  }
});

Deno.test("empty files make a manifest without pieces", async () => {
  using w = new World();
  const { id, hashes } = await w.open(w.add("a", noise(0)), w.add("b", noise(0)));
  assertEquals(hashes.length, 0);
  assertEquals(missing(() => w.store.piece(id, 0)), "not_found");
});

Deno.test("hashes that the scan has kept are used as they are", async () => {
  using w = new World();
  const file = w.add("a", noise(700 * KIB));
  w.pieces.put(file.sha256, noise(96, 9));
  assertEquals((await w.open(file)).hashes, noise(96, 9));
});

Deno.test("what isn't here, or is here with another size, is not found", async () => {
  using w = new World();
  const file = w.add("a", noise(10));
  for (const other of [{ ...file, name: "b" }, { ...file, size: 11 }, { ...file, sha256: "0".repeat(64) }]) {
    assertEquals(codeOf(await assertRejects(() => w.store.manifest([other]))), "not_found");
  }
  assertEquals(missing(() => w.store.piece("0".repeat(64), 0)), "not_found");
  const { id } = await w.open(file);
  assertEquals(missing(() => w.store.piece(id, 1)), "not_found");
});

Deno.test("a file that changed is not delivered, nor is one that has gone or become a link", async () => {
  const changes: [string, (w: World) => void][] = [
    ["changed", (w) => Deno.utimeSync(w.temp.at("a"), 1e9, 1e9)],
    ["changed", (w) => w.temp.file("a", noise(9))],
    ["not_found", (w) => Deno.removeSync(w.temp.at("a"))],
    ["changed", (w) => (Deno.removeSync(w.temp.at("a")), Deno.mkdirSync(w.temp.at("a")))],
  ];
  if (Deno.build.os !== "windows") {
    changes.push([
      "changed",
      (w) => (Deno.renameSync(w.temp.at("a"), w.temp.at("b")), Deno.symlinkSync("b", w.temp.at("a"))),
    ]);
  }
  for (const [code, change] of changes) {
    using w = new World();
    const file = w.add("a", noise(700 * KIB));
    const { id } = await w.open(file);
    w.piece(id, 0);
    change(w);
    assertEquals(missing(() => w.piece(id, 1)), code);
    assertEquals(codeOf(await assertRejects(() => w.store.manifest([file]))), code);
  }
});

Deno.test("a file of a pack that changed a while after the manifest was made is not delivered", async () => {
  using w = new World();
  const files = [w.add("a", noise(150 * KIB, 1)), w.add("b", noise(150 * KIB, 2))];
  const { id } = await w.open(...files);
  w.temp.file("b", noise(150 * KIB, 3));
  Deno.utimeSync(w.temp.at("b"), 1e9, 1e9);
  w.clock.advance(60_000);
  assertEquals(missing(() => w.store.piece(id, 0)), "changed");
});

Deno.test("a file that comes back as it was is delivered again, under the same name of content", async () => {
  using w = new World();
  const file = w.add("a", noise(700 * KIB));
  const { id } = await w.open(file);
  w.piece(id, 0);
  w.temp.file("a", "x");
  assertEquals(missing(() => w.piece(id, 0)), "changed");
  assertEquals((await w.open(w.add("a", noise(700 * KIB)))).id, id);
  assertEquals(w.piece(id, 2), noise(700 * KIB).slice(512 * KIB));
});

Deno.test("a hostile name makes no manifest", async () => {
  using w = new World();
  const file = w.add("a", noise(10));
  w.rows.set("../a", { ...file, modified: "" });
  await assertRejects(() => w.store.manifest([{ ...file, name: "../a" }]));
  await assertRejects(() => w.store.manifest([file, file]));
});

Deno.test("what is in use is kept when there are too many contents; what isn't is made anew when asked for", async () => {
  using w = new World();
  const used = await w.open(w.add("used", noise(10)));
  const idle = await w.open(w.add("idle", noise(20)));
  for (let i = 0; i < 600; i++) {
    await w.open(w.add(`f${i}`, noise(3, i + 1)));
    w.store.piece(used.id, 0);
  }
  assertEquals(w.piece(used.id, 0), noise(10));
  assertEquals(missing(() => w.store.piece(idle.id, 0)), "not_found");
  assertEquals((await w.open({ name: "idle", size: 20, sha256: w.rows.get("idle")!.sha256 })).id, idle.id);
  assertEquals(w.piece(idle.id, 0), noise(20));
});

Deno.test("packs whose manifests are asked for again and again, and their pieces never, cost no more each time", async () => {
  using w = new World();
  const pack = [...Array(10).keys()].map((i) => w.add(`p${i}`, noise(900 * KIB, i + 1)));
  const { id } = await w.open(...pack);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 520; i++) await w.open(w.add(`f${i}`, noise(3, i + 1)));
    assertEquals((await w.open(...pack)).id, id);
  }
  assertEquals(w.piece(id, 0), noise(900 * KIB, 1).slice(0, 256 * KIB));
});

Deno.test("many files are open at most for a while; what is tidied can be read again", async () => {
  using w = new World();
  const ids: string[] = [];
  for (let i = 0; i < 40; i++) ids.push((await w.open(w.add(`f${i}`, noise(10, i + 1)))).id);
  ids.forEach((id, i) => assertEquals(w.piece(id, 0), noise(10, i + 1)));
  w.clock.advance(60_000);
  w.store.tidy();
  ids.forEach((id, i) => assertEquals(w.piece(id, 0), noise(10, i + 1)));
  assertNotEquals(ids[0], ids[1]);
  assert(new Set(ids).size === 40);
});

Deno.test("manifests take no more room than there is; the one that was used longest ago goes first, the newest never", async () => {
  using w = new World();
  const files = Array.from({ length: 12 }, (_, i) => w.add(`file ${i}`, noise(10 + i)));
  const first = await w.store.manifest([files[0]!]);
  const most = 3.5 * first.length;
  const store = new ContentStore(
    (_, name) => ({ name, root: w.root, size: w.rows.get(name)!.size, modified: w.rows.get(name)!.modified }),
    ...[undefined, w.clock, most] as const,
  );
  const ids: string[] = [];
  const open = async (file: ContentFile) => ids.push(toHex(sha256(await store.manifest([file]))));
  for (const file of files) {
    await open(file);
    store.piece(ids[0]!, 0);
  }
  assertEquals(ids.map((id) => store.has(id)), [true, ...Array(9).fill(false), true, true]);
  // Asked for again it's made again, and is the same.
  assertEquals(toHex(sha256(await store.manifest([files[5]!]))), ids[5]!);
  const small = new ContentStore(
    (_, name) => ({ name, root: w.root, size: w.rows.get(name)!.size, modified: w.rows.get(name)!.modified }),
    ...[undefined, w.clock, 10] as const,
  );
  for (const file of files) assertEquals(small.has(toHex(sha256(await small.manifest([file])))), true);
  store.close();
  small.close();
});

/** A store that reads all that it is asked for; each pause on its way takes half a second. */
function slowStore(w: World) {
  const pauses = { count: 0, each: () => {} };
  const clock = Object.assign(new FakeClock(), {
    sleep: () => {
      pauses.count++;
      pauses.each();
      clock.advance(500);
      return new Promise<void>((resolve) => afterThisTurn(resolve));
    },
  });
  const find = (_: string, name: string) => {
    const { size, modified } = w.rows.get(name)!;
    return { name, root: w.root, size, modified };
  };
  return { store: new ContentStore(find, undefined, clock), pauses };
}

const asker = (who: string) => ({ who, aborted: false });

/** Ten pauses long. */
const LARGE = 40 * 256 * KIB;

Deno.test("who has much read keeps nobody waiting who wants little, however often it asks", async () => {
  using w = new World();
  const [large, other, small] = [noise(LARGE, 1), noise(LARGE, 2), noise(10)].map((bytes, i) =>
    w.add(`f${i}`, bytes)
  );
  const { store, pauses } = slowStore(w);
  const order: string[] = [];
  const ask = async (who: string, file: ContentFile) => {
    await store.manifest([file], asker(who));
    // Who reads next has begun its first pause by then.
    order.push(`${who} ${file.name} after ${pauses.count}`);
  };
  let little: Promise<void> | undefined;
  pauses.each = () => {
    if (pauses.count === 3) little = ask("b", small!);
  };
  await Promise.all([large!, other!].map((file) => ask("a", file)));
  await little;
  assertEquals(order, ["b f2 after 5", "a f0 after 11", "a f1 after 20"]);
  store.close();
});

Deno.test("nothing more is read for who has gone, or hadn't its turn yet", async () => {
  using w = new World();
  const [large, other] = [1, 2].map((seed) => w.add(`f${seed}`, noise(LARGE, seed)));
  const { store, pauses } = slowStore(w);
  const [gone, waits] = [asker("a"), asker("a")];
  pauses.each = () => gone.aborted = waits.aborted = true;
  const all = [store.manifest([large!], gone), store.manifest([other!], waits)];
  for (const each of all) assertEquals(codeOf(await assertRejects(() => each)), "interrupted");
  assertEquals(pauses.count, 1);
  store.close();
});

Deno.test("what two want at once is read once; it goes on for the second when the first has gone", async () => {
  using w = new World();
  const file = w.add("a", noise(LARGE));
  for (const [goes, most] of [[false, 10], [true, 11]] as const) {
    const { store, pauses } = slowStore(w);
    const first = asker("a");
    pauses.each = () => first.aborted = goes;
    const [one, two] = await Promise.allSettled([
      store.manifest([file], first),
      store.manifest([file], asker("b")),
    ]);
    assertEquals([one!.status, two!.status], [goes ? "rejected" : "fulfilled", "fulfilled"]);
    assertEquals(pauses.count, most);
    store.close();
  }
});

Deno.test("what makes no content is refused before anything of it is read", async () => {
  using w = new World();
  const file = w.add("a", noise(LARGE));
  const { store, pauses } = slowStore(w);
  const other = w.add("A", noise(LARGE));
  for (const wanted of [[file, file], [file, other]]) {
    assertEquals(codeOf(await assertRejects(() => store.manifest(wanted))), "failed");
  }
  assertEquals(pauses.count, 0);
  store.close();
});
