/**
 * What outlives a restart of the registration server: its members, and what each of them announced. A contract with one
 * test suite; memory and SQLite implement it, others may.
 *
 * Rules: what a call promised is kept when the process is killed right after its promise; calls take effect in the order
 * in which they were made, also when nobody waits in between; one call is all or nothing. Leases are not stored: they
 * mean nothing after a restart. Nothing is judged here: names and rows were checked before.
 */

import type { WireRow } from "../protocol/messages.ts";
import type { BroadcastStore } from "./broadcast_store.ts";
import type { KeptRecord } from "./rules.ts";

/** A change to what one peer holds. */
export interface HoldingsChange {
  /** The owner's cookie; nothing happens when the store doesn't know it. */
  cookie: string;
  /** Forget what it held before. */
  reset: boolean;
  /** Rows that are new or changed, flag 1; they replace those of the same name. */
  rows: readonly WireRow[];
  /** Names that it holds no longer; dealt with before `rows`. */
  gone: readonly string[];
}

/** A row with the cookie of its holder. */
export interface StoredHolding {
  cookie: string;
  row: WireRow;
}

/** Where members and holdings are kept. */
export interface Store {
  /** Broadcasts, and who has them. */
  readonly broadcasts: BroadcastStore;
  /** Everything about the members, in any order. */
  loadPeers(): Promise<Iterable<KeptRecord>>;
  /** Everything that is held, in any order; to be read at once, before the next call. */
  loadHoldings(): Promise<Iterable<StoredHolding>>;
  /** Keeps these records, new or changed. A changed record keeps its holdings. */
  savePeers(records: readonly KeptRecord[]): Promise<void>;
  /** Forgets a peer and what it held. */
  forgetPeer(cookie: string): Promise<void>;
  /** Keeps a change to what a peer holds. */
  changeHoldings(change: HoldingsChange): Promise<void>;
  /** Lets go of files and locks. */
  close(): Promise<void>;
}
