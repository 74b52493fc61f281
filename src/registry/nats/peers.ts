/**
 * Records of peers in a shared registry.
 *
 * Rules: a record stands under its name, so of two newcomers who want one name at once one gets it. A record says at which
 * server its peer is registered. Where two servers change one record at the same moment: a registration is never lost, both
 * count, and the later one says where the peer is; that a peer became inactive yields to a registration that its server
 * didn't know of. That a peer became inactive is written later when NATS is away.
 */

import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { type KeptRecord, REGISTRATIONS_KEPT } from "../rules.ts";
import { NameTaken } from "../store.ts";
import { Conflict, type NatsLink, Unanswered } from "./link.ts";
import type { Order } from "./order.ts";
import type { Entry } from "./reading.ts";
import { keyWord, peerKey, readPeer, type SharedPeer, writePeer } from "./records.ts";

/** What the parts of the store share. */
export interface Setting {
  link: NatsLink;
  log: Logger;
  /** The main bucket; the others' names begin with it. */
  bucket: string;
  /** By cookie, or by a broadcast's id. */
  order: Order;
}

/** What is known of a peer beside its record. */
interface Known {
  key: string;
  /** The number of its record. */
  seq: number;
  /** The server at which it is registered. */
  at: string | undefined;
}

/** What becomes of ours where somebody else has written theirs. */
export function settle(ours: KeptRecord, theirs: SharedPeer, self: string): KeptRecord | undefined {
  if (!ours.active) return theirs.record.active && theirs.at === self ? ours : undefined;
  const times = [...new Set([...ours.registrations, ...theirs.record.registrations])].sort((a, b) => a - b);
  return {
    ...ours,
    registrations: times.slice(-REGISTRATIONS_KEPT),
    lastRegistered: Math.max(ours.lastRegistered, theirs.record.lastRegistered),
  };
}

/** Keeps records of peers. */
export class NatsPeers {
  #known = new Map<string, Known>();
  #cookies = new Map<string, string>();
  /** Cookies that don't stand in a key as they are, by the word that does. */
  #words = new Map<string, string>();
  /** Numbers of the latest message under each key, its removal included. */
  #seqs = new Map<string, number>();
  /** Numbers of what we wrote last, by cookie. */
  #own = new Map<string, number>();
  /** What NATS didn't take: to be written when it's back. */
  #owed = new Map<string, { record: KeptRecord; expect: number }>();
  /** Is told of records that differ from what we have in memory. */
  news: ((peer: SharedPeer) => void) | undefined;

  constructor(private o: Setting & { self: string }) {}

  /** What is known of a peer. */
  get(cookie: string): Readonly<Known> | undefined {
    return this.#known.get(cookie);
  }

  /** Notes what stands under a key. @returns the record; undefined where there's none, or none that can be read. */
  take(entry: Entry): SharedPeer | undefined {
    const { key, seq } = entry;
    if (seq < (this.#seqs.get(key) ?? 0)) return undefined;
    this.#seqs.set(key, seq);
    const peer = readPeer(entry);
    const before = this.#cookies.get(key);
    if (before !== undefined && before !== peer?.record.cookie) this.#forget(before);
    if (!peer || peerKey(peer.record.name) !== key) return undefined;
    this.#note(peer, seq);
    return peer;
  }

  /** What was noted had wrong numbers, and will be told again with right ones. */
  renumber(): void {
    this.#seqs.clear();
  }

  /** Whose record stood under a key. */
  cookieAt(key: string): string | undefined {
    return this.#cookies.get(key);
  }

  /** The cookie of which a key has this word. */
  cookieOfWord(word: string): string | undefined {
    return this.#known.has(word) ? word : this.#words.get(word);
  }

  /** Keeps a record. @throws {NameTaken}; {Unanswered}. */
  save(record: KeptRecord): Promise<void> {
    const { order } = this.o;
    const { cookie } = record;
    const key = peerKey(record.name);
    // What this record was made from: whatever comes between is not to be overwritten unseen.
    const known = order.isBusy(cookie) ? undefined : this.#seqs.get(key) ?? 0;
    this.#owed.delete(cookie);
    const holder = this.#cookies.get(key);
    if (holder !== undefined && holder !== cookie) return Promise.reject(nameTaken(record.name));
    return order.run(cookie, () => this.#save(key, record, known ?? this.#own.get(cookie) ?? 0));
  }

  /** Forgets a peer; one that has come back at another server meanwhile stays. */
  forget(cookie: string): Promise<void> {
    const { order, link, bucket } = this.o;
    return order.run(cookie, async () => {
      const known = this.#known.get(cookie);
      if (!known) return;
      try {
        const seq = await link.write(bucket, known.key, undefined, known.seq);
        this.take({ key: known.key, seq, value: undefined, writer: "" });
        await link.sweep(bucket, `h.${keyWord(cookie)}.*`);
      } catch (thrown) {
        if (!(thrown instanceof Conflict)) throw thrown;
        const theirs = thrown.current && this.take(thrown.current);
        if (theirs) this.news?.(theirs);
      }
    });
  }

  /** Writes what NATS didn't take while it was away. */
  payBack(): void {
    for (const [cookie, { record, expect }] of this.#owed) {
      this.#owed.delete(cookie);
      this.o.order.run(cookie, () => this.#save(peerKey(record.name), record, expect)).catch((thrown) =>
        this.o.log.debug(`Cannot keep that a peer became inactive: ${messageOf(thrown)}`)
      );
    }
  }

  /** Another server has written: what we owe is out of date. */
  overtaken(cookie: string): void {
    this.#owed.delete(cookie);
  }

  async #save(key: string, record: KeptRecord, expect: number): Promise<void> {
    const { link, bucket, self } = this.o;
    let ours = record;
    for (let at = expect;;) {
      try {
        const peer = { record: ours, at: ours.active ? self : undefined };
        const seq = await link.write(bucket, key, writePeer(peer), at);
        this.#own.set(ours.cookie, seq);
        if (seq >= (this.#seqs.get(key) ?? 0)) {
          this.#seqs.set(key, seq);
          this.#note(peer, seq);
        }
        if (ours !== record) this.news?.(peer);
        return;
      } catch (thrown) {
        if (thrown instanceof Unanswered && !record.active) this.#owed.set(record.cookie, { record, expect });
        if (!(thrown instanceof Conflict)) throw thrown;
        const { current } = thrown;
        at = current?.seq ?? 0;
        const theirs = current && this.take(current);
        if (!theirs) continue;
        if (theirs.record.cookie !== ours.cookie) {
          this.news?.(theirs);
          throw nameTaken(ours.name);
        }
        const settled = settle(ours, theirs, self);
        if (!settled) return this.news?.(theirs);
        ours = settled;
      }
    }
  }

  #note({ record, at }: SharedPeer, seq: number): void {
    const key = peerKey(record.name);
    this.#known.set(record.cookie, { key, seq, at });
    this.#cookies.set(key, record.cookie);
    const word = keyWord(record.cookie);
    if (word !== record.cookie) this.#words.set(word, record.cookie);
  }

  #forget(cookie: string): void {
    const known = this.#known.get(cookie);
    if (!known) return;
    this.#known.delete(cookie);
    this.#words.delete(keyWord(cookie));
    this.#cookies.delete(known.key);
  }
}

function nameTaken(name: string): NameTaken {
  return new NameTaken(`The name ${name} is somebody else's now`);
}
