/** A store that lives as long as its object: for tests, and for a registration server without a data folder. */

import type { WireRow } from "../protocol/messages.ts";
import { MemoryBroadcasts } from "./broadcast_store.ts";
import type { KeptRecord } from "./rules.ts";
import type { HoldingsChange, Store, StoredHolding } from "./store.ts";

/** Keeps members and holdings in memory. */
export class MemoryStore implements Store {
  readonly broadcasts = new MemoryBroadcasts();
  #peers = new Map<string, KeptRecord>();
  #holdings = new Map<string, Map<string, WireRow>>();

  loadPeers(): Promise<Iterable<KeptRecord>> {
    return Promise.resolve([...this.#peers.values()]);
  }

  loadHoldings(): Promise<Iterable<StoredHolding>> {
    const all: StoredHolding[] = [];
    for (const [cookie, rows] of this.#holdings) {
      for (const row of rows.values()) all.push({ cookie, row });
    }
    return Promise.resolve(all);
  }

  savePeers(records: readonly KeptRecord[]): Promise<void> {
    for (const { cookie, name, host, address, port, active, registrations, lastRegistered } of records) {
      this.#peers.set(cookie, { cookie, name, host, address, port, active, registrations, lastRegistered });
    }
    return Promise.resolve();
  }

  forgetPeer(cookie: string): Promise<void> {
    this.#peers.delete(cookie);
    this.#holdings.delete(cookie);
    return Promise.resolve();
  }

  changeHoldings({ cookie, reset, rows, gone }: HoldingsChange): Promise<void> {
    if (!this.#peers.has(cookie)) return Promise.resolve();
    const held = (reset ? undefined : this.#holdings.get(cookie)) ?? new Map<string, WireRow>();
    for (const name of gone) held.delete(name);
    for (const row of rows) held.set(row.name, { ...row });
    this.#holdings.set(cookie, held);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
