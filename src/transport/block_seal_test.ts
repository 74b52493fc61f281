/** The seal of blocks. */

import { createCipheriv } from "node:crypto";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromHex, sameBytes, toHex, utf8 } from "../base/bytes.ts";
import { MULTICAST, writeBlockHeader } from "../protocol/multicast.ts";
import { blockSeal } from "./block_seal.ts";

const KEY = "2b7e151628aed2a6abf7158809cf4f3c";
const OTHER_KEY = KEY.replace("2b", "2c");

/** A datagram as it is sealed. */
function sealed(key: string | undefined, number: number, block: Uint8Array): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(MULTICAST.headerBytes + block.length);
  writeBlockHeader(datagram, fromHex("00112233445566ff"), { piece: 3, offset: 0, number });
  datagram.set(block, MULTICAST.headerBytes);
  blockSeal(key).close(datagram, number);
  return datagram;
}

Deno.test("block seal: a block's key stream is AES-128 of its number, two zero words before and a count after it", async () => {
  const stream = toHex(sealed(KEY, 5, new Uint8Array(40)).subarray(MULTICAST.headerBytes));
  const key = await crypto.subtle.importKey("raw", fromHex(KEY), "AES-CBC", false, ["encrypt"]);
  const counters = [0, 1, 2].map((count) =>
    fromHex(`000000000000000000000005${count.toString(16).padStart(8, "0")}`)
  );
  // The first block of CBC with a zero vector is AES itself.
  const expected = await Promise.all(counters.map(async (counter) => {
    const made = await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, counter);
    return toHex(new Uint8Array(made).subarray(0, 16));
  }));
  assertEquals(stream, expected.join("").slice(0, 80));
});

Deno.test("block seal: a header's tag is an HMAC of its own key, 8 bytes of it", async () => {
  const hmac = async (key: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>) => {
    const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
    ]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", made, bytes));
  };
  const datagram = sealed(KEY, 5, new Uint8Array(3));
  const tagKey = await hmac(fromHex(KEY), utf8("LabSwarm multicast tag"));
  assertEquals(
    toHex(datagram.subarray(24, 32)),
    toHex(await hmac(tagKey, datagram.slice(0, 24))).slice(0, 16),
  );
});

Deno.test("block seal: who has the key opens a block; no two look alike; in an open lab all is in clear", () => {
  const block = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);
  const body = (datagram: Uint8Array) => toHex(datagram.subarray(MULTICAST.headerBytes));
  assertEquals(toHex(blockSeal(KEY).open(sealed(KEY, 9, block), 9)!), toHex(block));
  assertNotEquals(body(sealed(KEY, 9, block)), body(sealed(KEY, 10, block)));
  assertNotEquals(body(sealed(KEY, 9, block)), body(sealed(OTHER_KEY, 9, block)));
  assertEquals(
    [body(sealed(undefined, 9, block)), blockSeal(undefined).open(sealed(undefined, 9, block), 9)],
    [toHex(block), block],
  );
});

Deno.test("block seal: a header that was changed at any place, or made without the key, opens nothing", () => {
  const block = Uint8Array.from({ length: 50 }, (_, i) => i);
  for (let at = 0; at < MULTICAST.headerBytes; at++) {
    const datagram = sealed(KEY, 9, block);
    datagram[at]! ^= 1;
    assertEquals(blockSeal(KEY).open(datagram, 9), undefined, `byte ${at}`);
  }
  for (const key of [undefined, OTHER_KEY]) {
    assertEquals(blockSeal(KEY).open(sealed(key, 9, block), 9), undefined);
  }
});

Deno.test("block seal: the key stream is that of counter mode, whatever the length and wherever the bytes lie", () => {
  const seal = blockSeal(KEY);
  for (
    const [length, shift] of [[0, 0], [1, 0], [15, 1], [16, 2], [17, 3], [4_099, 1], [
      MULTICAST.blockBytes,
      0,
    ]]
  ) {
    const number = length! + shift!;
    const block = Uint8Array.from({ length: length! }, (_, i) => (7 * i + number) % 256);
    const datagram = new Uint8Array(new ArrayBuffer(MULTICAST.headerBytes + length! + shift!), shift);
    writeBlockHeader(datagram, fromHex("00112233445566ff"), { piece: 3, offset: 0, number });
    datagram.set(block, MULTICAST.headerBytes);
    seal.close(datagram, number);
    const counter = fromHex(`0000000000000000${number.toString(16).padStart(8, "0")}00000000`);
    const cipher = createCipheriv("aes-128-ctr", fromHex(KEY), counter);
    const expected = cipher.update(block);
    cipher.final();
    const body = datagram.subarray(MULTICAST.headerBytes);
    assert(sameBytes(body, expected), `${length} bytes, ${shift} beyond a word`);
    assert(sameBytes(seal.open(datagram, number)!, block), `${length} bytes, opened`);
  }
});

Deno.test("block seal: what is longer than a block is nobody's, whatever its header", () => {
  const datagram = new Uint8Array(MULTICAST.headerBytes + MULTICAST.blockBytes + 4);
  datagram.set(sealed(KEY, 9, new Uint8Array(4)).subarray(0, MULTICAST.headerBytes));
  assertEquals(blockSeal(KEY).open(datagram, 9), undefined);
});
