/**
 * Who can deliver a broadcast late, and to whom they are named: PCs that have it and are there, and this server where it
 * lies in its own share. Who turned out not to have it isn't named to the same PC again.
 */

import type { MessageOf, WireHolder } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import { addressFor } from "./address.ts";
import { type BroadcastHead, isOf } from "./broadcast_store.ts";
import { isAwaited, type PeerRecord } from "./rules.ts";
import type { Registry } from "./state.ts";
import { Vain } from "./vain.ts";

/** Holders named in one offer: more are of no use to one fetch, which asks 8 at once. */
const HOLDERS_TOLD = 16;
/** This server itself, among those who can deliver: nobody's cookie. */
const OURSELVES = "";

/** Who can deliver a broadcast. */
export interface Sources {
  holders: readonly PeerRecord[];
  /** How many of its files lie in our own share. */
  here: number;
}

/** Who can deliver broadcasts. */
export class LateSources {
  #vain = new Vain();

  constructor(private o: { registry: Omit<Registry, "atWork">; here: (id: string) => number }) {}

  /** Who is there and has it, or may have it: the sender, if it is a peer, comes last. */
  of(head: BroadcastHead): Sources {
    const { broadcasts, members } = this.o.registry;
    const done = [...broadcasts.receipts(head.id)].filter(({ state }) => state === "done");
    const records = done.map((receipt) => {
      const record = members.byName(receipt.peer);
      return record && isOf(receipt, record) ? record : undefined;
    });
    if (head.cookie !== undefined) records.push(members.byCookie(head.cookie));
    // Whoever has lost its connection is back in a moment, and then it's its turn, or it is gone.
    const holders = records.filter((record) => record !== undefined)
      .filter((record) => record.active && !isAwaited(record));
    return { holders, here: this.o.here(head.id) };
  }

  /** Those who are worth asking for one PC, for each others in front: the load is spread. Undefined where nobody is. */
  forPc(id: string, receiver: string, { holders, here }: Sources): Sources | undefined {
    const able = holders.filter(({ cookie, lastRegistered }) =>
      cookie !== receiver && !this.#vain.has(id, receiver, cookie, lastRegistered)
    );
    if (able.length === 0 && (here === 0 || this.#vain.has(id, receiver, OURSELVES, here))) return undefined;
    const first = Math.floor(this.o.registry.random.next() * able.length);
    return { holders: [...able.slice(first), ...able.slice(0, first)].slice(0, HOLDERS_TOLD), here };
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
    named: readonly PeerRecord[],
    names: NonNullable<MessageOf<"OfferProgress">["without"]>,
  ): void {
    for (const { name, cookie, lastRegistered } of named) {
      if (names.includes(name)) this.#vain.note(id, receiver, cookie, lastRegistered);
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
  }
}
