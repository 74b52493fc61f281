/** Long work on a thread that others need too, in short steps: what nobody waits for takes a part of the time only. */

import type { Clock } from "./clock.ts";

/** Work that lets others have their turn. */
export class PartTime {
  #began: number;

  /** @param part of the time that the work takes at most, above 0 and up to 1. */
  constructor(private clock: Pick<Clock, "monotonic" | "sleep">, private part: number) {
    this.#began = clock.monotonic();
  }

  /**
   * Lets others have their turn; call it after each step.
   *
   * @example A quarter of the time, whatever a step takes
   * const time = new PartTime(clock, 0.25);
   * for (const row of rows) {
   *   work(row);
   *   await time.pause();
   * }
   */
  async pause(): Promise<void> {
    const worked = this.clock.monotonic() - this.#began;
    await this.clock.sleep(worked * (1 / this.part - 1));
    this.#began = this.clock.monotonic();
  }

  /** Somebody waits for it now: from here on it takes all the time, others have their turn between steps. */
  hurry(): void {
    this.part = 1;
  }
}
