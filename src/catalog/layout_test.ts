import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { contentFile } from "./_arbitraries.ts";
import { type ContentFile, Layout, MAX_PIECE_SIZE, MIN_PIECE_SIZE, pieceSizeFor } from "./layout.ts";

const MIB = 2 ** 20;
const sized = (...sizes: number[]): ContentFile[] =>
  sizes.map((size, i) => ({ name: `f${i}`, size, sha256: "0".repeat(64) }));

Deno.test("pieceSizeFor: golden borders", () => {
  const table: [total: number, kib: number][] = [
    [0, 256],
    [1, 256],
    [64 * MIB, 256],
    [64 * MIB + 1, 512],
    [512 * MIB - 1, 512],
    [512 * MIB, 1024],
    [2048 * MIB - 1, 1024],
    [2048 * MIB, 2048],
    [4096 * MIB - 1, 2048],
    [4096 * MIB, 4096],
    [Number.MAX_SAFE_INTEGER, 4096],
  ];
  for (const [total, kib] of table) assertEquals(pieceSizeFor(total), kib * 1024, String(total));
});

Deno.test("pieceSizeFor: a power of two, never falling, at most 2048 pieces below 8 GiB", () => {
  fc.assert(fc.property(fc.maxSafeNat(), fc.double({ min: 0, max: 33, noNaN: true }), (any, power) => {
    for (const total of [any, Math.floor(2 ** power)]) {
      const size = pieceSizeFor(total);
      assert(Number.isInteger(Math.log2(size)) && size >= MIN_PIECE_SIZE && size <= MAX_PIECE_SIZE);
      assert(pieceSizeFor(Math.floor(total / 2)) <= size);
      if (total < 2 ** 33) assert(Math.ceil(total / size) <= 2048);
    }
  }));
});

Deno.test("Layout: golden, with empty files before, between and after", () => {
  const layout = new Layout(sized(0, 3, 0, 0, 6, 0), 4);
  assertEquals([layout.totalBytes, layout.pieceCount], [9, 3]);
  assertEquals([0, 1, 2].map((i) => layout.pieceLength(layout.piece(i))), [4, 4, 1]);
  assertEquals(layout.spans(layout.piece(0)), [
    { file: 1, fileOffset: 0, length: 3, pieceOffset: 0 },
    { file: 4, fileOffset: 0, length: 1, pieceOffset: 3 },
  ]);
  assertEquals(layout.spans(layout.piece(1)), [{ file: 4, fileOffset: 1, length: 4, pieceOffset: 0 }]);
  assertEquals(layout.spans(layout.piece(2)), [{ file: 4, fileOffset: 5, length: 1, pieceOffset: 0 }]);
  assertEquals(layout.files.map((_, i) => layout.piecesOf(i)), [
    undefined,
    { first: 0, last: 0 },
    undefined,
    undefined,
    { first: 0, last: 2 },
    undefined,
  ]);
});

Deno.test("Layout: no files, empty files", () => {
  for (const files of [[], sized(0), sized(0, 0, 0)]) {
    const layout = new Layout(files);
    assertEquals([layout.pieceCount, layout.totalBytes, layout.pieceSize], [0, 0, MIN_PIECE_SIZE]);
    assertThrows(() => layout.piece(0), RangeError);
  }
});

Deno.test("Layout: refuses what can't be counted", () => {
  for (const sizes of [[2 ** 53], [2 ** 53 - 1, 1], [-1], [1.5], [NaN]]) {
    assertThrows(() => new Layout(sized(...sizes)), LabError, "Cannot lay out");
  }
  assertEquals(new Layout(sized(2 ** 53 - 1)).pieceCount, 2 ** 31);
  for (const size of [0, -1, 0.5, NaN, Infinity]) assertThrows(() => new Layout(sized(1), size), RangeError);
  const layout = new Layout(sized(8), 4);
  for (const i of [-1, 2, 0.5, NaN]) assertThrows(() => layout.piece(i), RangeError);
  assertThrows(() => layout.piecesOf(1), RangeError);
});

Deno.test("Layout: spans cover every byte once, in order, and piecesOf agrees with them", () => {
  fc.assert(
    fc.property(fc.array(contentFile, { maxLength: 12 }), fc.integer({ min: 1, max: 50 }), (files, size) => {
      const layout = new Layout(files, size);
      const next = files.map(() => 0);
      const touched = files.map(() => [] as number[]);
      let lastFile = 0;
      for (let i = 0; i < layout.pieceCount; i++) {
        let at = 0;
        for (const span of layout.spans(layout.piece(i))) {
          assertEquals([span.pieceOffset, span.fileOffset], [at, next[span.file]!]);
          assert(span.length > 0 && span.file >= lastFile);
          lastFile = span.file;
          at += span.length;
          next[span.file]! += span.length;
          touched[span.file]!.push(i);
        }
        assertEquals(at, layout.pieceLength(layout.piece(i)));
      }
      assertEquals(next, files.map((f) => f.size));
      files.forEach((file, i) => {
        const wanted = file.size === 0 ? undefined : { first: touched[i]![0]!, last: touched[i]!.at(-1)! };
        assertEquals(layout.piecesOf(i), wanted);
      });
    }),
  );
});

Deno.test("Layout: 100,000 files, spans of every piece in a blink", () => {
  const layout = new Layout(sized(...Array.from({ length: 100_000 }, (_, i) => i % 3000)));
  const start = cpuTime();
  let spans = 0;
  for (let i = 0; i < layout.pieceCount; i++) spans += layout.spans(layout.piece(i)).length;
  assert(spans >= 99_000);
  assert(cpuTime() - start < 500, `${cpuTime() - start} ms`);
});
