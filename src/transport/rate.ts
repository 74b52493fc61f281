/** A token bucket: how long to wait so that no more than so many bytes per second go out. Pure but for the clock it is handed. */

import type { Clock } from "../base/clock.ts";

/** Limits what a whole process sends; every sender takes from the same one. */
export class RateLimiter {
  #tokens: number;
  #last: number;
  #taken = 0;

  /**
   * @param rate bytes per second; Infinity for no limit.
   * @param burst bytes that may go at once after a pause: 50 ms worth unless told, so that a limit holds over any second.
   */
  constructor(private clock: Clock, readonly rate: number, private burst: number = rate / 20) {
    this.#tokens = burst;
    this.#last = clock.monotonic();
  }

  /** True when there is nothing to limit. */
  get unlimited(): boolean {
    return !Number.isFinite(this.rate);
  }

  /** Bytes taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Takes `bytes` out of the bucket, into debt if need be.
   *
   * @returns milliseconds to wait before sending them.
   */
  take(bytes: number): number {
    this.#taken += bytes;
    if (this.unlimited) return 0;
    const now = this.clock.monotonic();
    this.#tokens = Math.min(this.burst, this.#tokens + (now - this.#last) * this.rate / 1000);
    this.#last = now;
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : -this.#tokens * 1000 / this.rate;
  }
}
