/** Changing inputs: bytes as such, and JSON by its structure. Pure; chance is handed in. */

import type { Bytes } from "../../src/base/bytes.ts";
import { concat, utf8 } from "../../src/base/bytes.ts";
import type { Random } from "../../src/base/random.ts";

/** A whole number from 0 up to, not including, `below`. */
export function pick(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}

/** One of a list that isn't empty. */
export function oneOf<T>(random: Random, list: readonly T[]): T {
  return list[pick(random, list.length)]!;
}

/** Bytes at which code that counts goes wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x20, 0x22, 0x2c, 0x0a, 0x0d, 0x5b, 0x7b];

/** Texts that mean something to somebody: a shell, a spreadsheet, a terminal, a file system, a JSON reader. */
export const WORDS: readonly string[] = [
  ...[
    "..",
    "../",
    "\\",
    "/",
    "C:",
    "CON",
    "nul.txt",
    "a. ",
    ".labswarm",
    "\0",
    "\x1b[2J",
    "\u202e",
    "\ufeff",
  ],
  ...["=1+1", "+1", "-1", "@x", "\t=1", "'=", ";=1", '"', '""', "\r\n", ",", "\ud800", "é", "日本", "🦀"],
  ...["__proto__", "constructor", "null", "true", "1e309", "-0", "9007199254740993", "[[[[[[[[", "{}"],
  ...["-----BEGIN CERTIFICATE-----", "-----END", "====", "A".repeat(300)],
];

/** Numbers at which code that counts goes wrong. */
const NUMBERS: readonly number[] = [
  ...[0, -0, -1, 1, 2, 63, 64, 65, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 0.5, 1e-9],
  ...[2 ** 53 - 1, 2 ** 53, 1e21, 1e308, -(2 ** 53), 262144, 4 * 2 ** 20, 8e15],
];

/** Changes a few bytes, or cuts, doubles, inserts, crosses with another input. */
export function mutateBytes(input: Uint8Array, other: Uint8Array, random: Random, most: number): Bytes {
  let bytes = input.slice();
  for (let i = 1 + pick(random, 4); i > 0; i--) bytes = changed(bytes, other, random);
  return bytes.slice(0, most);
}

function changed(bytes: Bytes, other: Uint8Array, random: Random): Bytes {
  const at = pick(random, bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + pick(random, random.next() < 0.8 ? 8 : bytes.length + 1));
  const [front, middle, back] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (pick(random, 8)) {
    case 0: {
      if (at < bytes.length) bytes[at]! ^= 1 << pick(random, 8);
      return bytes;
    }
    case 1: {
      if (at < bytes.length) bytes[at] = random.next() < 0.5 ? oneOf(random, EDGES) : pick(random, 256);
      return bytes;
    }
    case 2:
      return concat([front, back]);
    case 3:
      return concat([front, middle, middle, back]);
    case 4:
      return concat([front, utf8(oneOf(random, WORDS)), middle, back]);
    case 5: {
      const from = pick(random, other.length + 1);
      return concat([front, other.subarray(from, from + 1 + pick(random, other.length + 1)), back]);
    }
    case 6:
      return front.slice();
    default: {
      if (at + 4 <= bytes.length) {
        new DataView(bytes.buffer).setUint32(at, Math.trunc(oneOf(random, NUMBERS)) >>> 0);
      }
      return bytes;
    }
  }
}

/** A JSON value with one place changed: another value, another key, one more, one less, deep nesting. */
export function mutateJson(value: unknown, random: Random): unknown {
  if (typeof value === "object" && value !== null && random.next() < 0.85) {
    return Array.isArray(value) ? mutatedList(value, random) : mutatedObject(value, random);
  }
  if (typeof value === "string" && random.next() < 0.5) return mutatedText(value, random);
  return nasty(random, value);
}

function mutatedList(list: readonly unknown[], random: Random): unknown[] {
  const at = pick(random, list.length + 1);
  if (at === list.length || random.next() < 0.2) {
    return list.toSpliced(at, pick(random, 2), nasty(random, list));
  }
  if (random.next() < 0.1) return Array.from({ length: 1 + pick(random, 300) }, () => list[at]);
  return list.with(at, mutateJson(list[at], random));
}

function mutatedObject(object: object, random: Random): unknown {
  const entries = Object.entries(object);
  const at = pick(random, entries.length + 1);
  const entry = entries[at];
  if (!entry) return Object.fromEntries([...entries, [oneOf(random, WORDS), nasty(random, object)]]);
  const [key, value] = entry;
  if (random.next() < 0.15) return Object.fromEntries(entries.toSpliced(at, 1));
  return Object.fromEntries(entries.with(at, [key, mutateJson(value, random)]));
}

/** A text with something inserted, removed or exchanged. */
export function mutatedText(text: string, random: Random): string {
  const at = pick(random, text.length + 1);
  const word = random.next() < 0.5
    ? oneOf(random, WORDS)
    : String.fromCharCode(pick(random, random.next() < 0.7 ? 128 : 65536));
  return text.slice(0, at) + (random.next() < 0.7 ? word : "") + text.slice(at + pick(random, 3));
}

function nasty(random: Random, around: unknown): unknown {
  switch (pick(random, 7)) {
    case 0:
      return oneOf(random, NUMBERS);
    case 1:
      return oneOf(random, WORDS);
    case 2:
      return oneOf(random, WORDS).repeat(1 + pick(random, 400));
    case 3:
      return oneOf(random, [null, true, false, [], {}]);
    case 4:
      return [around];
    case 5:
      return { x: around };
    default: {
      let deep: unknown = 0;
      for (let i = pick(random, 1000); i > 0; i--) deep = [deep];
      return deep;
    }
  }
}
