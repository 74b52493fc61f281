/** Chance as a parameter: real randomness for the product, a seeded generator for tests and simulations. */

import { toHex } from "./bytes.ts";

/** A source of random numbers and identifiers. */
export interface Random {
  /** A number from 0 up to, not including, 1. */
  next(): number;
  /** `bytes` random bytes as lower-case hexadecimal. */
  id(bytes: number): string;
}

/** Cryptographically strong randomness of the runtime. */
export const systemRandom: Random = {
  next: () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32,
  id: (bytes) => toHex(crypto.getRandomValues(new Uint8Array(bytes))),
};

/**
 * A seeded generator (mulberry32): the same seed gives the same numbers on every machine.
 *
 * @param seed any integer; print it when a test fails.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    id: (bytes) =>
      Array.from({ length: bytes }, () => Math.floor(next() * 256).toString(16).padStart(2, "0")).join(""),
  };
}
