/** How often somebody may try a join code: a few times a minute from one address. Pure. */

import { LIMITS } from "../base/limits.ts";

/** Failed tries from one address in one minute; tries of others don't count. */
export const TRIES = LIMITS.joinTries;
/** Tries of one address being judged at once. */
export const TRIES_AT_ONCE = LIMITS.joinTriesAtOnce;
const WINDOW = 60_000;
/** Addresses remembered; beyond, the oldest is forgotten. */
const ADDRESSES = LIMITS.joinAddresses;

/** Counts tries. */
export class Tries {
  #failed = new Map<string, number[]>();
  #atOnce = new Map<string, number>();

  /**
   * A try begins.
   *
   * @returns to be called with how it ended; undefined when that address may not try now.
   */
  begin(address: string, now: number): ((isRight: boolean) => void) | undefined {
    const atOnce = this.#atOnce.get(address) ?? 0;
    const lately = this.#lately(address, now);
    if (lately.length >= TRIES || atOnce >= TRIES_AT_ONCE) return undefined;
    this.#atOnce.set(address, atOnce + 1);
    return (isRight) => {
      const left = this.#atOnce.get(address)! - 1;
      if (left === 0) this.#atOnce.delete(address);
      else this.#atOnce.set(address, left);
      if (!isRight) this.#fail(address, now);
    };
  }

  #fail(address: string, now: number): void {
    const lately = [...this.#lately(address, now), now];
    this.#failed.delete(address);
    this.#failed.set(address, lately);
    if (this.#failed.size > ADDRESSES) this.#failed.delete(this.#failed.keys().next().value!);
  }

  #lately(address: string, now: number): number[] {
    return (this.#failed.get(address) ?? []).filter((at) => at > now - WINDOW);
  }
}
