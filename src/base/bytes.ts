/** Small helpers over bytes: hexadecimal, joining, big-endian integers. No I/O. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Bytes that own an ordinary ArrayBuffer, as the runtime's I/O and crypto want them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Lower-case hexadecimal of the bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const b of bytes) text += HEX[b];
  return text;
}

/**
 * Bytes of a lower- or upper-case hexadecimal text.
 *
 * @throws {TypeError} when the text has an odd length or another character.
 */
export function fromHex(text: string): Bytes {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) {
    throw new TypeError("Cannot read hexadecimal: odd length or a wrong character");
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Joins parts into one new array. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Bytes that arrive in parts, up to a length known from the start. Memory is at most twice what has arrived, however
 * large the length that was claimed and however small the parts.
 */
export class Gathering {
  #bytes: Bytes = new Uint8Array(0);
  #filled = 0;

  /** @param length bytes in all, as claimed by the sender. */
  constructor(readonly length: number) {}

  /** Bytes that have arrived. */
  get filled(): number {
    return this.#filled;
  }
  /** Bytes of memory held. */
  get held(): number {
    return this.#bytes.length;
  }

  /**
   * Takes a copy of the next part.
   *
   * @throws {RangeError} when it is more than what is missing.
   */
  add(part: Uint8Array): void {
    const end = this.#filled + part.length;
    if (end > this.length) throw new RangeError(`Cannot gather ${end} bytes: the length is ${this.length}`);
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.length, Math.max(end, 2 * this.#bytes.length)));
      larger.set(this.#bytes.subarray(0, this.#filled));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#filled);
    this.#filled = end;
  }

  /** All of them, once they are there; not copied. */
  whole(): Bytes | undefined {
    return this.#filled === this.length ? this.#bytes : undefined;
  }
}

/** Tells whether two arrays hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** Tells whether the text is a SHA-256 in lower-case hexadecimal. */
export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
