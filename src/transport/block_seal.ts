/**
 * What keeps blocks that go by multicast from others in the subnet. In a secured lab they are sealed with a key of their own
 * for each broadcast, which receivers are told on their TLS connections: enciphered (AES-128 in counter mode), and their
 * headers tagged (HMAC-SHA-256, cut short), so that nobody without the key can say that it has ended, or jump ahead. A
 * block's own bytes carry no proof: each piece's SHA-256 is known from the broadcaster.
 */

import { Buffer } from "node:buffer";
import { createCipheriv, createHmac } from "node:crypto";
import { fromHex, sameBytes } from "../base/bytes.ts";
import { MULTICAST, taggedPart, tagOf } from "../protocol/multicast.ts";

/** Seals datagrams, and opens them. */
export interface BlockSeal {
  /** Enciphers a datagram's block in its place and tags its header, both of which are there. */
  close(datagram: Uint8Array, number: number): void;
  /** The block, deciphered in its place; undefined where the header comes from somebody without the key, or it is too long. */
  open(datagram: Uint8Array, number: number): Uint8Array | undefined;
}

/** In an open lab all goes in clear. */
const CLEAR: BlockSeal = { close() {}, open: (datagram) => datagram.subarray(MULTICAST.headerBytes) };

/**
 * The seal of one broadcast. A block's number is never used twice, so neither is its key stream.
 *
 * @param key 16 bytes, hexadecimal; undefined in an open lab.
 */
export function blockSeal(key: string | undefined): BlockSeal {
  if (key === undefined) return CLEAR;
  const secret = Buffer.from(fromHex(key));
  // Two uses of one key would be one too many.
  const tagKey = createHmac("sha256", secret).update("LabSwarm multicast tag").digest();
  const tag = (datagram: Uint8Array) =>
    new Uint8Array(createHmac("sha256", tagKey).update(taggedPart(datagram)).digest()).subarray(
      0,
      MULTICAST.tagBytes,
    );
  const stream = new KeyStream(secret);
  return {
    close(datagram, number) {
      stream.apply(datagram.subarray(MULTICAST.headerBytes), number);
      tagOf(datagram).set(tag(datagram));
    },
    open(datagram, number) {
      const block = datagram.subarray(MULTICAST.headerBytes);
      // A header that was heard may be sent again before anything.
      if (block.length > MULTICAST.blockBytes || !sameBytes(tag(datagram), tagOf(datagram))) return undefined;
      stream.apply(block, number);
      return block;
    },
  };
}

/** Bytes that AES enciphers at a time. */
const AES_BLOCK = 16;
/**
 * Bytes of key stream that are made at a time. Each is memory that the runtime takes anew, and what the system clears for a
 * program costs more than AES: with as little as this, given back at once, it is the same memory every time. Less would be
 * taken from a pool that can't be given back.
 */
const STEP = 4096;

/**
 * AES-128 in counter mode (NIST SP 800-38A, 6.5), made of AES itself: the counters are enciphered and added to the bytes,
 * which is what the mode is. By the runtime's own counter mode a block took 0.40 ms of CPU where blocks come with pauses
 * between them, most of it for new memory; so it takes 0.14.
 */
class KeyStream {
  /** Counters of one block: 8 bytes of zero, the block's number, and their own count, each u32 BE. */
  #counters = new Uint8Array(Math.ceil(MULTICAST.blockBytes / AES_BLOCK) * AES_BLOCK);
  #view = new DataView(this.#counters.buffer);
  #words = new Uint32Array(this.#counters.buffer);

  constructor(private secret: Buffer) {
    for (let at = 0, count = 0; at < this.#counters.length; at += AES_BLOCK) {
      this.#view.setUint32(at + 12, count++);
    }
  }

  /** Enciphers or deciphers a block in its place, which is the same. @param block no longer than blocks are. */
  apply(block: Uint8Array, number: number): void {
    this.#view.setUint32(8, number);
    const inItsOrder = this.#words[2]!;
    const end = Math.ceil(block.length / AES_BLOCK) * AES_BLOCK;
    for (let at = 2; at < end / 4; at += AES_BLOCK / 4) this.#words[at] = inItsOrder;
    const aes = createCipheriv("aes-128-ecb", this.secret, null);
    // Otherwise the last counter would be kept back, and another one put after it.
    aes.setAutoPadding(false);
    for (let at = 0; at < end; at += STEP) {
      const stream = aes.update(this.#counters.subarray(at, Math.min(end, at + STEP)));
      add(block.subarray(at, at + STEP), stream);
      giveBack(stream);
    }
    // There is nothing left to come; it frees what the runtime keeps.
    aes.final();
  }
}

/** Gives memory back now that would wait for the garbage collector; nothing where it is part of something larger. */
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Adds bytes bit by bit (exclusive or), four at a time where they lie for it. @param other at least as long. */
function add(to: Uint8Array, other: Uint8Array): void {
  const fits = to.byteOffset % 4 === 0 && other.byteOffset % 4 === 0;
  const words = fits ? Math.floor(to.length / 4) : 0;
  if (words > 0) {
    const a = new Uint32Array(to.buffer, to.byteOffset, words);
    const b = new Uint32Array(other.buffer, other.byteOffset, words);
    for (let i = 0; i < words; i++) a[i]! ^= b[i]!;
  }
  for (let i = 4 * words; i < to.length; i++) to[i]! ^= other[i]!;
}
