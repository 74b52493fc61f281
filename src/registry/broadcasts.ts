/**
 * The broadcasts that the registration server remembers, and who has them. Pure: time is handed in, nothing is stored or
 * sent here; the lists of files, which may be long, are the store's alone.
 *
 * Rules: a broadcast holds from its first message until it is withdrawn or expires; it is listed for a week longer. A PC's
 * receipt changes from waiting or failed to done and never back; who has the name of a PC that was put out or forgotten has
 * none of its receipts. Names of PCs are compared whatever their case.
 */

import { LabError } from "../base/errors.ts";
import { formatCount } from "../base/units.ts";
import { nameKey } from "../catalog/names.ts";
import { type BroadcastHead, isOf, type Receipt, undoes } from "./broadcast_store.ts";
import type { MembersView } from "./members.ts";
import { REGISTRATION_WINDOW } from "./rules.ts";

/** Broadcasts kept at once: a school year's, one each lesson; each costs about 1 KiB and its receipts. */
export const BROADCASTS_MAX = 1_000;

/** How long a broadcast that holds no longer is listed, milliseconds. */
export const LISTED_AFTER = 7 * 24 * 3600 * 1000;

/** How it stands with a broadcast as a whole. */
export interface Tally {
  done: number;
  waiting: number;
  failed: number;
}

/** A PC, and who it is if that is known. */
type Pc = { name: string; cookie?: string | undefined };

/** Those who may be waited for. */
type Members = Pick<MembersView, "list" | "byName">;

/** All broadcasts that the registration server knows. */
export class Broadcasts {
  #heads = new Map<string, BroadcastHead>();
  #receipts = new Map<string, Map<string, Receipt>>();
  /** Verified bytes of those under way, by PC; not kept over a restart. */
  #bytes = new Map<string, Map<string, number>>();

  get size(): number {
    return this.#heads.size;
  }

  /** Takes over what was stored, at start. */
  load(heads: Iterable<BroadcastHead>, receipts: Iterable<Receipt>): void {
    for (const head of [...heads].sort((a, b) => a.began - b.began)) this.put(head);
    // A store may tell names apart that are one here.
    this.note([...receipts].sort((a, b) => a.at - b.at));
  }

  get(id: string): BroadcastHead | undefined {
    return this.#heads.get(id);
  }

  /**
   * The broadcast of an id.
   *
   * @throws {LabError} "not_found".
   */
  demand(id: string): BroadcastHead {
    const head = this.#heads.get(id);
    if (head) return head;
    throw new LabError("not_found", "No broadcast has that id; see rs broadcasts");
  }

  /** All of them, the oldest first. */
  list(): Iterable<BroadcastHead> {
    return this.#heads.values();
  }

  /** Those that hold, the oldest first. */
  *holding(wall: number): Generator<BroadcastHead> {
    for (const head of this.#heads.values()) if (holds(head, wall)) yield head;
  }

  /**
   * When one begins that comes now: after all that hold, for of a name the newest is delivered, and by the clock it may be
   * the older one, which was set back since, or is another server's.
   */
  beginning(wall: number): number {
    let began = wall;
    for (const head of this.#heads.values()) {
      if (!head.withdrawn && wall < head.expires) began = Math.max(began, head.began + 1);
    }
    return began;
  }

  /** Keeps a broadcast, new or changed. */
  put(head: BroadcastHead): void {
    this.#heads.set(head.id, head);
  }

  forget(id: string): void {
    this.#heads.delete(id);
    this.#receipts.delete(id);
    this.#bytes.delete(id);
  }

  /** A PC has so many bytes of a broadcast. */
  progress({ id, bytes: total }: BroadcastHead, peer: string, bytes: number): void {
    const of = this.#bytes.get(id) ?? new Map<string, number>();
    this.#bytes.set(id, of.set(nameKey(peer), Math.min(bytes, total)));
  }

  /** Verified bytes that a PC has of a broadcast, as far as is known. */
  bytesOf({ id, bytes: total }: BroadcastHead, pc: Pc): number {
    if (this.receipt(id, pc)?.state === "done") return total;
    return this.#bytes.get(id)?.get(nameKey(pc.name)) ?? 0;
  }

  /** Keeps receipts; those of broadcasts that aren't known are passed over, and those that would undo what is done. */
  note(receipts: Iterable<Receipt>): void {
    for (const receipt of receipts) {
      if (!this.#heads.has(receipt.id)) continue;
      const of = this.#receipts.get(receipt.id) ?? new Map<string, Receipt>();
      this.#receipts.set(receipt.id, of);
      const key = nameKey(receipt.peer);
      if (!undoes(receipt, of.get(key))) of.set(key, receipt);
    }
  }

  /** A PC's receipt; none where it is known to be of another that had the name before. */
  receipt(id: string, pc: Pc): Receipt | undefined {
    const receipt = this.#receipts.get(id)?.get(nameKey(pc.name));
    return receipt && isOf(receipt, pc) ? receipt : undefined;
  }

  receipts(id: string): Iterable<Receipt> {
    return this.#receipts.get(id)?.values() ?? [];
  }

  /** Ids of those that are no longer listed. */
  old(wall: number): string[] {
    return [...this.#heads.values()].filter((head) => wall > head.expires + LISTED_AFTER).map(({ id }) => id);
  }

  /**
   * Which one may be forgotten for a new one where there is no more room: the oldest that is over, else the oldest that every
   * PC has.
   *
   * @returns undefined when somebody waits for each of them.
   */
  dispensable(members: Members, wall: number): string | undefined {
    for (const { id, withdrawn, expires } of this.#heads.values()) {
      if (withdrawn || wall >= expires) return id;
    }
    for (const head of this.#heads.values()) {
      if (head.whole && this.#allHaveIt(head, members, wall)) return head.id;
    }
    return undefined;
  }

  #allHaveIt(head: BroadcastHead, members: Members, wall: number): boolean {
    let isAnywhere = false;
    for (const { state } of this.pcs(head, members, wall)) {
      if (state !== "done") return false;
      isAnywhere = true;
    }
    return isAnywhere;
  }

  /**
   * The PCs of a broadcast and how it stands with each, in no order: those of whom there is a receipt, those that it names,
   * and where it names none, all that registered lately. Who is known no longer, such as one that was put out, is waited for
   * only by name.
   */
  *pcs(head: BroadcastHead, members: Members, wall: number): Generator<Receipt> {
    const told = this.#receipts.get(head.id) ?? new Map<string, Receipt>();
    const waiting = (peer: string): Receipt => ({ id: head.id, peer, state: "waiting", at: head.began });
    const named = new Set(head.to?.map(nameKey));
    for (const receipt of told.values()) {
      const record = members.byName(receipt.peer);
      if (!record && receipt.state === "waiting" && !named.has(nameKey(receipt.peer))) continue;
      yield isOf(receipt, record) ? receipt : waiting(receipt.peer);
    }
    if (head.to) {
      for (const peer of new Set(head.to)) if (!told.has(nameKey(peer))) yield waiting(peer);
      return;
    }
    for (const record of members.list({ all: true })) {
      const isLate = record.active || record.lastRegistered > wall - REGISTRATION_WINDOW;
      if (isLate && isFor(head, record) && !told.has(nameKey(record.name))) yield waiting(record.name);
    }
  }

  /** When the last of those of whom there is word was done or failed, milliseconds since 1970. */
  lastWord(id: string): number | undefined {
    let last: number | undefined;
    for (const { state, at } of this.receipts(id)) if (state !== "waiting") last = Math.max(last ?? at, at);
    return last;
  }

  /** Counts the PCs of a broadcast. */
  tally(head: BroadcastHead, members: Members, wall: number): Tally {
    const tally = { done: 0, waiting: 0, failed: 0 };
    for (const { state } of this.pcs(head, members, wall)) tally[state]++;
    return tally;
  }
}

/** Tells whether a broadcast is still to be delivered to those who come. */
export function holds(head: BroadcastHead, wall: number): boolean {
  return head.whole && !head.withdrawn && wall < head.expires;
}

/** A broadcast is called "2 files" where it has no better name: those have arrived, a file or a folder has. */
export function isManyByName({ name, files }: Pick<BroadcastHead, "name" | "files">): boolean {
  return files !== 1 && name === formatCount(files, "file");
}

/** Tells whether a PC is one of those that a broadcast is for. */
export function isFor(head: BroadcastHead, record: { name: string; cookie: string }): boolean {
  if (head.cookie === record.cookie) return false;
  return !head.to || head.to.some((name) => nameKey(name) === nameKey(record.name));
}
