/**
 * What outlives a restart of the registration server: its members, and what each of them announced. A contract with one
 * test suite; memory, SQLite and NATS keep it, others may.
 *
 * Rules: what a call promised is kept when the process is killed right after its promise; calls about one peer, or one
 * broadcast, take effect in the order in which they were made, also when nobody waits in between; one call is all or
 * nothing. Leases are not stored: they mean nothing after a restart. Nothing is judged here: names and rows were checked
 * before.
 *
 * Several servers may share a store (`shared`). Then each has a copy of it in memory and hears what the others change; a
 * call that another server's change has overtaken comes to what both make together, and the copy is told.
 */

import { LabError } from "../base/errors.ts";
import type { WireRow } from "../protocol/messages.ts";
import type { BroadcastHead, BroadcastStore, Receipt } from "./broadcast_store.ts";
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
  /** Where several servers use one store. */
  readonly shared?: SharedStore;
  /** Why a write failed, until {@linkcode tryAgain} has worked; where the store can tell. */
  readonly fault?: string | undefined;
  /** Writes what says nothing, to see whether it can be done again. */
  tryAgain?(): Promise<void>;
  /** Everything about the members, in any order. */
  loadPeers(): Promise<Iterable<KeptRecord>>;
  /** Everything that is held, in any order; to be read at once, before the next call. */
  loadHoldings(): Promise<Iterable<StoredHolding>>;
  /**
   * Keeps these records, new or changed. A changed record keeps its holdings.
   *
   * @throws {NameTaken} where several share the store, and another has given the name of a newcomer away.
   */
  savePeers(records: readonly KeptRecord[]): Promise<void>;
  /** Forgets a peer and what it held. */
  forgetPeer(cookie: string): Promise<void>;
  /** Keeps a change to what a peer holds. */
  changeHoldings(change: HoldingsChange): Promise<void>;
  /** Lets go of files and locks. */
  close(): Promise<void>;
}

/** A server can't reach the store that it shares, and says so at once. */
export function registryAway(): LabError {
  return new LabError(
    "unreachable",
    "This registration server can't reach NATS, where the registry lies; another one may do better",
  );
}

/** Another server gave a newcomer's name to somebody else at the same moment. */
export class NameTaken extends Error {
  override name = "NameTaken";
}

/** A registration server that shares the store. */
export interface Fellow {
  id: string;
  /** Where peers reach it. */
  hosts: readonly string[];
  port: number;
  /** Ids of the broadcasts whose commands have their connections there. */
  claims: readonly string[];
}

/** What others have changed. Nothing that a server wrote itself, but for what a call of its came to after a conflict. */
export interface SharedNews {
  /** @param at id of the server at which it is registered. */
  peer(record: KeptRecord, at: string | undefined): void;
  forgotten(cookie: string): void;
  holdings(change: HoldingsChange): void;
  head(head: BroadcastHead): void;
  headForgotten(id: string): void;
  receipt(receipt: Receipt): void;
  /** KeepAlives that other servers had. */
  renewed(cookies: readonly string[]): void;
  /** Servers came, went or changed. */
  fellows(gone: readonly string[]): void;
}

/** What a store can do that several servers share. */
export interface SharedStore {
  /** This server's id, of this run. */
  readonly self: string;
  /** True when the store hasn't answered for so long that the others count this server as gone. */
  readonly isAway: boolean;
  /** The servers that are alive, but for this one. */
  readonly fellows: ReadonlyMap<string, Fellow>;
  /** The server at which a peer is registered. */
  ownerOf(cookie: string): string | undefined;
  /** Begins to tell what others change; after everything was loaded, and once. */
  follow(news: SharedNews): void;
  /** Resolves when everything that any server had promised before this call was told. */
  catchUp(): Promise<void>;
  /** Tells the others that this server is there; once when it begins, and when something changes. */
  present(self: Omit<Fellow, "id">): void;
  /** Tells the others of KeepAlives. */
  tellRenewed(cookies: readonly string[]): void;
}
