/**
 * What the handlers work on, and what they answer with. A handler changes members and holdings, has the store keep the
 * change, and returns the reply with its effects on connections; it never touches a connection itself.
 */

import type { Random } from "../base/random.ts";
import type { HostPort } from "../base/units.ts";
import { printable } from "../catalog/names.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Member } from "../transport/security.ts";
import { addressFor } from "./address.ts";
import type { BroadcastHead } from "./broadcast_store.ts";
import type { Broadcasts } from "./broadcasts.ts";
import type { Holdings } from "./holdings.ts";
import type { Members } from "./members.ts";
import type { Moment, PeerRecord } from "./rules.ts";
import type { Store } from "./store.ts";

/** The registration server's state. */
export interface Registry {
  readonly members: Members;
  readonly holdings: Holdings;
  readonly broadcasts: Broadcasts;
  /** What is being done about broadcasts at this moment. */
  readonly atWork: AtWork;
  readonly store: Store;
  readonly random: Random;
  /** Where several servers share the registry. */
  readonly sharing?: SharingView;
  /** Only members get here; a cookie is a member's id. */
  readonly secured?: boolean;
  /** Names this run of the server: versions of another run mean nothing. */
  readonly epoch: string;
  now(): Moment;
}

/** Which broadcasts are being sent, and who is receiving from whom this server offered it. */
export interface AtWork {
  /** The command that sends it is running. */
  isClaimed(id: string): boolean;
  /** Why nobody gets it, where that won't pass by itself. */
  whyStuck(head: BroadcastHead): string | undefined;
  /** This server has offered it to that PC, which is at it. */
  isReceiving(id: string, peer: string): boolean;
}

/** What a handler asks of the other servers that share the registry. */
export interface SharingView {
  /** There are others now. */
  readonly hasFellows: boolean;
  /** The other servers as this caller reaches them; for a reply. */
  servers(caller: Caller): { servers?: string[] };
}

/** The connection that a message came on. */
export interface Caller {
  readonly remote: HostPort;
  readonly local: HostPort;
  readonly role: MessageOf<"Hello">["role"];
  /** How to call it in a sentence: whatever it says of itself, so not to be shown as it is. */
  readonly title: string;
  /** Cookie of the peer that is registered on it. */
  readonly cookie: string | undefined;
  /** Who it has proved to be, in a secured lab. */
  readonly member?: Member | undefined;
}

/** Why a peer isn't active any longer. */
export type Departure = "left" | "ttl" | "grace" | "displaced";

/** What is to happen to connections. */
export type Effect =
  /** The caller's connection is this peer's from now on; the one it had before is told and closed. Others are gone by it. */
  | { kind: "bind"; record: PeerRecord; cameBack: boolean; displaced: readonly PeerRecord[] }
  /** The peer has left: its connection is nobody's; closed, unless it's the caller's. */
  | { kind: "release"; record: PeerRecord; why: Departure }
  /** Something happened to a broadcast; "claimed": by the caller's connection; `forgotten`: another one made room for it. */
  | {
    kind: "broadcast";
    id: string;
    what: "claimed" | "news" | "over" | "withdrawn" | "retry";
    forgotten?: string;
  };

/** What a handler comes to. */
export interface Outcome {
  reply: Message;
  /** What the log says of the message, in one line, fit to be shown; a function where making it costs more than answering. */
  line: string | (() => string);
  /** It comes every second: only told when debugging. */
  isRoutine?: true;
  /** Something in the message was not as it should be. */
  warning?: string | undefined;
  effect?: Effect;
}

/** Answers the messages of one kind. */
export type Handle<K extends Message["kind"]> = (
  registry: Registry,
  message: MessageOf<K>,
  caller: Caller,
) => Promise<Outcome> | Outcome;

/** The address of a peer as this caller has to dial it. */
export function addressOf(record: PeerRecord, caller: Caller): string {
  return addressFor(record.address, { remote: caller.remote.host, local: caller.local.host });
}

/** Who asks, fit to be shown: the peer's name, else what the connection calls itself. */
export function askerOf(record: PeerRecord | undefined, caller: Caller): string {
  return record?.name ?? printable(caller.title, 80);
}

/** "1 file", "2 files": numbers for people. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
