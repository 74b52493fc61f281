/** The share of a serve: old part files go, and one that can't be written is told. */

import { messageOf } from "../../base/errors.ts";
import { tryLock } from "../../storage/lock.ts";
import { keepTidy, type Tidying } from "../../storage/old_parts.ts";
import type { Root } from "../../storage/root.ts";
import type { PeerContext } from "../context.ts";

/**
 * Removes what was left long ago, now and every day. A share on a DVD is as good as any; but who serves it learns now that
 * nothing can be received, not from the first who sends in vain.
 */
export function tidyShare(root: Root, { clock, log }: Pick<PeerContext, "clock" | "log">): Tidying {
  try {
    tryLock(root.ownPath("writable.lock"))?.release();
  } catch (cause) {
    log.warn(
      `Nothing can be received here, by fetch, send or broadcast; what is there is shared. ${
        messageOf(cause)
      }`,
    );
  }
  return keepTidy([root.path], clock);
}
