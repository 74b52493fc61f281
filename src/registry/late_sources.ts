/**
 * Who can deliver a broadcast late, and to whom they are named: PCs that have it and are there, and this server where it
 * lies in its own share. Who turned out not to have it isn't named to the same PC again.
 */

import type { MessageOf, WireHolder } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import { addressFor } from "./address.ts";
import type { BroadcastHead } from "./broadcast_store.ts";
import { IndexHolders, type IndexHoldersSetting } from "./index_holders.ts";
import { isAwaited, type PeerRecord } from "./rules.ts";
import { Vain } from "./vain.ts";

/** Holders named in one offer: more are of no use to one fetch, which asks 8 at once. */
const HOLDERS_TOLD = 16;
/** This server itself, among those who can deliver: nobody's cookie. */
const OURSELVES = "";

/** Who can deliver a broadcast. */
export interface Sources {
  holders: readonly PeerRecord[];
  /** They hold it by the index, and nobody else has it. */
  byIndex?: boolean;
  /** How many of its files lie in our own share. */
  here: number;
}

/** Who can deliver broadcasts. */
export class LateSources {
  #vain = new Vain();
  #index: IndexHolders;

  constructor(private o: IndexHoldersSetting & { here: (id: string) => number }) {
    this.#index = new IndexHolders(o);
  }

  /** Who is there and has it, or may have it: the sender, if it is a peer, comes last. */
  of(head: BroadcastHead): Sources {
    const { broadcasts, members } = this.o.registry;
    const done = [...broadcasts.receipts(head.id)].filter(({ state }) => state === "done");
    const records = done.map(({ cookie, peer }) =>
      cookie === undefined ? members.byName(peer) : members.byCookie(cookie)
    );
    if (head.cookie !== undefined) records.push(members.byCookie(head.cookie));
    // Whoever has lost its connection is back in a moment, and then it's its turn, or it is gone.
    const holders = records.filter((record) => record !== undefined)
      .filter((record) => record.active && !isAwaited(record));
    const here = this.o.here(head.id);
    return holders.length > 0 || here > 0 ? { holders, here } : this.#byIndex(head.id);
  }

  /** Whether anybody has it, be it off now. */
  areKnown(head: BroadcastHead): boolean {
    for (const { state, peer } of this.o.registry.broadcasts.receipts(head.id)) {
      if (state === "done" && this.o.registry.members.byName(peer)) return true;
    }
    const { holders, here } = this.of(head);
    return holders.length > 0 || here > 0;
  }

  /** Those who are worth asking for one PC, for each others in front: the load is spread. Undefined where nobody is. */
  forPc(id: string, receiver: string, sources: Sources): Sources | undefined {
    const { holders, here, byIndex } = sources;
    const able = holders.filter((each) =>
      each.cookie !== receiver && !this.#vain.has(id, receiver, each.cookie, this.#stampOf(each, byIndex))
    );
    if (able.length === 0 && (here === 0 || this.#vain.has(id, receiver, OURSELVES, here))) {
      return byIndex ? this.#itself(id, receiver, sources) : this.forPc(id, receiver, this.#byIndex(id));
    }
    const first = Math.floor(this.o.registry.random.next() * able.length);
    const told = [...able.slice(first), ...able.slice(0, first)].slice(0, HOLDERS_TOLD);
    return { ...sources, holders: told };
  }

  /** It may have it itself: then it says so, and delivers to the others. */
  #itself(id: string, receiver: string, { holders }: Sources): Sources | undefined {
    const own = holders.find(({ cookie }) => cookie === receiver);
    if (!own || this.#vain.has(id, receiver, receiver, this.#index.stampOf(own))) return undefined;
    return { holders: [], here: 0, byIndex: true };
  }

  /** It is being asked whether it has it itself. */
  asksItself(id: string, record: PeerRecord): void {
    this.#vain.note(id, record.cookie, record.cookie, this.#index.stampOf(record));
  }

  #byIndex(id: string): Sources {
    return { holders: this.#index.of(id), here: 0, byIndex: true };
  }

  /** When it is another than it was. */
  #stampOf(holder: PeerRecord, byIndex = false): number {
    return byIndex ? this.#index.stampOf(holder) : holder.lastRegistered;
  }

  /** The holders as the PC on this connection reaches them. */
  toWire(holders: readonly PeerRecord[], connection: Connection): WireHolder[] {
    const ends = { remote: connection.remote.host, local: connection.local.host };
    return holders.map(({ name, address, port, cookie }) => ({
      ...{ name, address: addressFor(address, ends), port },
      ...(this.o.registry.secured ? { id: cookie } : {}),
    }));
  }

  /** The PC has asked some of those who were named to it, and they don't have it. Of others it knows nothing. */
  without(
    id: string,
    receiver: string,
    named: Sources,
    names: NonNullable<MessageOf<"OfferProgress">["without"]>,
  ): void {
    for (const holder of named.holders) {
      if (!names.includes(holder.name)) continue;
      this.#vain.note(id, receiver, holder.cookie, this.#stampOf(holder, named.byIndex));
    }
  }

  /** The PC has got whatever lies here. */
  gaveAll(id: string, receiver: string, here: number): void {
    this.#vain.note(id, receiver, OURSELVES, here);
  }

  /** Everybody may be asked again: for one PC, or for all. */
  forget(id: string, receiver?: string): void {
    this.#vain.forget(id, receiver);
  }

  /** Keeps only what is about these broadcasts. */
  keepOnly(ids: ReadonlySet<string>): void {
    this.#vain.keepOnly(ids);
    this.#index.keepOnly(ids);
  }
}
