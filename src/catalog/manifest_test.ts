import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { concat, toHex, utf8 } from "../base/bytes.ts";
import { LabError, RemoteProtocolError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { contentFile, sha256 } from "./_arbitraries.ts";
import { type ContentFile, Layout, MIN_PIECE_SIZE } from "./layout.ts";
import { decodeManifest, encodeManifest, type Manifest, pieceHash, sameFiles } from "./manifest.ts";
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
  assertEquals(decodeManifest(bytes).files, [{ name: "é.txt", size: 2, sha256: ZERO }]);
});

Deno.test("manifest: no files, empty files, the hash of each piece", () => {
  for (const files of [[], [{ name: "a", size: 0, sha256: ZERO }]]) {
    const manifest = manifestOf(files);
    assertEquals(manifest.hashes.length, 0);
    assertEquals(decodeManifest(encodeManifest(manifest)), manifest);
  }
  const manifest = manifestOf([{ name: "a", size: 3 * MIN_PIECE_SIZE, sha256: ZERO }]);
  assertEquals(pieceHash(manifest, 2)[0], 64);
  for (const i of [-1, 3, 0.5, NaN]) assertThrows(() => pieceHash(manifest, i), RangeError);
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

Deno.test("manifest: decode(encode(m)) is m, from any place in a larger buffer", () => {
  fc.assert(fc.property(manifests, fc.nat(9), (manifest, offset) => {
    const bytes = encodeManifest(manifest);
    const larger = concat([new Uint8Array(offset), bytes]);
    const read = decodeManifest(larger.subarray(offset));
    assertEquals(read, manifest);
    assertEquals(encodeManifest(read), bytes);
    assert(sameFiles(read.files, manifest.files));
    assert(read.hashes.buffer !== larger.buffer);
  }));
});

Deno.test("manifest: hostile ones give a RemoteProtocolError", () => {
  const good = encodeManifest(manifestOf([{ name: "a", size: 1, sha256: ZERO }]));
  const flip = (at: number, to: number) => good.with(at, to);
  const bad: [what: string, bytes: Uint8Array][] = [
    ["nothing", new Uint8Array()],
    ["short header", good.subarray(0, 8)],
    ["magic", flip(0, 0x51)],
    ["version", flip(4, 2)],
    ["JSON length beyond the end", flip(6, 0x7f)],
    ["JSON length enormous", flip(5, 0xff)],
    ["a byte less", good.subarray(0, -1)],
    ["a byte more", concat([good, new Uint8Array(1)])],
    ["a hash more", concat([good, new Uint8Array(32)])],
    ["not JSON", raw("{")],
    ["not UTF-8", raw(new Uint8Array([0x22, 0xff, 0x22]))],
    ["BOM", raw("\ufeff" + withFiles())],
    ["deep JSON", raw("[".repeat(1_000_000))],
    ["null", raw("null")],
    ["array", raw("[]")],
    ["no piece size", raw('{"files":[]}')],
    ["files an object", raw('{"files":{"length":1},"pieceSize":262144}')],
    ["space in JSON", raw(withFiles() + " ")],
    ["more fields", raw('{"files":[],"pieceSize":262144,"x":1}')],
    ["other order", raw('{"pieceSize":262144,"files":[]}')],
    ["escaped name", raw(withFiles(["a", 0, ZERO]).replace('"a"', '"\\u0061"'))],
    ["file not a list", raw(withFiles("abc"))],
    ["file with four cells", raw(withFiles(["a", 0, ZERO, 1]))],
    ["name a number", raw(withFiles([1, 0, ZERO]))],
    ["name with ..", raw(withFiles(["../a", 0, ZERO]))],
    ["device name", raw(withFiles(["nul.txt", 0, ZERO]))],
    ["lone surrogate", raw(withFiles(["\ud800", 0, ZERO]))],
    ["size negative", raw(withFiles(["a", -1, ZERO]))],
    ["size -0", raw(withFiles(["a", 0, ZERO]).replace(",0,", ",-0,"))],
    ["size broken", raw(withFiles(["a", 0.5, ZERO]), 1)],
    ["size text", raw(withFiles(["a", "1", ZERO]), 1)],
    ["size 2^53", raw(withFiles(["a", 2 ** 53, ZERO]))],
    ["size 1e999", raw(withFiles(["a", 0, ZERO]).replace(",0,", ",1e999,"))],
    ["sum 2^53", raw(withFiles(["a", 2 ** 53 - 1, ZERO], ["b", 1, ZERO]))],
    ["huge size without hashes", raw(withFiles(["a", 2 ** 53 - 1, ZERO]))],
    ["hash upper case", raw(withFiles(["a", 0, "A".repeat(64)]))],
    ["same name", raw(withFiles(["a", 0, ZERO], ["a", 0, ZERO]))],
    ["same name on Windows", raw(withFiles(["É", 0, ZERO], ["e\u0301", 0, ZERO]))],
    ["file and folder", raw(withFiles(["a", 0, ZERO], ["A/b", 0, ZERO]))],
    ["folder and file", raw(withFiles(["a/b/c", 0, ZERO], ["a/b", 0, ZERO]))],
    ["too many files", raw(withFiles(...Array.from({ length: 100_001 }, (_, i) => [`f${i}`, 0, ZERO])))],
    ...[0, 1, -262144, 131072, 262145, 8388608, 1e300].map((size): [string, Uint8Array] => [
      `piece size ${size}`,
      raw(`{"files":[],"pieceSize":${size}}`),
    ]),
  ];
  for (const [what, bytes] of bad) {
    assertThrows(() => decodeManifest(bytes), RemoteProtocolError, "Cannot decode", what);
  }
});

Deno.test("manifest: damage gives a RemoteProtocolError or another valid manifest, nothing else", () => {
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
          assertEquals(encodeManifest(decodeManifest(damaged)), damaged.slice());
        } catch (e) {
          assert(e instanceof RemoteProtocolError, String(e));
        }
      },
    ),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    assertThrows(() => decodeManifest(raw(JSON.stringify(value))), RemoteProtocolError);
  }));
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
  const read = decodeManifest(encodeManifest(manifestOf(files)));
  assertEquals(read.files.length, 100_000);
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
