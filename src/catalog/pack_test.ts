import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { contentFile } from "./_arbitraries.ts";
import type { ContentFile } from "./layout.ts";
import { encodeManifest } from "./manifest.ts";
import { Layout, MIN_PIECE_SIZE } from "./layout.ts";
import { PACK_FILE_MAX, packs } from "./pack.ts";

const file = (name: string, size = 1, sha256 = "0".repeat(64)): ContentFile => ({ name, size, sha256 });
const told = (contents: ContentFile[][]) =>
  contents.map((files) => files.map((f) => f.name).join(" ")).join(" | ");
const MIB = 2 ** 20;

Deno.test("packs: golden", () => {
  assertEquals(packs([]), []);
  assertEquals(told(packs([file("c"), file("b", MIB + 1), file("a", MIB), file("d", 0)])), "a c d | b");
  assertEquals(told(packs([file("c"), file("a"), file("b")], { files: 2 })), "a b | c");
  assertEquals(told(packs([file("a", 6), file("b", 4), file("c", 1)], { bytes: 10 })), "a b | c");
  assertEquals(told(packs([file("a", 60), file("b", 40)], { bytes: 10 })), "a | b");
  assertEquals(told(packs([file("a"), file("A"), file("a/b"), file("b")])), "A b | a | a/b");
  assertEquals(packs(Array.from({ length: 4001 }, (_, i) => file(`f${i}`))).map((p) => p.length), [
    2000,
    2000,
    1,
  ]);
  assertEquals(packs(Array.from({ length: 100 }, (_, i) => file(`f${i}`, MIB))).map((p) => p.length), [
    64,
    36,
  ]);
});

Deno.test("packs: every file once, whatever the order; limits hold; every pack has a manifest", () => {
  const some = contentFile.map((f) => f.size === 7 ? { ...f, size: PACK_FILE_MAX + 1 } : f);
  fc.assert(
    fc.property(
      fc.array(some, { maxLength: 30 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(99),
      (files, n, bytes) => {
        const contents = packs(files, { files: n, bytes });
        const key = (f: ContentFile) => JSON.stringify([f.name, f.sha256, f.size]);
        assertEquals(contents.flat().map(key).sort(), files.map(key).sort());
        const shuffled = files.toSorted((a, b) => a.sha256 < b.sha256 ? -1 : 1);
        assertEquals(packs(shuffled, { files: n, bytes }), contents);
        for (const content of contents) {
          assert(content.length <= n);
          assert(content.length === 1 || content.every((f) => f.size <= PACK_FILE_MAX));
          assert(content.length === 1 || content.reduce((sum, f) => sum + f.size, 0) <= bytes);
          const hashes = new Uint8Array(32 * new Layout(content, MIN_PIECE_SIZE).pieceCount);
          // Throws where the content breaks a limit.
          encodeManifest({ pieceSize: MIN_PIECE_SIZE, files: content, hashes });
        }
      },
    ),
  );
});

Deno.test("packs: 20,000 clashing names don't take forever", () => {
  const start = cpuTime();
  assertEquals(packs(Array.from({ length: 20_000 }, () => file("a"))).length, 20_000);
  assert(cpuTime() - start < 1000);
});
