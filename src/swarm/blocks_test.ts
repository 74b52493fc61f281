/** Pieces put together from blocks: whatever is lost, doubled or overtaken, a piece that comes out is whole. */

import { assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../base/random.ts";
import { Blocks } from "./blocks.ts";

const BLOCK = 10;
const PIECE = 40;
const LAST = 25;
const COUNT = 12;
const DISORDER = 8;
const lengthOf = (piece: number) => piece === COUNT - 1 ? LAST : PIECE;
const blocksOf = (piece: number) => Math.ceil(lengthOf(piece) / BLOCK);
const assembly = () => new Blocks({ pieceCount: COUNT, lengthOf, blockBytes: BLOCK, disorder: DISORDER });

interface Sent {
  piece: number;
  offset: number;
  number: number;
  bytes: Uint8Array;
}

/** All blocks in the order in which they are sent; each byte tells where it belongs. */
function allBlocks(): Sent[] {
  const all: Sent[] = [];
  for (let piece = 0; piece < COUNT; piece++) {
    for (let at = 0; at < blocksOf(piece); at++) {
      const length = Math.min(BLOCK, lengthOf(piece) - at * BLOCK);
      const bytes = Uint8Array.from({ length }, (_, i) => (piece * 41 + at * BLOCK + i) % 256);
      all.push({ piece, offset: at * BLOCK, number: all.length, bytes });
    }
  }
  return all;
}

const expected = (piece: number) =>
  Uint8Array.from({ length: lengthOf(piece) }, (_, i) => (piece * 41 + i) % 256);

/** Gives blocks; tells the pieces that came out, each of which must be right. */
function give(blocks: Blocks, some: readonly Sent[]): number[] {
  return some.flatMap((sent) => {
    const whole = blocks.take(sent, sent.bytes);
    if (whole) assertEquals(whole, expected(sent.piece));
    return whole ? [sent.piece] : [];
  });
}

Deno.test("blocks in order make all pieces in order", () => {
  const blocks = assembly();
  assertEquals(give(blocks, allBlocks()), Array.from({ length: COUNT }, (_, i) => i));
  assertEquals(blocks.tally, { got: allBlocks().length, lost: 0 });
});

Deno.test("a lost block loses its piece alone, which has passed once the next few have come", () => {
  const blocks = assembly();
  const all = allBlocks();
  const but = all.filter(({ piece, offset }) => !(piece === 2 && offset === BLOCK));
  const passed: number[] = [];
  const out = but.flatMap((sent) => {
    const whole = give(blocks, [sent]);
    passed.push(blocks.passed);
    return whole;
  });
  assertEquals(out, [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assertEquals(blocks.tally, { got: all.length - 1, lost: 1 });
  assertEquals(
    passed.at(-1),
    COUNT - 4,
    "8 blocks of disorder are two pieces, and two more are in the making",
  );
  assertEquals(passed, passed.toSorted((a, b) => a - b));
});

Deno.test("who comes late counts from where it came", () => {
  const blocks = assembly();
  const from = allBlocks().filter(({ piece }) => piece >= 5);
  assertEquals(give(blocks, from), [5, 6, 7, 8, 9, 10, 11]);
  assertEquals(blocks.tally, { got: from.length, lost: 0 });
});

Deno.test("blocks that overtake one another within the disorder, or come twice, lose nothing and double nothing", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const shuffled = allBlocks()
      .flatMap((sent) => random.next() < 0.2 ? [sent, sent] : [sent])
      .map((sent) => ({ sent, at: sent.number + random.next() * DISORDER }))
      .sort((a, b) => a.at - b.at).map(({ sent }) => sent);
    const out = give(assembly(), shuffled);
    assertEquals(out.toSorted((a, b) => a - b), Array.from({ length: COUNT }, (_, i) => i), `seed ${seed}`);
  }
});

Deno.test("blocks that are out of place are nothing, and don't count", () => {
  const blocks = assembly();
  const bytes = (length: number) => new Uint8Array(length);
  const wrong: [number, number, number][] = [
    [COUNT, 0, BLOCK],
    [0xfffffffe, 0, BLOCK],
    [0, 5, BLOCK],
    [0, PIECE, BLOCK],
    [0, 0xfffffff6, BLOCK],
    [0, 0, BLOCK - 1],
    [0, 0, BLOCK + 1],
    [0, 0, 0],
    [COUNT - 1, 2 * BLOCK, BLOCK],
    [COUNT - 1, 3 * BLOCK, 5],
  ];
  for (const [piece, offset, length] of wrong) {
    assertEquals(blocks.take({ piece, offset, number: 3 }, bytes(length)), undefined);
  }
  assertEquals([blocks.passed, blocks.tally], [0, { got: 0, lost: 0 }]);
});

Deno.test("a jump to the end, which anybody can make in an open lab, shows as a loss: what comes after it is of no use", () => {
  const blocks = assembly();
  const all = allBlocks();
  give(blocks, all.slice(0, 8));
  blocks.take({ piece: COUNT - 1, offset: 0, number: 8 }, new Uint8Array(BLOCK));
  assertEquals(give(blocks, all.slice(9, 20)), []);
  assertEquals([blocks.passed, blocks.tally], [COUNT - 4, { got: 9, lost: 11 }]);
});

Deno.test("memory is used again: as many pieces as are in the making, however many come", () => {
  const blocks = assembly();
  const buffers = new Set<ArrayBuffer>();
  for (const sent of allBlocks()) {
    const whole = blocks.take(sent, sent.bytes);
    if (whole) buffers.add(whole.buffer);
  }
  assertLessOrEqual(buffers.size, 4);
});

Deno.test("jumps to and fro keep few pieces in the making, and none comes out wrong", () => {
  const random = seededRandom(3);
  const all = allBlocks();
  let made = 0;
  const counted = (piece: number) => {
    made++;
    return lengthOf(piece);
  };
  const blocks = new Blocks({ pieceCount: COUNT, lengthOf: counted, blockBytes: BLOCK, disorder: DISORDER });
  for (let i = 0; i < 2_000; i++) give(blocks, [all[Math.floor(random.next() * all.length)]!]);
  assertLessOrEqual(made, 2_000 + 1 + COUNT, "each piece is begun once at most");
  assertEquals(blocks.passed <= COUNT, true);
});
