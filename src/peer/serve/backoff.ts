/**
 * When a peer that isn't registered dials again. Pure: chance is handed in.
 *
 * Rules: each of several servers has its turn before a pause. Pauses double up to a longest one, and are spread by chance, so
 * that a lab that lost its server doesn't dial in step. Where there's no room in the registry there is none at any of its
 * servers, and none for minutes: the others aren't asked, and pauses grow longer. Who stayed registered for a while begins
 * with the shortest pause.
 */

import { TIMEOUTS } from "../../base/limits.ts";
import type { Random } from "../../base/random.ts";

/** What an attempt came to. */
export interface Attempt {
  /** How many servers there are. */
  servers: number;
  /** The server said that there's no room. */
  isFull: boolean;
  /** How long it lasted, milliseconds: a registration as long as this counts as a good one. */
  lasted: number;
}

/** One peer's pauses. */
export class Backoff {
  /** Servers that were tried in vain since one took us. */
  #failed = 0;
  #pause: number = TIMEOUTS.backoffMin;

  constructor(private random: Pick<Random, "next">) {}

  /** A server took us. */
  registered(): void {
    this.#failed = 0;
  }

  /** An attempt, or the registration that it led to, has ended. @returns milliseconds until the next one; 0 at once. */
  ended({ servers, isFull, lasted }: Attempt): number {
    if (lasted > TIMEOUTS.keepAlive) this.#pause = TIMEOUTS.backoffMin;
    if (++this.#failed % servers !== 0 && !isFull) return 0;
    const longest = isFull ? TIMEOUTS.backoffFull : TIMEOUTS.backoffMax;
    const pause = Math.min(this.#pause, longest);
    this.#pause = Math.min(pause * 2, longest);
    return pause * (0.5 + this.random.next());
  }
}
