/**
 * All peers that the registration server knows. Pure but for its own state: time and cookies are handed in, and what has
 * to be stored or closed is returned.
 *
 * Rules: names are unique whatever their case, for they become folders; cookies are unique; every record is found by its
 * cookie and by its name. When there are too many records, the inactive one that registered longest ago is forgotten. Who was
 * put out is in no list and has no name; its record stays until then only for those who ask what has changed.
 */

import { LabError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { nameKey, peerNameFault } from "../catalog/names.ts";
import type { WirePeer } from "../protocol/messages.ts";
import { writeOnce } from "../protocol/written.ts";
import { ChangeLog } from "./change_log.ts";
import * as rules from "./rules.ts";
import type { Claim, KeptRecord, Moment, PeerRecord } from "./rules.ts";
import { lowerBound, SortedNames } from "./sorted_names.ts";

/** Records kept: about 25 MB. */
export const RECORDS_MAX: number = LIMITS.members;

/** Newcomers that couldn't be kept of whom is told what has become of them: as many as watchers heard of since they asked last. */
const UNDONE_MAX = 1_000;

/** What a registration came to. */
export interface Registration {
  record: PeerRecord;
  /** False for a newcomer. */
  cameBack: boolean;
  /** Cookie of the record that was forgotten to make room. */
  forgotten: string | undefined;
  /** Those who are gone, for it listens where they did; inactive now. */
  displaced: PeerRecord[];
}

/** What others may see of the members. */
export interface MembersView {
  /** Peers that were ever registered and not forgotten. */
  readonly size: number;
  /** Peers that are active now. */
  readonly active: number;
  /** The record that belongs to a cookie. */
  byCookie(cookie: string): PeerRecord | undefined;
  /** The record of a name, whatever its case. */
  byName(name: string): PeerRecord | undefined;
  /**
   * Records in the order of their names, those after a name; `all` for inactive ones too. The course's own programs, which
   * can't be dialled by ours, are left out unless `classic`.
   */
  list(options?: { all?: boolean; after?: string; classic?: boolean }): Iterable<PeerRecord>;
  /** Counts changes that others may see; means nothing after a restart. */
  readonly version: number;
  /** Records that have changed after a version, active or not, each with the version of its latest change, in that order. */
  changes(version: number): Iterable<{ record: PeerRecord; version: number }>;
}

/** All peers that the registration server knows. */
export class Members implements MembersView {
  #records = new Map<string, PeerRecord>();
  #cookies = new Map<string, string>();
  #all = new SortedNames();
  #actives = new SortedNames();
  #activeCookies = new Set<string>();
  /** Cookies of those who were put out. */
  #expelled = new Set<string>();
  /** Newcomers that couldn't be kept, for those who ask what has changed: they may have been told of them. */
  #undone = new Map<string, PeerRecord>();
  /** Cookies of those who are active, by where they listen; in the order in which they registered. */
  #places = new Map<string, Set<string>>();
  #log = new ChangeLog();
  /** Where several servers share the registry: those that were heard of since they were told. */
  renewed: Set<string> | undefined;
  /** Lowest number not given yet, by the name it was asked for: a lab's PCs may all have one host name. */
  #numbers = new Map<string, number>();

  /**
   * @param ttl milliseconds.
   * @param max for tests: how many records are kept.
   */
  constructor(readonly ttl: number, private max = RECORDS_MAX) {}

  get size(): number {
    return this.#records.size - this.#expelled.size;
  }
  get active(): number {
    return this.#activeCookies.size;
  }
  get version(): number {
    return this.#log.version;
  }
  byCookie(cookie: string): PeerRecord | undefined {
    return this.#records.get(cookie);
  }
  byName(name: string): PeerRecord | undefined {
    const cookie = this.#cookies.get(nameKey(name));
    return cookie === undefined ? undefined : this.#records.get(cookie);
  }

  *list(
    { all = false, after, classic = false }: { all?: boolean; after?: string; classic?: boolean } = {},
  ): Generator<PeerRecord> {
    const keys = (all ? this.#all : this.#actives).list();
    const key = after === undefined ? undefined : nameKey(after);
    let at = key === undefined ? 0 : lowerBound(keys, key);
    if (key !== undefined && keys[at] === key) at++;
    for (; at < keys.length; at++) {
      const record = this.#records.get(this.#cookies.get(keys[at]!)!)!;
      if (classic || !rules.isClassicOnly(record)) yield record;
    }
  }

  *changes(version: number): Generator<{ record: PeerRecord; version: number }> {
    for (const change of this.#log.since(version)) {
      const record = this.#records.get(change.key) ?? this.#undone.get(change.key);
      if (record) yield { record, version: change.version };
    }
  }

  /** Takes over what was stored, at start: what was active gets time to come back. */
  load(kept: Iterable<KeptRecord>, now: Moment): void {
    for (const record of kept) {
      if (this.#records.has(record.cookie) || this.#cookies.has(nameKey(record.name))) continue;
      if (peerNameFault(record.name)) continue;
      this.#put(rules.restarted(record, this.ttl, now));
    }
  }

  /**
   * A peer registers.
   *
   * @param claim.name a valid peer name, the one it wants.
   * @param shown the cookie that it shows, if any; an unknown one counts as none.
   * @param freshCookie the cookie for a newcomer; nobody has it.
   * @throws {LabError} "busy" when all records there is room for are active; "not_permitted" for who was put out.
   */
  register(
    claim: Claim & { name: string },
    shown: string | undefined,
    freshCookie: string,
    now: Moment,
  ): Registration {
    const known = shown === undefined ? undefined : this.#records.get(shown);
    if (known && this.#expelled.has(known.cookie)) {
      throw new LabError("not_permitted", "Cannot register: this PC's membership of the lab was revoked");
    }
    if (known) {
      const record = this.#put(rules.comeBack(known, claim, this.ttl, now));
      return { record, cameBack: true, forgotten: undefined, displaced: this.displaced(record) };
    }
    const forgotten = this.#makeRoom();
    const name = this.#freeName(claim.name);
    const record = this.#put(rules.register({ ...claim, name, cookie: freshCookie }, this.ttl, now));
    return { record, cameBack: false, forgotten, displaced: this.displaced(record) };
  }

  /**
   * Those who are gone, for a peer that has registered listens where they did: makes them inactive.
   *
   * @param isOurs tells who may be judged here; everybody unless told.
   */
  displaced(by: PeerRecord, isOurs: (cookie: string) => boolean = () => true): PeerRecord[] {
    const there = [...this.#places.get(placeOf(by)) ?? []].map((cookie) => this.#records.get(cookie)!);
    return there.filter((other) => rules.displaces(by, other) && isOurs(other.cookie))
      .map((gone) => this.#put(rules.leave(gone)));
  }

  /** Of the active ones that listen at a peer's place, the one that registered last, as far as was heard here. */
  latestAt(record: PeerRecord): PeerRecord | undefined {
    const latest = [...this.#places.get(placeOf(record)) ?? []].at(-1);
    return latest === undefined ? undefined : this.#records.get(latest);
  }

  /** A KeepAlive, or a PQuery, of this peer. */
  renew(cookie: string, now: Moment): PeerRecord | undefined {
    this.renewed?.add(cookie);
    const record = this.#records.get(cookie);
    return record && this.#keep(rules.keepAlive(record, this.ttl, now));
  }

  /** It is registered at another server, which looks after it. */
  connectedElsewhere(cookie: string): void {
    const record = this.#records.get(cookie);
    if (record) this.#keep({ ...record, comeBackBy: undefined });
  }

  /** Another server heard of it. */
  renewedElsewhere(cookie: string, now: Moment): void {
    const record = this.#records.get(cookie);
    if (record) this.#keep(rules.keepAlive(record, this.ttl, now));
  }

  /**
   * Takes over a record that another server has written. Whoever had its name, or is another now, is forgotten here: what is
   * stored is true.
   *
   * @param isLooked true when it is registered at a server that is alive; else it gets time to come back.
   * @returns cookie of the record that had the name.
   */
  adopt(kept: KeptRecord, isLooked: boolean, now: Moment): { record: PeerRecord; gone: string | undefined } {
    const expelled = this.#expelled.has(kept.cookie) ? this.#records.get(kept.cookie) : undefined;
    if (expelled) return { record: expelled, gone: undefined };
    const holder = this.#cookies.get(nameKey(kept.name));
    const gone = holder === kept.cookie ? undefined : holder;
    if (gone !== undefined) this.forget(gone);
    const before = this.#records.get(kept.cookie);
    if (before && nameKey(before.name) !== nameKey(kept.name)) this.forget(kept.cookie);
    const fresh = rules.restarted(kept, this.ttl, now);
    const record = isLooked ? { ...fresh, comeBackBy: undefined } : fresh;
    return { record: this.#put(record), gone };
  }

  /** The server at which it is registered is no more: it gets time to come back. */
  abandoned(cookie: string, now: Moment): void {
    const record = this.#records.get(cookie);
    if (record?.active) this.#keep({ ...record, comeBackBy: now.mono + TIMEOUTS.graceAfterRestart });
  }

  /** Forgets a record. */
  forget(cookie: string): void {
    const record = this.#records.get(cookie);
    if (!record) return;
    const key = nameKey(record.name);
    this.#leavePlace(record);
    this.#records.delete(cookie);
    this.#expelled.delete(cookie);
    this.#log.forget(cookie);
    this.#activeCookies.delete(cookie);
    if (this.#cookies.get(key) !== cookie) return;
    this.#cookies.delete(key);
    this.#all.delete(key);
    this.#actives.delete(key);
  }

  /** Its connection broke. */
  disconnected(cookie: string, now: Moment): PeerRecord | undefined {
    const record = this.#records.get(cookie);
    return record && this.#keep(rules.disconnected(record, now));
  }

  /** It said goodbye. */
  leave(cookie: string): PeerRecord | undefined {
    const record = this.#records.get(cookie);
    if (!record || this.#expelled.has(cookie)) return record;
    return this.#put(rules.leave(record));
  }

  /**
   * A newcomer couldn't be kept: it was never here, and its name is free, for most likely it comes again.
   *
   * @param wanted the name that it had asked for.
   */
  undo(cookie: string, wanted: string): void {
    const record = this.#records.get(cookie);
    if (!record || this.#expelled.has(cookie)) return;
    this.forget(cookie);
    const key = nameKey(wanted);
    const number = Number(record.name.slice(record.name.lastIndexOf("-") + 1));
    if (nameKey(record.name) !== key && number < this.#numbers.get(key)!) this.#numbers.set(key, number);
    this.#undone.set(cookie, rules.leave(record));
    this.#log.note(cookie);
    const [oldest] = this.#undone.keys();
    if (this.#undone.size <= UNDONE_MAX || oldest === undefined) return;
    this.#undone.delete(oldest);
    this.#log.forget(oldest);
  }

  /**
   * It was put out for good: nobody finds or expects it any more, and its name is free.
   *
   * @returns its record, inactive; undefined when there is none, or it was put out before.
   */
  expel(cookie: string): PeerRecord | undefined {
    if (this.#expelled.has(cookie)) return undefined;
    const record = this.leave(cookie);
    if (!record) return undefined;
    const key = nameKey(record.name);
    this.#cookies.delete(key);
    this.#all.delete(key);
    this.#expelled.add(cookie);
    return record;
  }

  /**
   * Time has passed: makes those inactive whose time is over, and says which and why.
   *
   * @param isOurs tells for whom we have to do so; everybody unless told.
   */
  expire(
    now: Moment,
    isOurs: (cookie: string) => boolean = () => true,
  ): { record: PeerRecord; why: "ttl" | "grace" }[] {
    const over: { record: PeerRecord; why: "ttl" | "grace" }[] = [];
    for (const cookie of this.#activeCookies) {
      const record = this.#records.get(cookie)!;
      const why = rules.whyOver(record, now);
      if (why && isOurs(cookie)) over.push({ record: this.#put(rules.expire(record, now)), why });
    }
    return over;
  }

  /** What nobody is told has changed: its lease. This is what a server does all day. */
  #keep(record: PeerRecord): PeerRecord {
    this.#records.set(record.cookie, record);
    return record;
  }

  #put(record: PeerRecord): PeerRecord {
    this.#log.note(record.cookie);
    this.#undone.delete(record.cookie);
    const key = nameKey(record.name);
    const before = this.#records.get(record.cookie);
    if (before) this.#leavePlace(before);
    else this.#all.add(key);
    if (record.active) this.#takePlace(record);
    this.#records.set(record.cookie, record);
    this.#cookies.set(key, record.cookie);
    if (record.active === this.#activeCookies.has(record.cookie)) return record;
    if (record.active) {
      this.#activeCookies.add(record.cookie);
      this.#actives.add(key);
    } else {
      this.#activeCookies.delete(record.cookie);
      this.#actives.delete(key);
    }
    return record;
  }

  #takePlace(record: PeerRecord): void {
    const place = placeOf(record);
    const there = this.#places.get(place) ?? new Set();
    this.#places.set(place, there.add(record.cookie));
  }

  #leavePlace(record: PeerRecord): void {
    const place = placeOf(record);
    const there = this.#places.get(place);
    if (there?.delete(record.cookie) && there.size === 0) this.#places.delete(place);
  }

  #freeName(wanted: string): string {
    const key = nameKey(wanted);
    const isTaken = (name: string) => this.#cookies.has(nameKey(name));
    const { name, number } = rules.freeName(wanted, isTaken, this.#numbers.get(key));
    if (number > 1) this.#numbers.set(key, number + 1);
    return name;
  }

  #makeRoom(): string | undefined {
    if (this.#records.size < this.max) return undefined;
    let oldest: PeerRecord | undefined;
    // Where all are active, those who are turned away come again and again: nothing is gone through for them.
    const isAnyOff = this.active < this.#records.size;
    for (const record of isAnyOff ? this.#records.values() : []) {
      if (!record.active && (!oldest || record.lastRegistered < oldest.lastRegistered)) oldest = record;
    }
    if (!oldest) {
      throw new LabError("busy", `Cannot register: there are ${this.max} active peers, and no room for more`);
    }
    this.forget(oldest.cookie);
    return oldest.cookie;
  }
}

/** Where a peer listens. */
function placeOf({ address, port }: PeerRecord): string {
  return `${address} ${port}`;
}

/**
 * Writing a time costs more than all the rest of a record. The list of registrations stays the same object for as long as
 * the latest one does.
 */
const TIMES = new WeakMap<readonly number[], string>();

function timeOf({ registrations, lastRegistered }: PeerRecord): string {
  let time = TIMES.get(registrations);
  if (time === undefined) TIMES.set(registrations, time = new Date(lastRegistered).toISOString());
  return time;
}

/**
 * A record as it travels, with the address under which the asker reaches the peer.
 *
 * @param id the member that it is, in a secured lab.
 */
export function toWire(record: PeerRecord, address: string, now: Moment, id?: string): WirePeer {
  return {
    name: record.name,
    host: record.host,
    address,
    port: record.port,
    active: record.active,
    ttl: rules.ttlLeft(record, now),
    registrations30d: rules.registrationsLately(record, now),
    lastRegistered: timeOf(record),
    ...(record.classic === undefined ? {} : { classic: record.classic }),
    ...(id === undefined ? {} : { id }),
  };
}

/** What was told last of those who registered lately; a new registration is a new list, which nothing was told of. */
const TOLD = new WeakMap<readonly number[], WirePeer>();

/**
 * The same for a record that has changed, of which all who watch the list are told within a moment: made and written once
 * for those who are told the same.
 */
export function toldOf(record: PeerRecord, address: string, now: Moment, id?: string): WirePeer {
  const { registrations } = record;
  const last = TOLD.get(registrations);
  if (
    last && last.address === address && last.active === record.active &&
    last.ttl === rules.ttlLeft(record, now) &&
    last.registrations30d === rules.registrationsLately(record, now) && last.id === id
  ) return last;
  const told = writeOnce(toWire(record, address, now, id));
  TOLD.set(registrations, told);
  return told;
}
