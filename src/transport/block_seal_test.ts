/** The seal of blocks. */

import { createCipheriv } from "node:crypto";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fromHex, sameBytes, toHex } from "../base/bytes.ts";
import { decodeBlock, MULTICAST, writeBlockHeader } from "../protocol/multicast.ts";
import { blockSeal } from "./block_seal.ts";

const KEY = "2b7e151628aed2a6abf7158809cf4f3c";
const OTHER_KEY = KEY.replace("2b", "2c");

const SESSION = fromHex("00112233445566ff");

/** What somebody with a key, or none, makes of a datagram. */
function opened(key: string | undefined, datagram: Uint8Array, number: number): Uint8Array | undefined {
  const seal = blockSeal(key);
  const block = decodeBlock(datagram, SESSION) && seal.open(datagram, number);
  seal.end();
  return block;
}

/** A datagram as it is sealed. */
function sealed(key: string | undefined, number: number, block: Uint8Array): Uint8Array<ArrayBuffer> {
  const datagram = new Uint8Array(MULTICAST.headerBytes + block.length);
  writeBlockHeader(datagram, SESSION, { piece: 3, offset: 0, number });
  datagram.set(block, MULTICAST.headerBytes);
  const seal = blockSeal(key);
  seal.close(datagram, number);
  seal.end();
  return datagram;
}

/** AES-128 itself of 16 bytes, made by somebody else: the first block of CBC with a zero vector is that. */
async function aes(hex: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", fromHex(KEY), "AES-CBC", false, ["encrypt"]);
  const made = await crypto.subtle.encrypt({ name: "AES-CBC", iv: new Uint8Array(16) }, key, fromHex(hex));
  return toHex(new Uint8Array(made).subarray(0, 16));
}

Deno.test("block seal: a block's key stream is AES-128 of its number, two zero words before and a count after it", async () => {
  const stream = toHex(sealed(KEY, 5, new Uint8Array(40)).subarray(MULTICAST.headerBytes));
  const counters = [0, 1, 2].map((count) => `000000000000000000000005${count.toString(16).padStart(8, "0")}`);
  assertEquals(stream, (await Promise.all(counters.map(aes))).join("").slice(0, 80));
});

Deno.test("block seal: a header's tag is AES-128 of LSMC, piece, offset and number, 8 bytes of it", async () => {
  const datagram = sealed(KEY, 5, new Uint8Array(3));
  assertEquals(
    toHex(datagram.subarray(24, 32)),
    (await aes("4c534d43000000030000000000000005")).slice(0, 16),
  );
});

Deno.test("block seal: who has the key opens a block; no two look alike; in an open lab all is in clear", () => {
  const block = Uint8Array.from({ length: 1_000 }, (_, i) => i % 251);
  const body = (datagram: Uint8Array) => toHex(datagram.subarray(MULTICAST.headerBytes));
  assertEquals(toHex(opened(KEY, sealed(KEY, 9, block), 9)!), toHex(block));
  assertNotEquals(body(sealed(KEY, 9, block)), body(sealed(KEY, 10, block)));
  assertNotEquals(body(sealed(KEY, 9, block)), body(sealed(OTHER_KEY, 9, block)));
  assertEquals(
    [body(sealed(undefined, 9, block)), opened(undefined, sealed(undefined, 9, block), 9)],
    [toHex(block), block],
  );
});

Deno.test("block seal: a header that was changed at any place, or made without the key, opens nothing", () => {
  const block = Uint8Array.from({ length: 50 }, (_, i) => i);
  for (let at = 0; at < MULTICAST.headerBytes; at++) {
    const datagram = sealed(KEY, 9, block);
    datagram[at]! ^= 1;
    assertEquals(opened(KEY, datagram, 9), undefined, `byte ${at}`);
  }
  for (const key of [undefined, OTHER_KEY]) {
    assertEquals(opened(KEY, sealed(key, 9, block), 9), undefined);
  }
});

Deno.test("block seal: the key stream is that of counter mode, whatever the length and wherever the bytes lie", () => {
  const seal = blockSeal(KEY);
  const short = [[0, 0], [1, 0], [15, 1], [16, 2], [17, 3], [4_099, 1]];
  // Around what is enciphered in one call, and as long as any.
  const long = [[32_751, 0], [32_752, 0], [32_753, 0], [32_769, 1], [MULTICAST.blockBytes, 0]];
  for (const [length, shift] of [...short, ...long] as [number, number][]) {
    const number = length + shift;
    const block = Uint8Array.from({ length }, (_, i) => (7 * i + number) % 256);
    const datagram = new Uint8Array(new ArrayBuffer(MULTICAST.headerBytes + length + shift), shift);
    writeBlockHeader(datagram, SESSION, { piece: 3, offset: 0, number });
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
  seal.end();
});

Deno.test("block seal: a piece of a block's key stream, which its bytes give away, is no tag of anything", () => {
  // Whoever knows a block's bytes knows its key stream; a header without LSMC might be one of its counters.
  const [number, count] = [7, 3];
  const stream = sealed(KEY, number, new Uint8Array(64)).slice(MULTICAST.headerBytes);
  const forged = new Uint8Array(MULTICAST.headerBytes + 8);
  const view = new DataView(forged.buffer);
  view.setUint32(16, number);
  view.setUint32(20, count);
  forged.set(
    stream.subarray(16 * count, 16 * count + MULTICAST.tagBytes),
    MULTICAST.headerBytes - MULTICAST.tagBytes,
  );
  const seal = blockSeal(KEY);
  assertEquals(seal.open(forged, count), undefined);
  seal.end();
});

Deno.test("block seal: what is longer than a block is nobody's, whatever its header", () => {
  const datagram = new Uint8Array(MULTICAST.headerBytes + MULTICAST.blockBytes + 4);
  datagram.set(sealed(KEY, 9, new Uint8Array(4)).subarray(0, MULTICAST.headerBytes));
  assertEquals(opened(KEY, datagram, 9), undefined);
});

Deno.test("block seal: what is refused stays as it came, and leaves no trace in what comes after it", () => {
  const seal = blockSeal(KEY);
  const block = Uint8Array.from({ length: 100 }, (_, i) => i);
  const forged = sealed(OTHER_KEY, 8, block);
  const before = toHex(forged);
  assertEquals(seal.open(forged, 8), undefined);
  assertEquals(toHex(forged), before);
  assertEquals(toHex(seal.open(sealed(KEY, 9, block), 9)!), toHex(block));
  seal.end();
  assertEquals(toHex(seal.open(sealed(KEY, 10, block), 10)!), toHex(block), "ended, it begins anew");
  seal.end();
});

Deno.test("block seal: this runtime keeps what its ciphers are given where it is kept from doing so", () => {
  const aes = createCipheriv("aes-128-ecb", fromHex(KEY), null) as unknown as {
    _cache: { cache: Uint8Array; add(bytes: Uint8Array): void; get(): Uint8Array };
    final(): Uint8Array;
  };
  const given = new Uint8Array(16);
  aes._cache.add(given);
  assert(sameBytes(aes._cache.get(), given));
  assertEquals(aes._cache.cache.length, 0, "nothing is left of whole blocks");
  aes.final();
});
