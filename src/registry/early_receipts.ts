/**
 * Receipts that are heard before their broadcast, where several servers share a registry. Pure.
 *
 * What is written anew there takes a later place, and the earlier one is gone: a server that hears of both late, since it
 * starts or was cut off, is told of the receipts first, and only then of the broadcast that was withdrawn meanwhile, or
 * became whole. Without its broadcast a receipt says nothing; dropped it would be lost to this server, and the PC would be
 * offered again what it has.
 *
 * Rules: told in the order in which they were heard; bounded, as a broadcast may never come: then those of the one that was
 * heard of longest ago go first.
 */

import { LIMITS } from "../base/limits.ts";
import type { Receipt } from "./broadcast_store.ts";

/** Receipts kept: one of each PC, about 10 MB. */
export const EARLY_MAX: number = LIMITS.members;

/** Keeps them until their broadcast is heard of. */
export class EarlyReceipts {
  #byId = new Map<string, Receipt[]>();
  #count = 0;

  /** @param max for tests: how many are kept. */
  constructor(private max = EARLY_MAX) {}

  /** Keeps one. */
  add(receipt: Receipt): void {
    const of = this.#byId.get(receipt.id) ?? [];
    this.#byId.set(receipt.id, of);
    of.push(receipt);
    for (this.#count++; this.#count > this.max;) {
      const [oldest] = this.#byId.keys() as IterableIterator<string>;
      // Those of one broadcast alone are too many: its first ones.
      if (oldest === receipt.id) this.#count -= of.splice(0, this.#count - this.max).length;
      else this.take(oldest!);
    }
  }

  /** Those of a broadcast, which are kept no longer. */
  take(id: string): readonly Receipt[] {
    const of = this.#byId.get(id) ?? [];
    this.#byId.delete(id);
    this.#count -= of.length;
    return of;
  }
}
