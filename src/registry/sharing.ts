/**
 * One of several registration servers that share a registry: takes over what the others change, looks after the peers of a
 * server that is gone, and steps down while the registry is out of reach.
 *
 * Rules: what is in the registry is true, here it is a copy. A peer belongs to the server at which it registered last; that
 * one alone knows its lease, and ends it, and hears at once when somebody else has registered where the peer listened. When a server is gone, its peers have as long to come back as after a restart, and
 * every other server looks to it; whoever is first makes them inactive. A server that is out of reach of the registry for
 * longer than the others wait for it lets all connections go, and takes none, until it is back: nobody is told an old story.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { formatHostPort } from "../base/units.ts";
import { printable } from "../catalog/names.ts";
import { isLoopback } from "./address.ts";
import type { Broadcasts } from "./broadcasts.ts";
import type { BroadcastHead, Receipt } from "./broadcast_store.ts";
import type { Deliveries } from "./deliveries.ts";
import { EarlyReceipts } from "./early_receipts.ts";
import type { Holdings } from "./holdings.ts";
import type { Members } from "./members.ts";
import { isAwaited, type KeptRecord, type Moment, type PeerRecord } from "./rules.ts";
import { verb } from "./session.ts";
import type { Caller, SharingView } from "./state.ts";
import {
  type Fellow,
  type HoldingsChange,
  registryAway,
  type SharedNews,
  type SharedStore,
} from "./store.ts";

/** What is looked at and told this often, milliseconds. */
const TICK = 1_000;
/** KeepAlives told in one message: NATS takes 1 MiB. */
const RENEWED_AT_ONCE = 5_000;
/** Addresses of other servers in one answer. */
const SERVERS_TOLD = 16;

/** What it needs of the server. */
export interface SharingSetting {
  shared: SharedStore;
  members: Members;
  holdings: Holdings;
  broadcasts: Broadcasts;
  deliveries: () => Deliveries;
  clock: Clock;
  log: Logger;
  now: () => Moment;
  /** Where peers reach this server. */
  hosts: readonly string[];
  port: () => number;
  /** A peer is registered on one of our connections. */
  isHere: (cookie: string) => boolean;
  /** The peer has no connection here any more; the one it had is told why. */
  release: (cookie: string, why: "replaced" | "left") => void;
  /** Lets all connections go. */
  letGo: () => void;
  changed: (record: PeerRecord) => void;
  /** They have become inactive here, since others listen where they did: that is to be kept, and said. */
  displaced: (gone: readonly PeerRecord[]) => void;
  /** A broadcast is not to be delivered out of our own share any more. */
  forgetFiles: (id: string) => void;
  /** Is told where the other servers are, HOST:PORT, when that has changed. */
  told: (servers: readonly string[]) => void;
}

/** For people: the first of a server's addresses. */
function placeOf({ hosts, port, id }: Fellow): string {
  return printable(hosts[0] === undefined ? id : formatHostPort({ host: hosts[0], port }), 80);
}

/** One of several servers. */
export class Sharing implements SharedNews, SharingView {
  #claimed = new Set<string>();
  /** The other servers that were there when we looked last: where they are, by id. */
  #known = new Map<string, string>();
  /** Broadcasts of which we heard since the last tick, and those of the one before. */
  #heard = new Set<string>();
  #heardBefore = new Set<string>();
  #early = new EarlyReceipts();
  /** Cookies of those who have registered elsewhere since the last tick, and in the one before. */
  #came = new Set<string>();
  #cameBefore = new Set<string>();
  #wasAway = false;
  #stop: () => void;

  constructor(private o: SharingSetting) {
    o.members.renewed = new Set();
    o.shared.follow(this);
    this.present();
    this.fellows([]);
    this.#stop = o.clock.every(TICK, () => this.#tick());
  }

  /** True while the registry is out of reach. */
  get isAway(): boolean {
    return this.o.shared.isAway;
  }
  /** False while nobody's time may be over: the registry is out of reach, or was when it was last looked at. */
  get knowsWhoIsThere(): boolean {
    return !this.isAway && !this.#wasAway;
  }
  /** Where the other servers are, HOST:PORT, one address each. */
  get others(): string[] {
    return [...this.o.shared.fellows.values()].map(placeOf).sort();
  }
  get hasFellows(): boolean {
    return this.o.shared.fellows.size > 0;
  }

  /** @throws {LabError} "unreachable" while the registry is. */
  demandRegistry(): void {
    if (this.isAway) throw registryAway();
  }

  /** Tells whether we have to end a peer's lease: it's ours, or nobody's. */
  isOurs(cookie: string): boolean {
    const { shared } = this.o;
    const at = shared.ownerOf(cookie);
    return at === undefined || !shared.fellows.has(at);
  }

  /** The command that sends it has its connection at another server. */
  isClaimed(id: string): boolean {
    return this.#claimed.has(id);
  }

  /** Says what the others are to know. */
  present(): void {
    const { shared, hosts, port, deliveries } = this.o;
    shared.present({ hosts, port: port(), claims: deliveries().claims });
  }

  servers(caller: Pick<Caller, "remote" | "local">): { servers?: string[] } {
    const all = [...this.o.shared.fellows.values()]
      .flatMap((fellow) => this.#hostsFor(fellow, caller).map((host) => ({ host, port: fellow.port })));
    return all.length === 0 ? {} : { servers: all.slice(0, SERVERS_TOLD).map(formatHostPort) };
  }

  close(): void {
    this.#stop();
  }

  peer(kept: KeptRecord, at: string | undefined): void {
    const { members, holdings, shared, now, release, isHere, changed } = this.o;
    const { cookie } = kept;
    const isMine = at === shared.self;
    if (!isMine) release(cookie, kept.active ? "replaced" : "left");
    const isLooked = isMine ? isHere(cookie) : at !== undefined && shared.fellows.has(at);
    const { record, gone } = members.adopt({ ...kept, address: this.#addressOf(kept, at) }, isLooked, now());
    if (gone !== undefined) {
      holdings.forget(gone);
      release(gone, "left");
    }
    changed(record);
    if (isLooked && record.active) this.o.deliveries().came(record);
    if (isMine || !record.active) return;
    this.#came.add(cookie);
    this.#displace(record);
  }

  /** A peer has registered: those whom we look after, and whose connection isn't there, don't listen at its place. */
  #displace(by: PeerRecord): void {
    const gone = this.o.members.displaced(by, (cookie) => this.isOurs(cookie));
    if (gone.length > 0) this.o.displaced(gone);
  }

  /** Others may have registered at their places while their server was gone, and nobody looked after them. */
  #displaceAwaited(): void {
    const { members } = this.o;
    for (const record of [...members.list({ classic: true })].filter(isAwaited)) {
      const by = members.latestAt(record);
      if (by && !isAwaited(by)) this.#displace(by);
    }
  }

  forgotten(cookie: string): void {
    this.o.release(cookie, "left");
    this.o.members.forget(cookie);
    this.o.holdings.forget(cookie);
  }

  holdings(change: HoldingsChange): void {
    try {
      this.o.holdings.announce({ ...change, rows: [...change.rows], gone: [...change.gone] });
    } catch (thrown) {
      this.o.log.warn(`Cannot take over what a peer holds: ${printable(messageOf(thrown), 400)}`);
    }
  }

  head(head: BroadcastHead): void {
    const { broadcasts, deliveries, forgetFiles } = this.o;
    const before = broadcasts.get(head.id);
    broadcasts.put(head);
    for (const receipt of this.#early.take(head.id)) this.receipt(receipt);
    if (!head.withdrawn && head.whole && !before?.whole) this.#heard.add(head.id);
    if (!head.withdrawn || before?.withdrawn) return;
    forgetFiles(head.id);
    deliveries().withdrawn(head.id);
  }

  headForgotten(id: string): void {
    this.#early.take(id);
    this.o.broadcasts.forget(id);
    this.o.forgetFiles(id);
  }

  receipt(receipt: Receipt): void {
    const { broadcasts, deliveries } = this.o;
    if (!broadcasts.get(receipt.id)) return this.#early.add(receipt);
    const { id, peer: name, cookie } = receipt;
    const before = broadcasts.receipt(id, { name, cookie })?.state;
    if (before === "done" && receipt.state !== "done") return;
    broadcasts.note([receipt]);
    if (receipt.state === "done") deliveries().news();
    if (receipt.state === "waiting" && before === "failed") deliveries().retry(receipt.id);
  }

  renewed(cookies: readonly string[]): void {
    for (const cookie of cookies) this.o.members.renewedElsewhere(cookie, this.o.now());
  }

  fellows(gone: readonly string[]): void {
    const { shared, members, deliveries, log, now, hosts, told } = this.o;
    for (const id of gone) {
      log.warn(
        `${verb("Server")} ${this.#known.get(id) ?? id} is gone: its peers have time to come back`,
      );
      for (const { cookie } of [...members.list({ classic: true })]) {
        if (shared.ownerOf(cookie) === id) members.abandoned(cookie, now());
      }
    }
    if (this.#lookAfter() || gone.length > 0) this.#displaceAwaited();
    const self = { host: hosts[0] ?? "127.0.0.1", port: 0 };
    const caller = { remote: self, local: self };
    told(this.servers(caller).servers ?? []);
    const before = this.#claimed;
    this.#claimed = new Set([...shared.fellows.values()].flatMap(({ claims }) => claims));
    for (const id of before) if (!this.#claimed.has(id)) deliveries().over(id);
  }

  /** Peers and servers are told of in two ways: a peer may be known before its server, and counts as awaited until then. @returns whether one came. */
  #lookAfter(): boolean {
    const { shared, members, deliveries, log } = this.o;
    const before = this.#known;
    this.#known = new Map([...shared.fellows].map(([id, fellow]) => [id, placeOf(fellow)]));
    const fresh = new Set([...this.#known.keys()].filter((id) => !before.has(id)));
    if (fresh.size === 0) return false;
    for (const id of fresh) log.info(`${verb("Server")} ${this.#known.get(id)} shares this registry`);
    for (const record of [...members.list({ classic: true })]) {
      if (!isAwaited(record) || !fresh.has(shared.ownerOf(record.cookie) ?? "")) continue;
      members.connectedElsewhere(record.cookie);
      deliveries().came(record);
    }
    return true;
  }

  #tick(): void {
    const { members, shared, deliveries, log, letGo } = this.o;
    const renewed = [...members.renewed ?? []];
    members.renewed?.clear();
    for (let at = 0; at < renewed.length; at += RENEWED_AT_ONCE) {
      shared.tellRenewed(renewed.slice(at, at + RENEWED_AT_ONCE));
    }
    // Word of the command, and of whom it has at work, has come by now if there is any.
    for (const id of this.#heardBefore) deliveries().heard(id);
    this.#heardBefore = this.#heard;
    this.#heard = new Set();
    this.#lookAgain();
    const { isAway } = this;
    if (isAway === this.#wasAway) return;
    this.#wasAway = isAway;
    if (!isAway) return this.#back();
    log.error("NATS is out of reach: this server lets its peers go to the others until it is back");
    letGo();
  }

  /** Nobody could come back here meanwhile: those who are not elsewhere have as long as after a restart. */
  #back(): void {
    const { members, log, now } = this.o;
    for (const { cookie } of [...members.list({ classic: true })].filter(isAwaited)) {
      if (this.isOurs(cookie)) members.abandoned(cookie, now());
    }
    log.info("NATS is back: this server takes part again");
  }

  /** Word of who came elsewhere may be quicker than the end of the connection of the one that it displaces. */
  #lookAgain(): void {
    for (const cookie of this.#cameBefore.union(this.#came)) {
      const record = this.o.members.byCookie(cookie);
      if (record?.active) this.#displace(record);
    }
    this.#cameBefore = this.#came;
    this.#came = new Set();
  }

  /** Where a caller reaches another server. */
  #hostsFor({ hosts }: Fellow, { remote, local }: Pick<Caller, "remote" | "local">): readonly string[] {
    if (this.#isSamePc(hosts)) return [local.host];
    const near = remote.host.split(".").slice(0, 3).join(".") + ".";
    return hosts.toSorted((a, b) => Number(b.startsWith(near)) - Number(a.startsWith(near))).slice(0, 3);
  }

  #isSamePc(hosts: readonly string[]): boolean {
    return hosts.every(isLoopback) || hosts.some((host) => this.o.hosts.includes(host));
  }

  /** A peer on the very PC of its server was seen on loopback, which means nothing here. */
  #addressOf({ address }: KeptRecord, at: string | undefined): string {
    const hosts = this.o.shared.fellows.get(at ?? "")?.hosts ?? [];
    return isLoopback(address) && hosts[0] !== undefined && !this.#isSamePc(hosts) ? hosts[0] : address;
  }
}
