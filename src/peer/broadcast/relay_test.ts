/** Pieces that are asked for before they are here. */

import { assertEquals, assertRejects } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { FakeClock } from "../../base/clock.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import { Layout } from "../../catalog/layout.ts";
import { hashesOf } from "../../catalog/manifest.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { sha256 } from "../../storage/hashing.ts";
import type { Connection } from "../../transport/connection.ts";
import { Exchange } from "../../transport/exchange.ts";
import type { PieceReader } from "../serve/content_store.ts";
import { Relay } from "./relay.ts";

const KIB = 1024;
const ID = "ab".repeat(32);
/** Three pieces. */
const BYTES = noise(600 * KIB, 1);
const FILES = [{ name: "image.bin", size: BYTES.length, sha256: "cd".repeat(32) }];
const LAYOUT = new Layout(FILES, 256 * KIB);
const PIECES = [0, 1, 2].map((i) => BYTES.subarray(i * 256 * KIB, (i + 1) * 256 * KIB));
const HASHES = concat(PIECES.map(sha256));

class Stage implements Disposable {
  readonly temp = new TempFolder();
  readonly clock = new FakeClock();
  readonly relay = new Relay(this.clock);
  readonly asker = new Exchange({} as Connection, 1);

  begin(bytes: Uint8Array = BYTES): string {
    const path = this.temp.file("x.part", bytes);
    this.relay.begin(ID, { path, layout: LAYOUT, hashes: HASHES });
    return path;
  }

  piece(index: number): Promise<PieceReader | undefined> {
    return this.relay.piece(ID, index, this.asker);
  }

  [Symbol.dispose](): void {
    this.relay.close();
    this.temp[Symbol.dispose]();
  }
}

function read(piece: PieceReader | undefined): Uint8Array {
  const bytes = new Uint8Array(piece!.length);
  // As it is sent: bit by bit.
  for (let at = 0; at < bytes.length; at += 70_000) piece!.fill(bytes.subarray(at, at + 70_000), at);
  return bytes;
}

async function settled(promise: Promise<unknown>): Promise<boolean> {
  let over = false;
  promise.then(() => over = true, () => over = true);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return over;
}

async function assertGivenUp(promise: Promise<unknown>): Promise<void> {
  assertEquals(codeOf(await assertRejects(() => promise, LabError)), "not_found");
}

Deno.test("it is known whether anybody waits for a piece before another, that isn't here", async () => {
  using stage = new Stage();
  assertEquals(stage.relay.isWaitedFor(ID, 3), false, "it isn't passed on");
  stage.begin();
  assertEquals(stage.relay.isWaitedFor(ID, 3), false);
  const waiting = stage.piece(1);
  assertEquals([1, 2].map((before) => stage.relay.isWaitedFor(ID, before)), [false, true]);
  stage.relay.hold(ID, [1]);
  await waiting;
  assertEquals(stage.relay.isWaitedFor(ID, 3), false);
});

Deno.test("a piece that is held is read; one that isn't is waited for, by several", async () => {
  using stage = new Stage();
  stage.begin();
  stage.relay.hold(ID, [0]);
  assertEquals(read(await stage.piece(0)), PIECES[0]);
  const waiting = [stage.piece(2), stage.piece(2), stage.piece(1)];
  assertEquals(await settled(Promise.race(waiting)), false);
  stage.relay.hold(ID, [2]);
  assertEquals(read(await waiting[0]), PIECES[2]);
  assertEquals(read(await waiting[1]), PIECES[2]);
  assertEquals(await settled(waiting[2]!), false);
  stage.relay.hold(ID, [1]);
  assertEquals(read(await waiting[2]), PIECES[1]);
  await assertGivenUp(stage.piece(3));
});

Deno.test("an unknown content is not ours, unless a broadcast is expected: then it has ten seconds", async () => {
  using stage = new Stage();
  assertEquals(await stage.piece(0), undefined);
  const over = stage.relay.expect();
  const early = stage.piece(0);
  const tooLate = stage.relay.piece("ef".repeat(32), 0, stage.asker);
  assertEquals(await settled(early), false);
  stage.clock.advance(5_000);
  stage.begin();
  stage.relay.hold(ID, [0]);
  assertEquals(read(await early), PIECES[0]);
  assertEquals(await settled(tooLate), false);
  stage.clock.advance(5_000);
  assertEquals(await tooLate, undefined);
  const last = stage.relay.piece("ef".repeat(32), 0, stage.asker);
  over();
  assertEquals(await last, undefined);
});

Deno.test("who is asked by the plan of a broadcast before it has heard of it: the question waits for that", async () => {
  using stage = new Stage();
  const waiting = stage.relay.piece(ID, 1, stage.asker, true);
  assertEquals(await settled(waiting), false);
  stage.begin();
  stage.relay.hold(ID, [1]);
  assertEquals(read(await waiting), PIECES[1]);
  const vain = stage.relay.piece("cd".repeat(32), 0, stage.asker, true);
  stage.clock.advance(10_000);
  assertEquals(await vain, undefined);
});

Deno.test("who no longer wants a piece doesn't wait for it", async () => {
  using stage = new Stage();
  stage.begin();
  const waiting = stage.piece(0);
  assertEquals(await settled(waiting), false);
  stage.asker.end("cancelled");
  assertEquals(codeOf(await assertRejects(() => waiting, LabError)), "interrupted");
});

Deno.test("a content that is given up: nobody waits for what won't come; what is held is passed on", async () => {
  using stage = new Stage();
  stage.begin();
  stage.relay.hold(ID, [0]);
  const waiting = stage.piece(1);
  assertEquals(await settled(waiting), false);
  stage.relay.end(ID);
  await assertGivenUp(waiting);
  await assertGivenUp(stage.piece(1));
  assertEquals(read(await stage.piece(0)), PIECES[0]);
});

Deno.test("begun again after it was given up, it stays, and is read from the new part file", async () => {
  using stage = new Stage();
  const path = stage.begin(noise(600 * KIB, 9));
  stage.relay.hold(ID, [0]);
  stage.relay.end(ID);
  Deno.removeSync(path);
  stage.begin();
  const waiting = stage.piece(0);
  assertEquals(await settled(waiting), false);
  stage.relay.hold(ID, [0]);
  assertEquals(read(await waiting), PIECES[0]);
  stage.clock.advance(100_000);
  stage.relay.tidy();
  assertEquals(read(await stage.piece(0)), PIECES[0]);
});

Deno.test("what is whole is passed on for a minute after somebody asked last, under its new name too", async () => {
  using stage = new Stage();
  const path = stage.begin();
  stage.relay.hold(ID, [0, 1, 2]);
  Deno.renameSync(path, stage.temp.at("image.bin"));
  stage.relay.end(ID);
  stage.clock.advance(50_000);
  stage.relay.tidy();
  const slow = await stage.piece(1);
  stage.clock.advance(50_000);
  stage.relay.tidy();
  assertEquals(read(slow), PIECES[1]);
  stage.clock.advance(60_001);
  stage.relay.tidy();
  assertEquals(await stage.piece(1), undefined);
  assertEquals(codeOf(await assertRejects(() => Promise.resolve().then(() => read(slow)))), "not_found");
});

Deno.test("the manifest is given to who asks for the same files", () => {
  using stage = new Stage();
  assertEquals(stage.relay.manifest(FILES), undefined);
  stage.begin();
  assertEquals(hashesOf(stage.relay.manifest(FILES)!, LAYOUT), HASHES);
  assertEquals(stage.relay.manifest([{ ...FILES[0]!, size: 1 }]), undefined);
});

Deno.test("at the end all who wait are told", async () => {
  using stage = new Stage();
  stage.begin();
  stage.relay.expect();
  const held = stage.piece(0);
  const unknown = stage.relay.piece("ef".repeat(32), 0, stage.asker);
  assertEquals(await settled(Promise.race([held, unknown])), false);
  stage.relay.close();
  await assertGivenUp(held);
  stage.asker.end("cancelled");
  assertEquals(await unknown, undefined);
});
