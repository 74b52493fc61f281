/** The check that messages about a peer's own record share. */

import { LabError } from "../../base/errors.ts";
import type { PeerRecord } from "../rules.ts";
import type { Caller, Registry } from "../state.ts";

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

/** The error for a cookie that says nothing to this server, on this connection. */
export function unknownCookie(): LabError {
  return new LabError("unknown_cookie", "No active peer of this connection has that cookie; register first");
}
