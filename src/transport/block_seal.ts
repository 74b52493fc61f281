/**
 * What keeps blocks that go by multicast from others in the subnet. In a secured lab they are sealed with a key of their own
 * for each broadcast, which receivers are told on their TLS connections: enciphered (AES-128 in counter mode), and their
 * headers tagged (AES-128 of the header but for its session, cut short), so that nobody without the key can say that it has ended, or jump ahead.
 * A block's own bytes carry no proof: each piece's SHA-256 is known from the broadcaster.
 */

import { Buffer } from "node:buffer";
import { type Cipheriv, createCipheriv } from "node:crypto";
import { fromHex, sameBytes } from "../base/bytes.ts";
import { MULTICAST, taggedPart, tagOf } from "../protocol/multicast.ts";

/** Seals datagrams, and opens them. */
export interface BlockSeal {
  /** Enciphers a datagram's block in its place and tags its header, both of which are there. */
  close(datagram: Uint8Array, number: number): void;
  /**
   * The block, deciphered in its place; undefined where the header comes from somebody without the key, or it is too long.
   *
   * @param datagram of this broadcast, as `decodeBlock` found: the tag doesn't vouch for that.
   */
  open(datagram: Uint8Array, number: number): Uint8Array | undefined;
  /** Gives back what the runtime keeps for it; used again, it has to be ended again. */
  end(): void;
}

/** In an open lab all goes in clear. */
const CLEAR: BlockSeal = {
  close() {},
  open: (datagram) => datagram.subarray(MULTICAST.headerBytes),
  end() {},
};

/**
 * The seal of one broadcast. A block's number is never used twice, so neither is its key stream.
 *
 * @param key 16 bytes, hexadecimal; undefined in an open lab.
 */
export function blockSeal(key: string | undefined): BlockSeal {
  if (key === undefined) return CLEAR;
  const mask = new Mask(Buffer.from(fromHex(key)));
  return {
    close(datagram, number) {
      mask.apply(datagram, number, (tag) => {
        tagOf(datagram).set(tag);
        return true;
      });
    },
    open(datagram, number) {
      const block = datagram.subarray(MULTICAST.headerBytes);
      if (block.length > MULTICAST.blockBytes) return undefined;
      // A header that was heard may be sent again before anything.
      const isRight = mask.apply(datagram, number, (tag) => sameBytes(tag, tagOf(datagram)));
      return isRight ? block : undefined;
    },
    end: () => mask.end(),
  };
}

/** Bytes that AES enciphers at a time. */
const AES_BLOCK = 16;
/**
 * Bytes that are enciphered in one call. What comes of it is memory that the runtime takes anew each time: beyond what the C
 * library keeps for itself, the system clears it first, which costs more than AES. Given back at once it is the same memory
 * every time. A block took 140 to 163 µs in steps of 4 KiB, 75 to 110 in steps of this, and 111 in one, where blocks come
 * with pauses between them.
 */
const STEP = 32 * 1024;

/**
 * AES-128 in counter mode (NIST SP 800-38A, 6.5), made of AES itself: the counters are enciphered and added to the bytes,
 * which is what the mode is. The header, without what all headers of a broadcast have in common, is enciphered before them
 * in the same call, and makes the tag: it begins with other bytes than any counter does.
 */
class Mask {
  /** The header's 16 bytes; then counters of one block: 8 bytes of zero, the block's number, their own count, u32 BE. */
  #clear = new Uint8Array(AES_BLOCK + Math.ceil(MULTICAST.blockBytes / AES_BLOCK) * AES_BLOCK);
  #view = new DataView(this.#clear.buffer);
  #words = new Uint32Array(this.#clear.buffer);
  #aes: Cipheriv | undefined;

  constructor(private key: Buffer) {
    for (let at = AES_BLOCK, count = 0; at < this.#clear.length; at += AES_BLOCK) {
      this.#view.setUint32(at + 12, count++);
    }
  }

  /**
   * Enciphers or deciphers a datagram's block in its place, which is the same.
   *
   * @param datagram whose block is no longer than blocks are.
   * @param tagged is given the header's tag, and says whether to go on.
   * @returns what it said.
   */
  apply(datagram: Uint8Array, number: number, tagged: (tag: Uint8Array) => boolean): boolean {
    const block = datagram.subarray(MULTICAST.headerBytes);
    const end = this.#prepare(datagram, number, block.length);
    const aes = this.#aes ??= this.#start();
    for (let at = 0; at < end; at += STEP) {
      const clear = this.#clear.subarray(at, Math.min(end, at + STEP));
      const made = aes.update(clear);
      // What has no key stream would go out in clear.
      if (made.length !== clear.length) throw new Error(`AES made ${made.length} bytes of ${clear.length}`);
      const headBytes = at === 0 ? AES_BLOCK : 0;
      const goesOn = headBytes === 0 || tagged(made.subarray(0, MULTICAST.tagBytes));
      if (goesOn) {
        add(block.subarray(at + headBytes - AES_BLOCK, at + STEP - AES_BLOCK), made.subarray(headBytes));
      }
      giveBack(made);
      if (!goesOn) return false;
    }
    return true;
  }

  end(): void {
    this.#aes?.final();
    this.#aes = undefined;
  }

  /** @returns how much is to be enciphered. */
  #prepare(datagram: Uint8Array, number: number, length: number): number {
    this.#clear.set(taggedPart(datagram));
    this.#view.setUint32(AES_BLOCK + 8, number);
    const [first, size] = [AES_BLOCK / 4 + 2, AES_BLOCK / 4];
    const inItsOrder = this.#words[first]!;
    const end = AES_BLOCK + Math.ceil(length / AES_BLOCK) * AES_BLOCK;
    for (let at = first; at < end / 4; at += size) this.#words[at] = inItsOrder;
    return end;
  }

  #start(): Cipheriv {
    const aes = createCipheriv("aes-128-ecb", this.key, null);
    // Counters are whole blocks: there is nothing to pad at the end.
    aes.setAutoPadding(false);
    keepNothing(aes);
    return aes;
  }
}

/**
 * Where blocks have to be whole the runtime's ciphers copy all that they are given, for there might be a part of one among it,
 * and leave the copies to the garbage collector: in a broadcast of 64 MiB all PCs collect at the same time. Here blocks are
 * always whole, so nothing is copied: 16 secured receivers took 1.10 of F/B so, and 1.16 with the copies. None of it is the
 * runtime's interface: where these names are others, it copies as before.
 */
function keepNothing(aes: Cipheriv): void {
  const inside = aes as unknown as { _cache?: { cache?: unknown; add?: unknown; get?: unknown } };
  const kept = inside._cache;
  if (!(kept?.cache instanceof Uint8Array && kept.cache.length === 0)) return;
  if (typeof kept.add !== "function" || typeof kept.get !== "function") return;
  let given: Uint8Array | null = null;
  kept.add = (bytes: Uint8Array) => given = bytes;
  kept.get = () => given;
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
