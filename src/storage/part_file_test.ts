/** A part file takes right pieces only, outlives a crash, and becomes the files that were claimed or nothing. */

import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { existsSync } from "@std/fs";
import { basename } from "@std/path";
import { concat, toHex } from "../base/bytes.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { MAX_PIECE_SIZE } from "../catalog/layout.ts";
import * as fc from "../deps/fast_check.ts";
import { NO_VOLUME, noise, specOf, TempFolder, tinyVolume } from "./_testing.ts";
import { PartFile } from "./part_file.ts";
import { Root } from "./root.ts";

const buffer = new Uint8Array(MAX_PIECE_SIZE);
const A = noise(250, 1);
const PACK = { "d/a": noise(70, 2), "b": noise(0), "d/c": noise(250, 3), "e": noise(1, 4) };

function world(where?: TempFolder) {
  const temp = where ?? new TempFolder();
  return { temp, root: Root.open(temp.path, "write"), [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

/** Takes all pieces. */
function fill(part: PartFile, spec: ReturnType<typeof specOf>): void {
  for (let i = 0; i < part.layout.pieceCount; i++) assert(part.accept(i, spec.piece(i)));
}

function heldBy(part: PartFile): number[] {
  return Array.from({ length: part.layout.pieceCount }, (_, i) => i).filter((i) => part.holds(i, buffer));
}

Deno.test("a file's pieces in any order make the file, with its time", () => {
  using w = world();
  const modified = Date.UTC(2020, 1, 2, 3, 4, 5, 678);
  const spec = specOf({ "d/a.bin": A }, 100, { modified: [modified] });
  const part = PartFile.open(w.root, spec);
  for (const i of [2, 0, 1]) assert(part.accept(i, spec.piece(i)));
  assertEquals(w.temp.list(), [".labswarm-k.part"]);
  assertEquals(part.finish("small"), [w.temp.at("d", "a.bin")]);
  assertEquals(Deno.readFileSync(w.temp.at("d", "a.bin")), A);
  assertEquals(Deno.statSync(w.temp.at("d", "a.bin")).mtime?.getTime(), modified);
  assertEquals(w.temp.list(), ["d/a.bin"]);
});

Deno.test("a wrong piece, a piece of another place or length, is not written", () => {
  using w = world();
  const spec = specOf({ a: A }, 100);
  const part = PartFile.open(w.root, spec);
  assert(part.accept(1, spec.piece(1)));
  assertFalse(part.accept(0, noise(100, 9)));
  assertFalse(part.accept(0, spec.piece(1)));
  assertFalse(part.accept(2, spec.piece(0)));
  assertFalse(part.accept(0, spec.piece(0).subarray(0, 99)));
  assertFalse(part.accept(2, concat([spec.piece(2), new Uint8Array(1)])));
  assertThrows(() => part.accept(3, new Uint8Array(0)), RangeError);
  assertEquals(heldBy(part), [1]);
  part.close();
});

Deno.test("pieces of several files packed end to end make all of them, empty ones too", () => {
  using w = world();
  const spec = specOf(PACK, 100);
  const part = PartFile.open(w.root, spec);
  fill(part, spec);
  assertEquals(
    part.finish("always"),
    Object.keys(PACK).map((name) => w.temp.at(...name.split("/"))),
  );
  for (const [name, bytes] of Object.entries(PACK)) assertEquals(Deno.readFileSync(w.temp.at(name)), bytes);
  assertEquals(w.temp.list(), ["b", "d/a", "d/c", "e"]);
});

Deno.test("an empty file needs no piece", () => {
  using w = world();
  for (const files of [{ a: noise(0) }, { b: noise(0), c: noise(0) }]) {
    const part = PartFile.open(w.root, specOf(files, 100));
    assertEquals([part.layout.pieceCount, part.span()], [0, 0]);
    part.finish("always");
  }
  assertEquals(w.temp.list().map((name) => [name, w.temp.read(name)]), [["a", ""], ["b", ""], ["c", ""]]);
});

Deno.test("after a crash the pieces on disk are found again by their hashes, not trusted", () => {
  using w = world();
  const spec = specOf({ a: A }, 100);
  const first = PartFile.open(w.root, spec);
  first.accept(0, spec.piece(0));
  first.accept(2, spec.piece(2));
  first.close();
  const again = PartFile.open(w.root, spec);
  assertEquals([again.span(), heldBy(again)], [250, [0, 2]]);
  // A disk that has lost a bit since.
  Deno.writeFileSync(again.path, concat([noise(1, 5), Deno.readFileSync(again.path).subarray(1)]));
  assertEquals(heldBy(again), [2]);
  again.accept(0, spec.piece(0));
  again.accept(1, spec.piece(1));
  again.finish("always");
  assertEquals(Deno.readFileSync(w.temp.at("a")), A);
});

Deno.test("a part file that a crash cut short has the whole pieces that it has", () => {
  using w = world();
  const spec = specOf({ a: A }, 100);
  for (
    const [length, span, held] of [[0, 0, []], [99, 99, []], [100, 100, [0]], [249, 249, [0, 1]]] as const
  ) {
    w.temp.file(".labswarm-k.part", A.subarray(0, length));
    const part = PartFile.open(w.root, spec);
    assertEquals([part.span(), heldBy(part)], [span, [...held]]);
    part.close();
  }
});

Deno.test("a file that was killed between its two names is not written into by whoever comes next", () => {
  using w = world();
  const spec = specOf({ b: A }, 100);
  Deno.linkSync(w.temp.file("a", "whole"), w.temp.at(".labswarm-k.part"));
  const parts = [0, 1].map(() => PartFile.open(w.root, spec));
  for (let i = 0; i < 3; i++) parts[i % 2]!.accept(i, spec.piece(i));
  parts[1]!.close();
  parts[0]!.finish("always");
  assertEquals([w.temp.read("a"), Deno.readFileSync(w.temp.at("b"))], ["whole", A]);
  assertEquals(w.temp.list(), ["a", "b"]);
});

Deno.test("nor is a file of a pack that was", () => {
  using w = world();
  const spec = specOf({ b: noise(70), c: noise(80) }, 100);
  Deno.linkSync(w.temp.file("a", "whole"), w.temp.at(".labswarm-k-1.tmp"));
  const part = PartFile.open(w.root, spec);
  fill(part, spec);
  part.finish("always");
  assertEquals([w.temp.read("a"), Deno.readFileSync(w.temp.at("c"))], ["whole", noise(80)]);
  assertEquals(w.temp.list(), ["a", "b", "c"]);
});

Deno.test("a part file that is too long is cut when it gets its name", () => {
  using w = world();
  const spec = specOf({ a: A }, 100);
  w.temp.file(".labswarm-k.part", concat([A, noise(500)]));
  const part = PartFile.open(w.root, spec);
  assertEquals([part.span(), heldBy(part)], [250, [0, 1, 2]]);
  part.finish("small");
  assertEquals(Deno.readFileSync(w.temp.at("a")), A);
});

Deno.test("several workers write one part file", () => {
  using w = world();
  const spec = specOf({ a: A }, 100);
  const parts = [0, 1, 2].map(() => PartFile.open(w.root, spec));
  parts.forEach((part, i) => part.accept(i, spec.piece(i)));
  parts[0]!.close();
  parts[2]!.close();
  parts[1]!.finish("always");
  assertEquals(Deno.readFileSync(w.temp.at("a")), A);
});

Deno.test("files that are not what was claimed get no name, and the part file goes", () => {
  for (const files of [{ a: A.subarray(0, 50) }, { a: A }, PACK] as Record<string, Uint8Array>[]) {
    using w = world();
    const spec = specOf(files, 100);
    const lie = spec.files.at(-1)!;
    lie.sha256 = "0".repeat(64);
    const part = PartFile.open(w.root, spec);
    fill(part, spec);
    const thrown = assertThrows(() => part.finish("always"));
    assertEquals(codeOf(thrown), "integrity");
    assertStringIncludes(messageOf(thrown), lie.name);
    assertFalse(w.temp.list().some((name) => name.startsWith(".labswarm") || name === lie.name));
  }
});

Deno.test("a file that is there already is never overwritten, whole or packed", () => {
  for (const files of [{ e: A }, PACK] as Record<string, Uint8Array>[]) {
    using w = world();
    const spec = specOf(files, 100);
    const part = PartFile.open(w.root, spec);
    fill(part, spec);
    w.temp.file("e", "mine");
    assertEquals(codeOf(assertThrows(() => part.finish("small"))), "failed");
    assertEquals(w.temp.read("e"), "mine");
    // Nothing that was fetched is lost: under another name it's whole at once.
    const again = PartFile.open(w.root, { ...spec, targets: spec.targets.map((name) => `${name} (pc7)`) });
    assertEquals(heldBy(again).length, again.layout.pieceCount);
    again.finish("always");
    assertEquals(Deno.readFileSync(w.temp.at("e (pc7)")), Object.values(files).at(-1));
    assertEquals(w.temp.list().filter((name) => name.startsWith(".labswarm")), []);
  }
});

Deno.test({
  name: "a link that stands where the file shall be is not written through, broken or not",
  ignore: Deno.build.os === "windows",
  fn() {
    using outside = new TempFolder();
    for (const target of [outside.file("x", "theirs"), outside.at("none")]) {
      using w = world();
      Deno.symlinkSync(target, w.temp.at("a"));
      const spec = specOf({ a: A }, 100);
      const part = PartFile.open(w.root, spec);
      fill(part, spec);
      assertEquals(codeOf(assertThrows(() => part.finish("small"))), "failed");
    }
    assertEquals([outside.read("x"), outside.list()], ["theirs", ["x"]]);
  },
});

Deno.test("files in their places already are copied in, so that the pieces they share need not travel", () => {
  using w = world();
  const spec = specOf(PACK, 100, { present: [false, true, true, false] });
  w.temp.file("b", PACK.b);
  w.temp.file("d/c", PACK["d/c"]);
  const part = PartFile.open(w.root, spec);
  part.seed();
  // Bytes 70...320 are there: piece 1 and 2 are whole.
  assertEquals(heldBy(part), [1, 2]);
  const before = Deno.statSync(w.temp.at("d", "c"));
  for (const i of [0, 3]) part.accept(i, spec.piece(i));
  part.finish("always");
  for (const [name, bytes] of Object.entries(PACK)) assertEquals(Deno.readFileSync(w.temp.at(name)), bytes);
  assertEquals(Deno.statSync(w.temp.at("d", "c")).ino, before.ino);
});

Deno.test("a file that has gone or shrunk since it was seen costs its pieces, not the fetch", () => {
  using w = world();
  const spec = specOf(PACK, 100, { present: [false, true, true, true] });
  w.temp.file("e", PACK.e);
  w.temp.file("d/c", PACK["d/c"].subarray(0, 130));
  const part = PartFile.open(w.root, spec);
  part.seed();
  assertEquals(heldBy(part), [1]);
  fill(part, spec);
  Deno.removeSync(w.temp.at("e"));
  part.finish("always");
  for (const name of ["d/a", "b", "e"] as const) assertEquals(Deno.readFileSync(w.temp.at(name)), PACK[name]);
});

Deno.test({
  name: `a folder of the share that is a volume of its own gets its files, too${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  fn() {
    using w = world();
    using volume = tinyVolume(256 * 1024, w.temp.path)!;
    const d = basename(volume.path);
    const modified = [Date.UTC(2020, 1, 2)];
    const one = specOf({ [`${d}/one`]: A }, 100, { modified });
    const several = specOf({ [`${d}/new/a`]: noise(70), [`${d}/b`]: noise(80), ".c": noise(90) }, 100);
    for (const spec of [one, several]) {
      const part = PartFile.open(w.root, spec);
      fill(part, spec);
      part.finish("always");
    }
    assertEquals([w.temp.list(), volume.list()], [[".c", `${d}/b`, `${d}/new/a`, `${d}/one`], [
      "b",
      "new/a",
      "one",
    ]]);
    assertEquals([Deno.readFileSync(volume.at("one")), Deno.readFileSync(volume.at("b"))], [A, noise(80)]);
    assertEquals(Deno.statSync(volume.at("one")).mtime?.getTime(), modified[0]);
    const large = specOf({ [`${d}/large`]: noise(300 * 1024) }, 64 * 1024);
    const part = PartFile.open(w.root, large);
    fill(part, large);
    assertEquals(codeOf(assertThrows(() => part.finish("small"))), "disk_full");
    assertEquals(volume.list(), ["b", "new/a", "one"]);
  },
});

Deno.test({
  name: `a full disk is said as such, and what was there stays for the next run${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  fn() {
    using w = world(tinyVolume(256 * 1024)!);
    const spec = specOf({ a: noise(600 * 1024) }, 64 * 1024);
    const part = PartFile.open(w.root, spec);
    let taken = 0;
    const thrown = assertThrows(() => {
      for (; taken < 10; taken++) part.accept(taken, spec.piece(taken));
    });
    assertEquals(codeOf(thrown), "disk_full");
    assertStringIncludes(messageOf(thrown), "free some space");
    part.close();
    const again = PartFile.open(w.root, spec);
    assertEquals(heldBy(again), Array.from({ length: taken }, (_, i) => i));
    again.discard();
    assertEquals(w.temp.list(), []);
  },
});

Deno.test({
  name: `a pack whose files find no room keeps its part file and leaves no half of a file${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  fn() {
    using w = world(tinyVolume(256 * 1024)!);
    const spec = specOf({ a: noise(90 * 1024, 1), b: noise(90 * 1024, 2) }, 64 * 1024);
    const part = PartFile.open(w.root, spec);
    fill(part, spec);
    assertEquals(codeOf(assertThrows(() => part.finish("small"))), "disk_full");
    assertEquals(w.temp.list(), [".labswarm-k.part"]);
  },
});

Deno.test("whatever comes in whatever order, only right pieces are held, and the end is the content", () => {
  const plan = fc.record({
    sizes: fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
    pieceSize: fc.integer({ min: 1, max: 30 }),
    events: fc.array(fc.tuple(fc.nat(30), fc.constantFrom("right", "wrong", "short", "crash")), {
      maxLength: 40,
    }),
  });
  fc.assert(
    fc.property(plan, ({ sizes, pieceSize, events }) => {
      using w = world();
      const files = Object.fromEntries(sizes.map((size, i) => [`f${i}`, noise(size, i + 1)]));
      const spec = specOf(files, pieceSize);
      let part = PartFile.open(w.root, spec);
      const count = part.layout.pieceCount;
      const held = new Set<number>();
      for (const [at, what] of events) {
        if (what === "crash") {
          part.close();
          part = PartFile.open(w.root, spec);
        } else if (count > 0) {
          const right = spec.piece(at % count);
          const bytes = what === "right"
            ? right
            : what === "short"
            ? right.subarray(1)
            : right.map((b) => b ^ 1);
          assertEquals(part.accept(at % count, bytes), what === "right");
          if (what === "right") held.add(at % count);
        }
        for (const i of held) assert(part.holds(i, buffer));
      }
      fill(part, spec);
      part.finish("always");
      for (const [name, bytes] of Object.entries(files)) {
        assertEquals(toHex(Deno.readFileSync(w.temp.at(name))), toHex(bytes));
      }
      assertFalse(existsSync(part.path));
    }),
    { numRuns: 60 },
  );
});
