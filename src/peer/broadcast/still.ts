/** Notices that nothing moves any more. */

import type { Clock } from "../../base/clock.ts";

/** Between two looks, milliseconds. */
const LOOK = 500;

/**
 * Looks at a count twice a second.
 *
 * @param ms how long the count has to be the same, milliseconds.
 * @param still is called then, until it is ended.
 * @returns ends it.
 */
export function whenStill(clock: Clock, count: () => number, ms: number, still: () => void): () => void {
  let last = count();
  let since = clock.monotonic();
  return clock.every(LOOK, () => {
    const now = count();
    if (now !== last) since = clock.monotonic();
    last = now;
    if (clock.monotonic() - since >= ms) still();
  });
}
