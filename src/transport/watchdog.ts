/** One timer for all connections of a process: ends those that are silent or stuck for longer than they may be. */

import type { Clock } from "../base/clock.ts";

/** Something that can be looked at once a second. */
export interface Watched {
  /** Ends itself if it has waited too long. */
  check(now: number): void;
}

/** Looks at everything it was given, once a second, for as long as there is anything. */
export class Watchdog {
  #watched = new Set<Watched>();
  #stop: (() => void) | undefined;

  constructor(private clock: Clock) {}

  /** Starts looking at it. */
  add(watched: Watched): void {
    this.#watched.add(watched);
    this.#stop ??= this.clock.every(1_000, () => {
      const now = this.clock.monotonic();
      for (const each of this.#watched) each.check(now);
    });
  }

  /** Stops looking at it. */
  remove(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) {
      this.#stop?.();
      this.#stop = undefined;
    }
  }
}
