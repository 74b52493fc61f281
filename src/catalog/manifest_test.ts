import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { concat, toHex, utf8 } from "../base/bytes.ts";
import { LabError, RemoteProtocolError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { contentFile, sha256 } from "./_arbitraries.ts";
import { type ContentFile, Layout, MIN_PIECE_SIZE } from "./layout.ts";
import { demandContent, encodeManifest, hashesOf, type Manifest, sameFiles } from "./manifest.ts";
import { NameSet } from "./nameset.ts";

const ZERO = "0".repeat(64);

function manifestOf(files: ContentFile[], pieceSize = MIN_PIECE_SIZE): Manifest {
  const { pieceCount } = new Layout(files, pieceSize);
  return { pieceSize, files, hashes: new Uint8Array(32 * pieceCount).map((_, i) => i) };
}

/** A manifest by hand: any JSON, any hashes. */
function raw(json: string | Uint8Array, hashes = 0): Uint8Array {
  const body = typeof json === "string" ? utf8(json) : json;
  const header = new Uint8Array(9);
  header.set(utf8("P2DM\x01"));
  new DataView(header.buffer).setUint32(5, body.length);
  return concat([header, body, new Uint8Array(32 * hashes)]);
}

const withFiles = (...files: unknown[]) => JSON.stringify({ files, pieceSize: MIN_PIECE_SIZE });

Deno.test("manifest: golden bytes", () => {
  const bytes = encodeManifest({
    pieceSize: 262144,
    files: [{ name: "é.txt", size: 2, sha256: ZERO }],
    hashes: new Uint8Array(32).fill(0xab),
  });
  const json = `{"files":[["é.txt",2,"${ZERO}"]],"pieceSize":262144}`;
  assertEquals(toHex(bytes), "5032444d" + "01" + "0000006e" + toHex(utf8(json)) + "ab".repeat(32));
});

Deno.test("manifest: what nobody could fetch is known before anything is read", () => {
  const file = { name: "a", size: 5, sha256: ZERO };
  const most = 2 ** 21 * MIN_PIECE_SIZE;
  demandContent([{ ...file, size: most }], MIN_PIECE_SIZE);
  for (
    const files of [[{ ...file, size: most + 1 }], [file, { ...file, name: "A" }], [{ ...file, name: ".." }]]
  ) {
    assertThrows(() => demandContent(files, MIN_PIECE_SIZE), LabError);
  }
});

Deno.test("manifest: no files and empty files have no hashes", () => {
  for (const files of [[], [{ name: "a", size: 0, sha256: ZERO }]]) {
    const manifest = manifestOf(files);
    assertEquals(hashesOf(encodeManifest(manifest), manifest), new Uint8Array(0));
  }
});

const manifests = fc.tuple(
  fc.array(contentFile, { maxLength: 8 }),
  fc.constantFrom(18, 19, 20, 21, 22),
  fc.nat(3e6),
)
  .map(([files, power, extra]) => {
    const names = new NameSet();
    const fitting = files.filter((f) => names.add(f.name) === undefined).map((f) => ({
      ...f,
      size: f.size * extra,
    }));
    return manifestOf(fitting, 2 ** power);
  });

Deno.test("manifest: its hashes come back, from any place in a larger buffer, as a copy", () => {
  fc.assert(fc.property(manifests, fc.nat(9), (manifest, offset) => {
    const bytes = encodeManifest(manifest);
    const larger = concat([new Uint8Array(offset), bytes]);
    const hashes = hashesOf(larger.subarray(offset), manifest);
    assertEquals(hashes, manifest.hashes);
    assert(hashes.buffer !== larger.buffer);
  }));
});

Deno.test("manifest: one that is not the known content's, in its very bytes, gives a RemoteProtocolError", () => {
  const known = manifestOf([{ name: "a", size: 1, sha256: ZERO }]);
  const good = encodeManifest(known);
  const flip = (at: number, to: number) => good.with(at, to);
  const json = withFiles(["a", 1, ZERO]);
  const bad: [what: string, bytes: Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["short header", good.subarray(0, 8)],
    ["magic", flip(0, 0x51)],
    ["version", flip(4, 2)],
    ["JSON length beyond the end", flip(6, 0x7f)],
    ["JSON length enormous", flip(5, 0xff)],
    ["a byte less", good.subarray(0, -1)],
    ["a byte more", concat([good, new Uint8Array(1)])],
    ["no hash", raw(json)],
    ["a hash more", raw(json, 2)],
    ["not JSON", raw("{", 1)],
    ["not UTF-8", raw(new Uint8Array([0x22, 0xff, 0x22]), 1)],
    ["BOM", raw("\ufeff" + json, 1)],
    ["deep JSON", raw("[".repeat(1_000_000), 1)],
    ["no files", raw(withFiles(), 1)],
    ["no piece size", raw(`{"files":[["a",1,"${ZERO}"]]}`, 1)],
    ["another piece size", raw(json.replace(String(MIN_PIECE_SIZE), String(2 * MIN_PIECE_SIZE)), 1)],
    ["space in JSON", raw(json + " ", 1)],
    ["more fields", raw(json.replace(/}$/, ',"x":1}'), 1)],
    ["other order", raw(`{"pieceSize":${MIN_PIECE_SIZE},"files":[["a",1,"${ZERO}"]]}`, 1)],
    ["escaped name", raw(json.replace('"a"', '"\\u0061"'), 1)],
    ["another name", raw(withFiles(["b", 1, ZERO]), 1)],
    ["name with ..", raw(withFiles(["../a", 1, ZERO]), 1)],
    ["another size", raw(withFiles(["a", 2, ZERO]), 1)],
    ["size 1.0", raw(json.replace(",1,", ",1.0,"), 1)],
    ["another SHA-256", raw(withFiles(["a", 1, "1".repeat(64)]), 1)],
    ["a file more", raw(withFiles(["a", 1, ZERO], ["b", 0, ZERO]), 1)],
  ];
  assertEquals(raw(json, 1).length, good.length);
  for (const [what, bytes] of bad) {
    assertThrows(() => hashesOf(bytes, known), RemoteProtocolError, "Cannot decode", what);
  }
});

Deno.test("manifest: damage to its hashes goes through, for the name to tell; all other is refused", () => {
  fc.assert(
    fc.property(
      manifests,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
      fc.nat(),
      (m, changes, cut) => {
        const bytes = encodeManifest(m);
        for (const [at, to] of changes) bytes[at % bytes.length] = to;
        const damaged = cut % 3 === 0 ? bytes.subarray(0, cut % (bytes.length + 1)) : bytes;
        try {
          assertEquals(encodeManifest({ ...m, hashes: hashesOf(damaged, m) }), damaged.slice());
        } catch (e) {
          assert(e instanceof RemoteProtocolError, String(e));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

Deno.test("encodeManifest refuses what nobody would read", () => {
  const file = { name: "a", size: 1, sha256: ZERO };
  const bad: Manifest[] = [
    { pieceSize: MIN_PIECE_SIZE, files: [file], hashes: new Uint8Array(0) },
    { pieceSize: 1000, files: [], hashes: new Uint8Array(0) },
    manifestOf([{ ...file, name: "a/../b" }]),
    manifestOf([file, { ...file, name: "A" }]),
    manifestOf([{ ...file, sha256: "x" }]),
  ];
  for (const m of bad) assertEquals(assertThrows(() => encodeManifest(m), LabError).code, "failed");
});

Deno.test("manifest: 100,000 files in about a second", () => {
  const files = Array.from(
    { length: 100_000 },
    (_, i) => ({ name: `d${i % 99}/file ${i}.txt`, size: 10, sha256: ZERO }),
  );
  const start = cpuTime();
  const manifest = manifestOf(files);
  assertEquals(hashesOf(encodeManifest(manifest), manifest), manifest.hashes);
  assert(cpuTime() - start < 4000, `${cpuTime() - start} ms`);
});

Deno.test("sameFiles: every field and the order count", () => {
  fc.assert(fc.property(fc.array(contentFile, { minLength: 1 }), sha256, (files, other) => {
    assert(sameFiles(files, structuredClone(files)));
    assertFalse(sameFiles(files, files.slice(1)));
    assertFalse(sameFiles(files, [...files, files[0]!]));
    const first = files[0]!;
    assertFalse(sameFiles(files, files.with(0, { ...first, name: first.name + "x" })));
    assertFalse(sameFiles(files, files.with(0, { ...first, size: first.size + 1 })));
    assertEquals(sameFiles(files, files.with(0, { ...first, sha256: other })), first.sha256 === other);
  }));
});
