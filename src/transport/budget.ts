/**
 * What somebody may ask of us. How often: a bucket that fills at a rate, and may be overdrawn, which takes time to make up
 * for. And how much of what it sends on with its questions may wait until it is read. Pure.
 */

import { LIMITS } from "../base/limits.ts";

/** What somebody may ask of us. */
export class Budget {
  #unread = 0;
  #left: number;
  #at: number | undefined;

  /** @param perSecond requests a second, and in one go. */
  constructor(private perSecond: number = LIMITS.requestsPerSecond) {
    this.#left = perSecond;
  }

  /**
   * One request more.
   *
   * @param bytes how long it is: to read a long one takes as long as to answer many short ones.
   */
  take(now: number, bytes = 0): void {
    this.#fill(now);
    this.#left -= 1 + Math.floor(bytes / LIMITS.bytesPerRequest);
  }

  /**
   * The answer to a request took work, beside what each takes.
   *
   * @param ms how long everybody else had to wait for it.
   */
  work(ms: number): void {
    this.#left -= ms * LIMITS.requestsPerMs;
  }

  /** Whether {@linkcode owed} is to be asked: as of when something was taken last. */
  get isOverdrawn(): boolean {
    return this.#left < 0;
  }

  /** How long nothing more should be taken, milliseconds; 0 when there's no reason to wait. */
  owed(now: number): number {
    this.#fill(now);
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left * 1000) / this.perSecond);
  }

  /**
   * A message more waits to be read.
   *
   * @param bytes on the wire.
   * @returns whether there's room for it; if not, it is for the caller to read no more.
   */
  hold(bytes: number): boolean {
    this.#unread += bytes + LIMITS.unreadPart;
    return this.#unread <= LIMITS.unreadInAll;
  }

  /** A message that was held waits no longer. */
  release(bytes: number): void {
    this.#unread -= bytes + LIMITS.unreadPart;
  }

  #fill(now: number): void {
    const passed = now - (this.#at ?? now);
    this.#at = now;
    this.#left = Math.min(this.perSecond, this.#left + (passed * this.perSecond) / 1000);
  }
}
