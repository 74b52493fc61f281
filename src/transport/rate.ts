/**
 * A token bucket: how long to wait so that no more than so many bytes per second go out. Pure but for the clock it is handed.
 *
 * It counts what is handed to the system; the headers of TCP, IP and Ethernet come on top, at most 4.6 % with full packets.
 * Seen on an interface: 2.05 MB/s for a limit of 2, 8.33 for 8, 20.9 for 20; 4.09 for 4 with two receivers at once.
 */

import type { Clock } from "../base/clock.ts";

/**
 * What is to be taken at once of a limit: so much of a second's worth, and no less than `least` bytes. Whoever waits for its
 * part gets none before those of all others who share the limit have gone, and takes a sender for dead after 15 s without a byte.
 */
const PORTION = { ofSecond: 0.1, least: 4 * 1024 };

/** What a sender asks before each part that it sends. */
export interface Throttle {
  /** Bytes to be taken at once, at most; any number where it isn't said. */
  readonly portion?: number;
  /** Takes `bytes`. @returns milliseconds to wait before sending them. */
  take(bytes: number): number;
  /** Hears how long the system took to take a part, milliseconds: long where the network is full. */
  wrote?(ms: number): void;
}

/** Limits what a whole process sends; every sender takes from the same one. */
export class RateLimiter implements Throttle {
  #rate: number;
  #burst: number;
  #tokens: number;
  #last: number;
  #taken = 0;

  /**
   * @param rate bytes per second; Infinity for no limit.
   * @param burst bytes that may go at once after a pause: 50 ms worth unless told, so that a limit holds over any second.
   */
  constructor(private clock: Clock, rate: number, burst: number = rate / 20) {
    this.#rate = rate;
    this.#burst = this.#tokens = burst;
    this.#last = clock.monotonic();
  }

  /** Bytes per second; Infinity where there is no limit. */
  get rate(): number {
    return this.#rate;
  }

  /** Changes the limit; what was saved up or owed stays. @param burst as for the constructor. */
  change(rate: number, burst: number = rate / 20): void {
    this.#fill();
    this.#rate = rate;
    this.#burst = burst;
    this.#tokens = Math.min(this.#tokens, burst);
  }

  /** Bytes to be taken at once: a tenth of a second's worth, 4 KiB at least; Infinity where there is no limit. */
  get portion(): number {
    return Math.max(PORTION.least, Math.floor(PORTION.ofSecond * this.rate));
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
    this.#fill();
    this.#tokens -= bytes;
    return this.#tokens >= 0 ? 0 : -this.#tokens * 1000 / this.rate;
  }

  #fill(): void {
    const now = this.clock.monotonic();
    if (!this.unlimited) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#last) * this.#rate / 1000);
    }
    this.#last = now;
  }
}
