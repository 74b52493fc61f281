/** A file whose pieces can be had before its end is hashed, and that must not change meanwhile. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { toHex } from "../../base/bytes.ts";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import { contextOf } from "../_testing.ts";
import { fileToSend } from "../send_files.ts";
import { ContentStore, type PieceReader } from "../serve/content_store.ts";
import { HashedFile } from "./hashed_file.ts";
import { filesToBroadcast } from "./prepare.ts";

const KIB = 1024;
const ID = "ab".repeat(32);
/** Six pieces. */
const BYTES = noise(1_500 * KIB, 7);

class Stage implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly path = this.temp.file("image.bin", BYTES);
  readonly file = fileToSend(this.path, "image.bin")!;
  /** Hashing goes this far, bytes. */
  #reach = Promise.withResolvers<void>();
  readonly hashed: HashedFile;

  constructor(upTo = Infinity) {
    const gate = (offset: number) => offset < upTo ? Promise.resolve() : this.#reach.promise;
    this.hashed = new HashedFile(this.file, { id: ID, offered: "image.bin", clock: systemClock, gate });
  }

  open(): void {
    this.#reach.resolve();
  }

  async [Symbol.asyncDispose]() {
    this.open();
    await this.hashed.close();
    this.temp[Symbol.dispose]();
  }
}

function read({ length, fill }: PieceReader): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 100_000) fill(bytes.subarray(at, at + 100_000), at);
  return bytes;
}

Deno.test("the first pieces can be had while the rest isn't hashed; the others not yet", async () => {
  await using stage = new Stage(800 * KIB);
  const { hashed } = stage;
  await hashed.feed.more(2);
  assertEquals(hashed.feed.known, 3);
  assertEquals(read(hashed.piece(ID, 2)!), BYTES.subarray(512 * KIB, 768 * KIB));
  assertEquals(codeOf(assertThrows(() => hashed.piece(ID, 3))), "not_found");
  assertEquals(hashed.piece("ef".repeat(32), 0), undefined);
  assertEquals(hashed.manifest([{ name: "image.bin", size: BYTES.length, sha256: ID }]), undefined);
});

Deno.test("it is hashed alike whether it has just begun or is at it for long", async () => {
  using temp = new TempFolder();
  const file = fileToSend(temp.file("image.bin", BYTES), "image.bin")!;
  for (const after of [0, 10_000]) {
    const clock = new FakeClock();
    const hashed = new HashedFile(file, { id: ID, offered: "image.bin", clock });
    clock.advance(after);
    assertEquals((await hashed.feed.closed()).sha256, toHex(sha256(BYTES)));
    assertEquals(hashed.feed.known, 6);
    await hashed.close();
  }
});

Deno.test("closed, it is the content that any holder would make of it, by both names", async () => {
  await using stage = new Stage();
  const { hashed, file } = stage;
  const { sha256: whole, content } = await hashed.feed.closed();
  assertEquals(whole, toHex(sha256(BYTES)));
  const files = [{ name: "image.bin", size: BYTES.length, sha256: whole }];
  const store = new ContentStore(() => file, undefined, systemClock);
  assertEquals(await store.manifest(files), hashed.manifest(files));
  store.close();
  assertEquals(read(hashed.piece(content, 5)!), BYTES.subarray(1_280 * KIB));
});

for (
  const [what, change] of Object.entries<(path: string) => void>({
    "becomes longer": (path) => Deno.writeFileSync(path, new Uint8Array(10), { append: true }),
    "becomes shorter": (path) => Deno.truncateSync(path, 1_000 * KIB),
    "is written to": (path) => Deno.utimeSync(path, 1, 1),
    "goes away": (path) => Deno.removeSync(path),
  })
) {
  Deno.test(`a file that ${what} while it is hashed fails, with a sentence`, async () => {
    await using stage = new Stage(800 * KIB);
    await stage.hashed.feed.more(2);
    change(stage.path);
    stage.open();
    const fault = await assertRejects(() => stage.hashed.feed.closed(), LabError, "image.bin changed while");
    assertEquals(codeOf(fault), "changed");
  });
}

Deno.test("ended in the middle, nobody waits for it any more", async () => {
  const stage = new Stage(800 * KIB);
  const closed = assertRejects(() => stage.hashed.feed.closed(), LabError);
  await stage[Symbol.asyncDispose]();
  assertEquals(codeOf(await closed), "interrupted");
});

Deno.test("what is small, in a folder, or one of several is hashed first", async () => {
  using temp = new TempFolder();
  const large = temp.file("set/large.bin", "");
  Deno.truncateSync(large, 64 * 1024 * KIB + 1);
  const small = temp.file("small.bin");
  const context = contextOf();
  for (const paths of [[small], [temp.at("set")], [large, small]]) {
    for (const file of await filesToBroadcast(paths, context)) assertEquals(file.hashing, undefined);
  }
  const [file] = await filesToBroadcast([large], context);
  assert(file!.hashing && file!.sha256 === file!.hashing.feed.id);
  const { sha256: whole } = await file!.hashing.feed.closed();
  await file!.hashing.close();
  const [hashed] = await filesToBroadcast([large, small], context);
  assertEquals(hashed!.sha256, whole);
});
