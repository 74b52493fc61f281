/** Notices that nothing moves any more. */

import type { Clock } from "../../base/clock.ts";

/** Who may come by it waits no longer, milliseconds: a piece of 4 MiB takes so long at 7 Mbit/s. */
const STILL = 5_000;
/** Between two looks, milliseconds. */
const LOOK = 500;

/**
 * Looks at a count twice a second.
 *
 * @param still is called when the count has been the same for 5 s, and with each look for as long as it stays so.
 * @returns ends it.
 */
export function whenStill(clock: Clock, count: () => number, still: () => void): () => void {
  let last = count();
  let since = clock.monotonic();
  return clock.every(LOOK, () => {
    const now = count();
    if (now !== last) since = clock.monotonic();
    last = now;
    if (clock.monotonic() - since >= STILL) still();
  });
}
