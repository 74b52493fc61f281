/** How often somebody may try a join code or a key: a few times a minute from one address. Pure. */

import { LIMITS } from "./limits.ts";

const WINDOW = 60_000;

/**
 * Counts tries.
 *
 * @example
 * ```ts
 * import { Tries } from "./tries.ts";
 * const tries = new Tries(1);
 * tries.begin("10.0.0.9", 0)!(false);
 * if (tries.begin("10.0.0.9", 59_999)) throw new Error("that is one too many in a minute");
 * if (!tries.begin("10.0.0.9", 60_000)) throw new Error("a minute is over");
 * ```
 */
export class Tries {
  #failed = new Map<string, number[]>();
  #atOnce = new Map<string, number>();

  /** @param allowed failed tries of one address in a minute; right ones and those of others don't count. */
  constructor(private allowed: number) {}

  /**
   * A try begins.
   *
   * @param now milliseconds.
   * @returns to be called with how it ended, and tells whether it counts: not even a right one does where too many wrong ones
   *   that were judged at the same time ended before. Undefined when that address may not try now.
   */
  begin(address: string, now: number): ((isRight: boolean) => boolean) | undefined {
    const atOnce = this.#atOnce.get(address) ?? 0;
    const lately = this.#lately(address, now);
    if (lately.length >= this.allowed || atOnce >= LIMITS.triesAtOnce) return undefined;
    this.#atOnce.set(address, atOnce + 1);
    return (isRight) => {
      const left = this.#atOnce.get(address)! - 1;
      if (left === 0) this.#atOnce.delete(address);
      else this.#atOnce.set(address, left);
      const counts = this.#lately(address, now).length < this.allowed;
      if (!isRight) this.#fail(address, now);
      return counts;
    };
  }

  #fail(address: string, now: number): void {
    const lately = [...this.#lately(address, now), now].slice(-this.allowed);
    this.#failed.delete(address);
    this.#failed.set(address, lately);
    if (this.#failed.size > LIMITS.triedAddresses) this.#failed.delete(this.#failed.keys().next().value!);
  }

  #lately(address: string, now: number): number[] {
    return (this.#failed.get(address) ?? []).filter((at) => at > now - WINDOW);
  }
}
