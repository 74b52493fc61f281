/** A registry that couldn't be written, on a full disk, say, is tried again: nobody may come for long who has something to be kept. */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Store } from "./store.ts";

/** Between two tries, milliseconds: whoever made room sees it soon. */
export const WRITE_AGAIN = 5_000;

/** Tries again while there is a fault, and costs nothing otherwise. @returns what ends it. */
export function writeAgain({ store, clock, log }: { store: Store; clock: Clock; log: Logger }): () => void {
  return clock.every(WRITE_AGAIN, () => {
    if (store.fault === undefined) return;
    store.tryAgain?.().then(
      () => log.info("The registry can be written again"),
      (thrown) => log.debug(messageOf(thrown)),
    );
  });
}
