/**
 * The record of a peer and what may happen to it. Pure: time is handed in, nothing is stored or sent here.
 *
 * States of a record, disjoint:
 *
 *     inactive   active = false, expires = 0             left, expired, or did not come back
 *     connected  active = true,  comeBackBy = undefined  its registration connection is open
 *     awaited    active = true,  comeBackBy = a moment   its connection broke, or this server was restarted
 *
 * Rules: an inactive record has no time left. Name and cookie never change. Registrations are in ascending order, at most
 * 30 days old and never in the future. Leases run on the monotonic clock, so that setting the PC's clock ends none;
 * registrations are counted on the wall clock, for people read them.
 */

import { TIMEOUTS } from "../base/limits.ts";

/** How long a registration counts, milliseconds: fixed by the protocol P2P-DI. */
export const REGISTRATION_WINDOW = 30 * 24 * 3600 * 1000;

/** How far the clocks of servers that share a registry may be apart, milliseconds: nobody notices an hour on a PC. */
export const CLOCKS_APART = 3600 * 1000;

/** Registrations kept per peer: one every 45 minutes for 30 days; more says nothing new. */
export const REGISTRATIONS_KEPT = 1_000;

/** One moment on both clocks, milliseconds. */
export interface Moment {
  /** Since 1970, UTC; may jump. */
  wall: number;
  /** Never jumps; means nothing after a restart. */
  mono: number;
}

/** What a peer says of itself, and where it was seen. */
export interface Claim {
  /** Host name of its PC. */
  readonly host: string;
  /** Seen on its connection. */
  readonly address: string;
  /** Its server's port. */
  readonly port: number;
  /** Where it answers the course's own programs, if it does; not stored. */
  readonly classic?: number;
}

/** What the registration server keeps of a peer. */
export interface PeerRecord extends Claim {
  /** Unique, whatever its case; kept for as long as the record lives. */
  readonly name: string;
  /** The peer's proof that this record is its own; a secret between the two. */
  readonly cookie: string;
  readonly active: boolean;
  /** When the TTL runs out, on the monotonic clock; 0 when inactive. */
  readonly expires: number;
  /** Until when it may come back, on the monotonic clock; undefined while it's connected, or inactive. */
  readonly comeBackBy: number | undefined;
  /** Registrations of the last 30 days, on the wall clock, ascending. */
  readonly registrations: readonly number[];
  /** The latest registration, on the wall clock. */
  readonly lastRegistered: number;
}

/** The same as a record, without what only holds while this process runs. */
export type KeptRecord = Omit<PeerRecord, "expires" | "comeBackBy">;

/** A newcomer registers. */
export function register(
  who: Claim & { name: string; cookie: string },
  ttl: number,
  now: Moment,
): PeerRecord {
  return comeBack({ ...who, active: false, registrations: [], lastRegistered: 0 }, who, ttl, now);
}

/**
 * A peer that is known registers again: name and cookie stay, the rest is as it says now.
 *
 * @param ttl milliseconds.
 */
export function comeBack(record: KeptRecord, claim: Claim, ttl: number, now: Moment): PeerRecord {
  const { name, cookie } = record;
  const { host, address, port, classic } = claim;
  const earlier = countable(record.registrations, now.wall);
  const registrations = earlier.slice(1 - REGISTRATIONS_KEPT);
  registrations.push(now.wall);
  // The clock was set back a little.
  if (earlier.length > 0 && earlier.at(-1)! > now.wall) registrations.sort((a, b) => a - b);
  return {
    ...{ name, cookie, host, address, port, registrations },
    ...{ active: true, expires: now.mono + ttl, comeBackBy: undefined, lastRegistered: now.wall },
    ...(classic === undefined ? {} : { classic }),
  };
}

/** Tells whether a peer speaks nothing but the course's protocols: then that is what listens on its port. */
export function isClassicOnly({ port, classic }: KeptRecord): boolean {
  return classic === port;
}

/**
 * Tells whether a peer that registers proves that another one is gone: it listens where that one did.
 *
 * Only of one whose connection has broken, or was before a restart. PCs behind a router that translates addresses are all
 * seen at the router's, and look alike where they listen on one port: as long as the other's connection lives, the two
 * are two. If it's broken and it was such a PC all the same, it is active again as soon as it comes back.
 */
export function displaces(claim: Claim & { cookie: string }, other: PeerRecord): boolean {
  return other.cookie !== claim.cookie && isAwaited(other) &&
    other.address === claim.address && other.port === claim.port;
}

/** Its connection is not there: it may come back, or be gone. */
export function isAwaited({ active, comeBackBy }: PeerRecord): boolean {
  return active && comeBackBy !== undefined;
}

/** A KeepAlive gives the whole TTL again; what is inactive stays so and has to register. */
export function keepAlive(record: PeerRecord, ttl: number, now: Moment): PeerRecord {
  return record.active ? { ...record, expires: now.mono + ttl } : record;
}

/** A PQuery of the peer itself renews as a KeepAlive does. */
export const pquery = keepAlive;

/** Its connection broke: it stays active for a short while, to come back. */
export function disconnected(record: PeerRecord, now: Moment): PeerRecord {
  return record.active ? { ...record, comeBackBy: now.mono + TIMEOUTS.grace } : record;
}

/** This server was restarted: what was active gets time to come back. */
export function restarted(record: KeptRecord, ttl: number, now: Moment): PeerRecord {
  const { active } = record;
  return {
    ...record,
    expires: active ? now.mono + ttl : 0,
    comeBackBy: active ? now.mono + TIMEOUTS.graceAfterRestart : undefined,
  };
}

/** It said goodbye. */
export function leave(record: PeerRecord): PeerRecord {
  return { ...record, active: false, expires: 0, comeBackBy: undefined };
}

/** Why a record's time is over, or undefined when it isn't. */
export function whyOver(record: PeerRecord, now: Moment): "ttl" | "grace" | undefined {
  if (!record.active) return undefined;
  if (record.expires <= now.mono) return "ttl";
  return record.comeBackBy !== undefined && record.comeBackBy <= now.mono ? "grace" : undefined;
}

/** Time has passed: a record whose TTL or grace is over becomes inactive; another stays the same object. */
export function expire(record: PeerRecord, now: Moment): PeerRecord {
  return whyOver(record, now) ? leave(record) : record;
}

/** Seconds left, rounded up; 0 when inactive, and only then: who is past its time has a second left until that is noticed. */
export function ttlLeft(record: PeerRecord, now: Moment): number {
  return record.active ? Math.max(1, Math.ceil((record.expires - now.mono) / 1000)) : 0;
}

/** How often it registered in the last 30 days. */
export function registrationsLately(record: KeptRecord, now: Moment): number {
  return countable(record.registrations, now.wall).length;
}

/**
 * Those of the last 30 days. Clocks of servers that share a registry differ by a bit; those of the far future were made
 * while a PC's clock was wrong.
 */
function countable(registrations: readonly number[], wall: number): readonly number[] {
  const [first] = registrations;
  const latest = wall + CLOCKS_APART;
  if (first !== undefined && first > wall - REGISTRATION_WINDOW && registrations.at(-1)! <= latest) {
    return registrations;
  }
  return registrations.filter((at) => at <= latest && at > wall - REGISTRATION_WINDOW);
}

/** Longest name in UTF-16 units: what the protocol's messages carry. */
const NAME_MAX = 64;

/**
 * The name that a newcomer gets: the one it wants, or with `-2`, `-3`, ... when others have that.
 *
 * @param wanted a valid peer name.
 * @param isTaken tells whether somebody has the name.
 * @param first the number to try first, for callers who know that lower ones are taken.
 * @example
 * ```ts
 * import { freeName } from "./rules.ts";
 * if (freeName("pc7", (name) => name === "pc7").name !== "pc7-2") throw new Error("pc7-2 expected");
 * ```
 */
export function freeName(
  wanted: string,
  isTaken: (name: string) => boolean,
  first = 2,
): { name: string; number: number } {
  if (!isTaken(wanted)) return { name: wanted, number: 1 };
  for (let number = first;; number++) {
    const suffix = `-${number}`;
    let stem = "";
    for (const character of wanted) {
      if (stem.length + character.length + suffix.length > NAME_MAX) break;
      stem += character;
    }
    if (!isTaken(stem + suffix)) return { name: stem + suffix, number };
  }
}
