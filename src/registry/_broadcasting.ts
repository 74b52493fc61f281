/** For tests only: a broadcaster that tells of its broadcast, and peers that answer offers as they are told. */

import { assert } from "@std/assert";
import { until } from "../base/_patience.ts";
import type { MessageOf, WireBroadcastPeer, WireFile } from "../protocol/messages.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import type { Lab } from "./_testing.ts";

export const ID = "b0";
export const file = (name: string): WireFile => [name, 1000, "ab".repeat(32)];

export type Told = Partial<MessageOf<"Broadcast">>;

export const page = (more: Told = {}): MessageOf<"Broadcast"> => ({
  ...{ kind: "Broadcast", id: ID, name: "a.iso", peer: "rs", at: 0, files: [file("a.iso")], lasts: 3600 },
  ...more,
});

/** A broadcaster that tells of a broadcast, and of who has it. */
export async function tell(lab: Lab, more: Told = {}): Promise<Connection> {
  const link = await lab.dial("tool", "rs");
  await link.request(page(more), "Noted");
  return link;
}

export type Peers = MessageOf<"Receipts">["peers"];

export function receipts(link: Connection, peers: Peers, more: { id?: string; over?: boolean } = {}) {
  return link.request({ kind: "Receipts", id: ID, peers, ...more }, "Noted");
}

export const done = (name: string) => ({ name, state: "done" as const });

export async function pcs(lab: Lab, id = ID): Promise<WireBroadcastPeer[]> {
  const link = await lab.dial("tool");
  return (await link.request({ kind: "BQuery", id }, "Broadcasts")).peers;
}

export async function states(lab: Lab, id = ID): Promise<string[]> {
  return (await pcs(lab, id)).map(({ name, state }) => `${name} ${state}`);
}

/** What a peer hears, and how it answers offers. */
export class Ear {
  readonly offers: MessageOf<"Offer">[] = [];
  readonly withdrawn: string[] = [];
  #heard = () => {};
  constructor(private answer: (offer: MessageOf<"Offer">, time: number) => void | Promise<void> = () => {}) {}

  readonly handler: Handler = async (message, exchange) => {
    try {
      if (message.kind === "Withdraw") return void this.withdrawn.push(message.id);
      assert(message.kind === "Offer");
      this.offers.push(message);
      await this.answer(message, this.offers.length);
      await exchange.send({ kind: "Receipt", files: [] });
    } finally {
      this.#heard();
    }
  };

  /** Waits until something is so that becomes so when something is heard. */
  async until(isSo: () => boolean): Promise<void> {
    await until("what an ear waits for", isSo, () => new Promise<void>((resolve) => this.#heard = resolve));
  }
}

export const hangs = () => new Promise<void>(() => {});
