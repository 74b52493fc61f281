/** Taking what comes by multicast: from datagrams to pieces on the disk, and to an end. */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { concat, fromHex } from "../base/bytes.ts";
import { afterThisTurn, FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { MULTICAST, writeBlockHeader } from "../protocol/multicast.ts";
import { noise, TempFolder } from "../storage/_testing.ts";
import { sha256 } from "../storage/hashing.ts";
import { PartFile } from "../storage/part_file.ts";
import { Root } from "../storage/root.ts";
import { blockSeal } from "../transport/block_seal.ts";
import type { Hearer } from "../transport/multicast.ts";
import { Tuned } from "./receive_multicast.ts";
import type { ReceiveNews } from "./receive_protocol.ts";

const PIECE = 256 * 1024;
const BYTES = noise(5 * PIECE + 40_000, 3);
const KEY = "00112233445566778899aabbccddeeff";
const SESSION = "a441b15fe9a3cf56";
const ORDER = { kind: "tune", content: "c", at: "10.1.0.7", group: "239.255.1.2", session: SESSION } as const;
const pieceOf = (i: number) => BYTES.subarray(i * PIECE, Math.min(BYTES.length, (i + 1) * PIECE));

class Stage implements Disposable {
  readonly temp = new TempFolder();
  readonly clock = new FakeClock();
  readonly news: ReceiveNews[] = [];
  readonly failures: unknown[] = [];
  readonly pauses: number[] = [];
  readonly part: PartFile;
  readonly tuned: Tuned;
  hearer: Hearer | undefined;
  closed = 0;
  #number = 0;
  #seal = blockSeal(KEY);

  /** @param known pieces whose hashes are known. */
  constructor(known = 6, joining: () => Promise<void> = () => Promise.resolve(), size = BYTES.length) {
    const hashes = concat(Array.from({ length: known }, (_, i) => sha256(pieceOf(i))));
    const files = [{ name: "a.iso", size, sha256: "ab".repeat(32) }];
    const spec = {
      key: "k",
      files,
      pieceSize: PIECE,
      hashes,
      targets: ["a.iso"],
      modified: [0],
      present: [false],
    };
    this.part = PartFile.open(Root.open(this.temp.path, "write"), spec);
    this.tuned = new Tuned({
      ...{ order: { ...ORDER, key: KEY }, part: this.part, clock: this.clock },
      pause: (ms) => void this.pauses.push(ms),
      tell: (news) => void this.news.push(news),
      failed: (cause) => void this.failures.push(cause),
      listen: async (_group, _at, hearer) => {
        await joining();
        this.hearer = hearer;
        return { close: () => void this.closed++ };
      },
    });
  }

  /** A block comes, or what stands for one. */
  block(piece: number | undefined, offset: number, bytes: Uint8Array, seal = this.#seal): void {
    const number = this.#number++;
    const datagram = new Uint8Array(MULTICAST.headerBytes + bytes.length);
    writeBlockHeader(datagram, fromHex(SESSION), { piece, offset, number });
    datagram.set(bytes, MULTICAST.headerBytes);
    seal.close(datagram, number);
    this.hearer!.heard(datagram);
  }

  /** So many blocks don't come. */
  skip(count: number): void {
    this.#number += count;
  }

  piece(i: number, bytes = pieceOf(i)): void {
    for (let at = 0; at < bytes.length; at += MULTICAST.blockBytes) {
      this.block(i, at, bytes.subarray(at, at + MULTICAST.blockBytes));
    }
  }

  get pieces(): number[] {
    return this.news.flatMap((news) => news.kind === "multicast" ? news.pieces : []);
  }
  get last(): Partial<Extract<ReceiveNews, { kind: "multicast" }>> {
    return this.news.findLast((news) => news.kind === "multicast") ?? {};
  }

  [Symbol.dispose](): void {
    this.tuned.close();
    this.#seal.end();
    this.part.close();
    this.temp[Symbol.dispose]();
  }
}

Deno.test("multicast heard: pieces are verified, written and told; how it goes is told now and then", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  assertEquals(stage.last, { kind: "multicast", content: "c", passed: 0, got: 0, lost: 0, pieces: [] });
  for (let i = 0; i < 6; i++) {
    stage.piece(i);
    stage.clock.advance(60);
  }
  assertEquals(stage.pieces, [0, 1, 2, 3, 4, 5]);
  const buffer = new Uint8Array(PIECE);
  for (let i = 0; i < 6; i++) assertEquals(stage.part.holds(i, buffer), true);
  assertLessOrEqual(stage.news.filter(({ kind }) => kind === "multicast").length, 5);
});

Deno.test("multicast heard: a lost block loses its piece, a piece without a hash yet is passed over", async () => {
  using stage = new Stage(3);
  await stage.tuned.open();
  for (let at = MULTICAST.blockBytes; at < PIECE; at += MULTICAST.blockBytes) {
    stage.block(0, at, pieceOf(0).subarray(at, at + MULTICAST.blockBytes));
  }
  [1, 2, 3, 4, 5].forEach((i) => {
    stage.piece(i);
    stage.clock.advance(200);
  });
  assertEquals(stage.pieces, [1, 2]);
  assertEquals(stage.closed, 0);
});

Deno.test("multicast heard: a word follows on another once enough has come or is missing, or it has been long", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  const first = pieceOf(0).subarray(0, MULTICAST.blockBytes);
  const words = () => stage.news.filter(({ kind }) => kind === "multicast").length;
  stage.clock.advance(250);
  stage.block(0, 0, first);
  assertEquals(words(), 1, "a block says little");
  stage.clock.advance(250);
  stage.block(0, 0, first);
  assertEquals([words(), stage.last.got], [2, 1], "it has been long");
  stage.clock.advance(250);
  stage.skip(MULTICAST.ports);
  stage.block(0, 0, first);
  assertEquals(
    [words(), stage.last.lost],
    [3, MULTICAST.ports + 2],
    "more is missing than may lie elsewhere",
  );
});

Deno.test("multicast heard: on a fast link a word follows as soon as blocks say enough of what is lost", async () => {
  using stage = new Stage(0, undefined, 40 * PIECE);
  await stage.tuned.open();
  for (let i = 0; i < 23; i++) stage.piece(i, new Uint8Array(PIECE));
  stage.clock.advance(250);
  stage.block(23, 0, new Uint8Array(MULTICAST.blockBytes));
  assertEquals(stage.last.got, 0, "116 blocks are too few");
  for (let at = 1; at < 4; at++) {
    stage.block(23, at * MULTICAST.blockBytes, new Uint8Array(MULTICAST.blockBytes));
  }
  assertEquals(stage.last.got, 0);
  stage.block(24, 0, new Uint8Array(MULTICAST.blockBytes));
  assertEquals(stage.last.got, 120);
});

Deno.test("multicast heard: it ends when every port has said so, or a moment after the first has", async () => {
  for (const ports of [MULTICAST.ports, 1]) {
    using stage = new Stage();
    await stage.tuned.open();
    stage.piece(0);
    for (let i = 0; i < ports; i++) stage.block(undefined, 0, new Uint8Array());
    if (ports === 1) {
      assertEquals([stage.last.why, stage.closed], [undefined, 0]);
      // What lay on another port.
      stage.piece(1);
      stage.clock.advance(51);
    }
    assertEquals([stage.last.why, stage.closed], ["It has ended", 1]);
    assertEquals(stage.pieces, ports === 1 ? [0, 1] : [0]);
    stage.piece(2);
    assertEquals(stage.pieces.includes(2), false, "nothing is heard afterwards");
  }
});

Deno.test("multicast heard: after three whole pieces that are wrong nothing is believed any more", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  [0, 1].forEach((i) => stage.piece(i, new Uint8Array(PIECE)));
  assertEquals(stage.closed, 0);
  stage.piece(2, new Uint8Array(PIECE));
  assertEquals([stage.pieces, stage.closed, stage.last.why], [
    [],
    1,
    "3 pieces were not what they should be",
  ]);
});

Deno.test("multicast heard: what was sealed with another key, or with none, doesn't count, and ends nothing", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  for (const seal of [blockSeal(undefined), blockSeal(KEY.replace("00", "01"))]) {
    for (let i = 0; i < 20; i++) stage.block(undefined, 0, new Uint8Array(), seal);
    stage.block(5, 0, new Uint8Array(MULTICAST.blockBytes), seal);
    seal.end();
  }
  stage.piece(0);
  stage.clock.advance(500);
  stage.block(1, 0, pieceOf(1).subarray(0, MULTICAST.blockBytes));
  assertEquals([stage.pieces, stage.last.passed, stage.last.lost], [[0], 0, 0]);
});

Deno.test("multicast heard: a group that can't be joined, and a socket that fails, are told", async () => {
  using stage = new Stage(6, () => Promise.reject(new LabError("failed", "no such card")));
  await stage.tuned.open();
  assertEquals(stage.last.why, "Cannot listen: no such card");
  using other = new Stage();
  await other.tuned.open();
  other.hearer!.failed();
  assertEquals([other.last.why, other.closed], ["A socket failed", 1]);
});

Deno.test("multicast heard: closed while it joins, it leaves again, and says nothing more", async () => {
  const joining = Promise.withResolvers<void>();
  using stage = new Stage(6, () => joining.promise);
  const opened = stage.tuned.open();
  stage.tuned.close();
  joining.resolve();
  await opened;
  stage.piece(0);
  assertEquals([stage.closed, stage.news], [1, []]);
});

Deno.test("multicast heard: what was written and not told yet is told when nobody wants to hear more", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  stage.piece(0);
  stage.piece(1);
  stage.tuned.close();
  assertEquals(stage.pieces, [0, 1]);
  stage.tuned.close();
  assertEquals(stage.pieces, [0, 1], "once");
});

Deno.test("multicast heard: a full disk is a fault of ours, once", async () => {
  using stage = new Stage();
  await stage.tuned.open();
  stage.part.close();
  stage.piece(0);
  stage.piece(1);
  assertEquals([stage.failures.length, stage.pieces, stage.closed], [1, [], 1]);
});

Deno.test("multicast heard: blocks gather, the longer the slower they come, and never long", async () => {
  const turn = () => new Promise<void>((resolve) => afterThisTurn(resolve));
  const pauses = async (ms: number) => {
    using stage = new Stage();
    await stage.tuned.open();
    for (let i = 0; i < 6; i++) {
      stage.piece(i);
      await turn();
      stage.clock.advance(ms);
    }
    return Math.max(...stage.pauses);
  };
  const [slow, fast] = [await pauses(100), await pauses(2)];
  assertLessOrEqual(slow, 40);
  assertGreater(slow, fast);
  assertLessOrEqual(fast, 15);
});
