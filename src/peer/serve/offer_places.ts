/**
 * Who may send to this PC at once. Pure.
 *
 * Rules: what is broadcast has places of its own, for only a lead broadcasts, and no member is to keep one out by sends that
 * don't move. Where all places of sends are taken, one of who has most of them makes room for who has fewer; it goes on from
 * what had come when it is sent again. Where all have as few, the newcomer comes again.
 */

import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";

/** A transfer to this PC that is under way. */
export interface Taken {
  /** A member's id, or an address; undefined for a broadcast. */
  readonly sender: string | undefined;
  /** Ends it. */
  readonly stop: AbortController;
}

/**
 * Makes room for one transfer more.
 *
 * @param running those that are under way, the oldest first.
 * @param sender of the new one; undefined for a broadcast.
 * @throws {LabError} "busy" when there is none.
 */
export function makePlace(running: Iterable<Taken>, sender: string | undefined): void {
  const isBroadcast = sender === undefined;
  // What was stopped only has to end.
  const taken = [...running].filter((each) =>
    (each.sender === undefined) === isBroadcast && !each.stop.signal.aborted
  );
  if (taken.length < LIMITS.offersAtOnce) return;
  const busy = new LabError(
    "busy",
    `${taken.length} transfers to this PC are under way; try again in a moment`,
  );
  if (isBroadcast) throw busy;
  const bySender = Map.groupBy(taken, (each) => each.sender);
  const most = [...bySender.values()].reduce((a, b) => b.length > a.length ? b : a);
  if (most.length <= (bySender.get(sender)?.length ?? 0) + 1) throw busy;
  most.at(-1)!.stop.abort(new LabError("busy", "Others send to this PC, too, and it makes room for them"));
}
