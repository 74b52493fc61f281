/** The check that messages about a peer's own record share. */

import { LabError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { PeerRecord } from "../rules.ts";
import type { Caller, Registry, SharingView } from "../state.ts";

/**
 * The active record that is registered on the caller's connection.
 *
 * @param cookie what the message shows.
 * @throws {LabError} "unknown_cookie" when it's another's, nobody's, or that of a peer that isn't active any longer.
 */
export function demandOwn({ members }: Registry, cookie: string, caller: Caller): PeerRecord {
  const record = caller.cookie === cookie ? members.byCookie(cookie) : undefined;
  if (record?.active) return record;
  throw unknownCookie();
}

/**
 * Nobody acts for another: in a secured lab a cookie is a member's id, and the one that is shown must be the caller's own.
 *
 * @throws {LabError} "not_permitted".
 */
export function demandOwnCookie(shown: string | undefined, { member }: Caller): void {
  if (!member || shown === undefined || shown === member.id) return;
  throw new LabError("not_permitted", "That cookie is another peer's: a member acts for itself only");
}

/**
 * In a secured lab only the operator of the registration server and those invited as leads command others.
 *
 * @param what the rest of the sentence "Cannot ...".
 * @throws {LabError} "not_permitted".
 */
export function demandLead(what: string, { member }: Caller): void {
  if (!member || member.role === "lead") return;
  throw new LabError(
    "not_permitted",
    `Cannot ${what}: that takes a lead of this lab, and ${member.name} is a member`,
  );
}

/** The error for a cookie that says nothing to this server, on this connection. */
export function unknownCookie(): LabError {
  return new LabError("unknown_cookie", "No active peer of this connection has that cookie; register first");
}

/**
 * Seconds between two KeepAlives. Where there's another server to change to, a peer is to see soon that ours is gone; 5,000
 * KeepAlives a second take a server about a seventh of a core.
 */
export function keepAliveOf(
  { members, sharing }: {
    members: { ttl: number; active: number };
    sharing?: Pick<SharingView, "hasFellows"> | undefined;
  },
): number {
  const third = Math.max(1, Math.floor(members.ttl / 3_000));
  const usual = Math.min(TIMEOUTS.keepAlive / 1000, third);
  if (!sharing?.hasFellows) return usual;
  return Math.min(usual, Math.max(2, Math.ceil(members.active / 2_500)));
}
