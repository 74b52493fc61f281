/**
 * One connection of the registration server: whose it is, the order of its messages, and what is said of them.
 */

import { type ErrorCode, LabError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { printable } from "../catalog/names.ts";
import type { Connection } from "../transport/connection.ts";
import type { Caller, Departure, Outcome } from "./state.ts";

/** The verb at the start of a line of the log, so that what follows forms a column. */
const VERB_WIDTH = 9;

/** The verb, as a line begins with it. */
export function verb(kind: string): string {
  return kind.padEnd(VERB_WIDTH);
}

/** Why a connection loses its peer: what it's told, and for a departure what is logged. */
export const REASONS = {
  left: { code: "unknown_cookie", told: "This peer has left, through another connection", logged: "it left" },
  ttl: {
    ...{ code: "timeout", told: "No KeepAlive came before this peer's TTL ran out; register again" },
    logged: "its TTL ran out",
  },
  grace: {
    ...{ code: "timeout", told: "This peer did not come back in time; register again" },
    logged: "it did not come back in time",
  },
  displaced: {
    ...{ code: "timeout", told: "Another peer listens at this one's address and port; register again" },
    logged: "another peer listens at its address and port",
  },
  replaced: {
    ...{ code: "not_permitted", told: "Another connection registered with the cookie of this one's peer" },
    logged: "it registered on another connection",
  },
  revoked: {
    ...{ code: "not_permitted", told: "This PC's membership of the lab was revoked" },
    logged: "its membership was revoked",
  },
  away: {
    ...{ code: "unreachable", told: "This registration server can't reach NATS; register at another one" },
    logged: "this server can't reach NATS",
  },
} satisfies Record<
  Departure | "replaced" | "revoked" | "away",
  { code: ErrorCode; told: string; logged: string }
>;

/** What is known of a connection. */
export interface Session {
  readonly connection: Connection;
  readonly role: Caller["role"];
  /** Cookie of the peer that is registered on it. */
  cookie: string | undefined;
  /** Done when the messages so far have been dealt with; undefined when they have. */
  turn: Promise<void> | undefined;
}

/** One message after the other; at once, and without a promise, where none is being dealt with and nothing is waited for. */
export function inTurn(session: Session, work: () => Promise<void> | void): Promise<void> | void {
  const turn = session.turn ? session.turn.then(work, work) : work();
  if (!turn) return;
  const over = () => {
    if (session.turn === settled) session.turn = undefined;
  };
  const settled: Promise<void> = turn.then(over, (thrown) => {
    over();
    throw thrown;
  });
  return session.turn = settled;
}

/** Says in the log what a message came to. */
export function tell(log: Logger, kind: string, { line, warning, isRoutine }: Outcome): void {
  const level = isRoutine ? "debug" : "info";
  if (log.shows?.(level) !== false) {
    log[level](`${verb(kind)} ${typeof line === "string" ? line : line()}`, { message: kind });
  }
  if (warning !== undefined) log.warn(`${verb(kind)} ${warning}`, { message: kind });
}

/** Most ids in one message: 27 bytes each. */
const REVOKED_AT_ONCE = 30_000;

/** Tells a peer who is a member no longer; if that fails, its connection has ended, and it's told when it's back. */
export function tellRevoked(connection: Connection, ids: readonly string[]): void {
  for (let at = 0; at < ids.length; at += REVOKED_AT_ONCE) {
    const some = ids.slice(at, at + REVOKED_AT_ONCE);
    connection.request({ kind: "Revoked", ids: some }, "Heard").catch(() => {});
  }
}

/** How long the PC that has a registration may take to show that it's there, milliseconds. */
const PRESENCE = 3_000;

/**
 * A data folder that was copied makes two PCs the same member. Where the one that is registered still answers, the other is
 * refused; where it doesn't, its connection is a dead one, left by a PC that lost power or its network.
 *
 * @throws {LabError} "not_permitted".
 */
export async function demandOnlyOne(other: Session, session: Session): Promise<void> {
  if (other === session) return;
  try {
    await other.connection.request({ kind: "Revoked", ids: [] }, "Heard", PRESENCE);
  } catch {
    return;
  }
  const at = printable(other.connection.remote.host);
  throw new LabError(
    "not_permitted",
    `Another PC (${at}) is registered with this PC's membership: was the data folder copied? Delete it on one of the two and join that one with a new code`,
  );
}
