/** Hashes of the whole and of the pieces, in one reading, of files that may change meanwhile. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { concat, toHex } from "../base/bytes.ts";
import { codeOf } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { noise, TempFolder } from "./_testing.ts";
import { hashFile, readAt, sha256, wholeSha256, writeAt } from "./hashing.ts";

const buffer = new Uint8Array(1024);

Deno.test("SHA-256 is the one of FIPS 180-4", () => {
  assertEquals(
    toHex(sha256(new TextEncoder().encode("abc"))),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

Deno.test("a file's hashes are those of its bytes and of its pieces, whatever its size", async () => {
  using temp = new TempFolder();
  for (const size of [0, 1, 99, 100, 101, 200, 299, 1000]) {
    const bytes = noise(size, size + 1);
    const path = temp.file("f", bytes);
    const seen = await hashFile(path, size, 100, buffer);
    const pieces = Array.from(
      { length: Math.ceil(size / 100) },
      (_, i) => sha256(bytes.subarray(100 * i, 100 * i + 100)),
    );
    assertEquals(seen.sha256, toHex(sha256(bytes)));
    assertEquals(seen.pieces, pieces.length > 1 ? concat(pieces) : undefined);
    assertEquals(seen.head, bytes.subarray(0, 100));
    assertEquals(wholeSha256(path), seen.sha256);
    assertEquals(wholeSha256(path, size), seen.sha256);
  }
});

Deno.test("the head is 8 KiB at most", async () => {
  using temp = new TempFolder();
  const bytes = noise(20_000);
  const { head } = await hashFile(temp.file("f", bytes), bytes.length, 32768, new Uint8Array(32768));
  assertEquals(head, bytes.subarray(0, 8192));
});

Deno.test("a file that is longer or shorter than it just was is refused as changed", async () => {
  using temp = new TempFolder();
  const path = temp.file("f", noise(250));
  for (const size of [0, 100, 249, 251, 300, 1000]) {
    assertEquals(codeOf(await assertRejects(() => hashFile(path, size, 100, buffer))), "changed", `${size}`);
  }
});

Deno.test("what isn't there or is no file is an error of ours", async () => {
  using temp = new TempFolder();
  assertEquals(codeOf(await assertRejects(() => hashFile(temp.at("none"), 1, 100, buffer))), "not_found");
  assertEquals(codeOf(await assertRejects(() => hashFile(temp.path, 1, 100, buffer))), "failed");
  assertThrows(() => wholeSha256(temp.at("none")));
});

Deno.test("the hash of a beginning passes over what lies behind it", () => {
  using temp = new TempFolder();
  const bytes = noise(3 * 1024 * 1024 + 17);
  const path = temp.file("f", bytes);
  const size = 2 * 1024 * 1024 + 5;
  assertEquals(wholeSha256(path, size), toHex(sha256(bytes.subarray(0, size))));
  assertEquals(wholeSha256(path), toHex(sha256(bytes)));
});

Deno.test("writing and reading at offsets, in any order, is like an array", () => {
  using temp = new TempFolder();
  const writes = fc.array(fc.tuple(fc.nat(300), fc.uint8Array({ maxLength: 60 })), { maxLength: 12 });
  fc.assert(fc.property(writes, (all) => {
    using file = Deno.openSync(temp.at("f"), { read: true, write: true, create: true, truncate: true });
    const model = new Uint8Array(400);
    let end = 0;
    for (const [at, bytes] of all) {
      writeAt(file, bytes, at);
      model.set(bytes, at);
      if (bytes.length > 0) end = Math.max(end, at + bytes.length);
    }
    const into = new Uint8Array(500);
    assertEquals(readAt(file, into, 0), end);
    assertEquals(into.subarray(0, end), model.subarray(0, end));
    assertEquals(readAt(file, into, end), 0);
  }));
});
