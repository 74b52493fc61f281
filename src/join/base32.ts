/** Base32 as Crockford wrote it: no I, L, O or U, so that nothing is mistaken for a digit when it's read aloud or typed. */

import type { Bytes } from "../base/bytes.ts";

const SYMBOLS = "0123456789abcdefghjkmnpqrstvwxyz";
/** What people type for what they see. */
const MISREAD: Readonly<Record<string, string>> = { o: "0", i: "1", l: "1" };

/** Symbols of the bytes, lower case; the last one is filled up with zero bits. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += SYMBOLS[(bits >> held) & 31];
      bits &= (1 << held) - 1;
    }
  }
  return held > 0 ? text + SYMBOLS[(bits << (5 - held)) & 31] : text;
}

/** Values 0 to 31 of what was typed: any case, O for 0, I and L for 1; undefined when another character is among it. */
export function symbolValues(text: string): number[] | undefined {
  const values: number[] = [];
  for (const character of text.toLowerCase()) {
    const value = SYMBOLS.indexOf(MISREAD[character] ?? character);
    if (value < 0) return undefined;
    values.push(value);
  }
  return values;
}

/** The symbol of a value from 0 to 31. */
export function symbolOf(value: number): string {
  return SYMBOLS[value & 31]!;
}

/** Whole bytes of values of 5 bits each; bits that are left over are dropped. */
export function bytesOf(values: readonly number[]): Bytes {
  const bytes = new Uint8Array(Math.floor((values.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const value of values) {
    bits = (bits << 5) | value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes[at++] = bits >> held;
    bits &= (1 << held) - 1;
  }
  return bytes;
}
