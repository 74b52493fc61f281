/** How often somebody may ask: a bucket that fills at a rate, and may be overdrawn, which takes time to make up for. Pure. */

import { LIMITS } from "../base/limits.ts";

/** How often somebody may ask. */
export class Budget {
  #left: number;
  #at: number | undefined;

  /** @param perSecond requests a second, and in one go. */
  constructor(private perSecond: number = LIMITS.requestsPerSecond) {
    this.#left = perSecond;
  }

  /** One request more. */
  take(now: number): void {
    this.#fill(now);
    this.#left--;
  }

  /** How long nothing more should be taken, milliseconds; 0 when there's no reason to wait. */
  owed(now: number): number {
    this.#fill(now);
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1000) / this.perSecond);
  }

  #fill(now: number): void {
    const passed = now - (this.#at ?? now);
    this.#at = now;
    this.#left = Math.min(this.perSecond, this.#left + (passed * this.perSecond) / 1000);
  }
}
