/**
 * Which words can't be in a block of names: a bit for each three letters that occur in it (a Bloom filter over trigrams), so
 * that a search over a million names reads only the few blocks that may hold what is looked for. Pure.
 *
 * Rules: it never says no wrongly; it may say yes wrongly. Letters are lower case; only trigrams of ASCII are kept and asked
 * for, since lower case of others may depend on what stands beside them.
 */

/**
 * Bits of one signature: 2 KiB. A block of 512 names of a lab has some 3,000 trigrams and so sets a sixth of the bits; a
 * word of six letters then passes wrongly in one of a thousand blocks.
 */
const BITS = 16_384;

/** Trigrams asked for of one word: more don't make it any surer. */
const MOST_ASKED = 12;

/** Where a trigram's bit is; -1 when it has a letter beyond ASCII. */
function bitOf(a: number, b: number, c: number): number {
  if ((a | b | c) > 0x7f) return -1;
  return Math.imul(a << 14 | b << 7 | c, 0x9e3779b1) >>> 18;
}

/** The trigrams of a block of texts. */
export class Signature {
  #bits = new Uint32Array(BITS / 32);

  /** @param text in lower case. */
  add(text: string): void {
    let a = text.charCodeAt(0);
    let b = text.charCodeAt(1);
    for (let at = 2; at < text.length; at++) {
      const c = text.charCodeAt(at);
      const bit = bitOf(a, b, c);
      if (bit >= 0) this.#bits[bit >>> 5]! |= 1 << (bit & 31);
      a = b;
      b = c;
    }
  }

  /** Tells whether a text with all of these may have been added. */
  mayHold(needed: Needed): boolean {
    for (const bit of needed) if ((this.#bits[bit >>> 5]! & 1 << (bit & 31)) === 0) return false;
    return true;
  }

  clear(): void {
    this.#bits.fill(0);
  }
}

/** Bits that must be set where a text occurs; none: it may occur anywhere. */
export type Needed = Iterable<number>;

/**
 * What must be there for texts that contain all of the parts.
 *
 * @param parts in any case.
 *
 * @example
 * ```ts
 * import { needed, Signature } from "./signature.ts";
 * const block = new Signature();
 * block.add("report.pdf");
 * if (!block.mayHold(needed(["PORT"])) || block.mayHold(needed(["ports"]))) throw new Error();
 * ```
 */
export function needed(parts: readonly string[]): Set<number> {
  const bits = new Set<number>();
  for (const part of parts) {
    const text = part.toLowerCase();
    for (let at = 2; at < text.length && bits.size < MOST_ASKED; at++) {
      const bit = bitOf(text.charCodeAt(at - 2), text.charCodeAt(at - 1), text.charCodeAt(at));
      if (bit >= 0) bits.add(bit);
    }
  }
  return bits;
}
