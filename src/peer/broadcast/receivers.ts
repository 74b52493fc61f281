/** Whom a broadcast goes to: who is there and under which address, who is off now, and each one's place in the plan. */

import type { HostPort } from "../../base/units.ts";
import { isNamed } from "../../catalog/names.ts";
import type { WireHolder, WirePeer } from "../../protocol/messages.ts";
import { planBroadcast } from "../../swarm/plan.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { PeerContext } from "../context.ts";
import { connectRs, queryPeers } from "../rs_client.ts";

/** What finding them takes. */
export interface ReceiversSetting {
  rs: HostPort;
  identity: Identity;
  context: PeerContext;
  /** Name to send under. */
  name: string;
  /** The sender's, if it is a peer: it is none of them. */
  cookie: string | undefined;
  /** Names of the receivers; everybody when absent. */
  to: string[] | undefined;
  /** Addresses of this PC: those who are in the same subnet get it first. */
  home: string[];
  signal: AbortSignal;
}

/** The receivers of a broadcast. */
export class Receivers {
  #o: ReceiversSetting;
  #peers = new Map<string, WirePeer>();
  #away = new Set<string>();
  #stripes = new Map<string, WireHolder[][]>();
  #depths = new Map<string, number[]>();

  constructor(setting: ReceiversSetting) {
    this.#o = setting;
  }

  /** PCs that are off now; of those that were named only what the server knows. */
  get away(): ReadonlySet<string> {
    return this.#away;
  }

  /**
   * Finds all, and plans who gets what from whom.
   *
   * @returns names of all that are wanted, as they call themselves; and in the order of the plan of those who are there.
   * @throws {LabError} when the registration server can't be asked.
   */
  async find(): Promise<{ wanted: string[]; order: string[] }> {
    const peers = await this.lookUp({ all: true });
    const wanted = this.#named(peers) ?? peers.map((peer) => peer.name);
    return { wanted, order: this.#plan(peers.filter((peer) => wanted.includes(peer.name))) };
  }

  /** Where a PC was at the last look. */
  at(name: string): WirePeer | undefined {
    return this.#peers.get(name);
  }

  /** Tells whether a name is that of another PC than this one, the sender's own included. */
  isAnother(name: string, than: string): boolean {
    return name !== than && (this.#peers.has(name) || name === this.#o.name);
  }

  /** For each stripe those whom a PC may ask for it, the planned parent first. */
  stripesOf(name: string): WireHolder[][] {
    return this.#stripes.get(name) ?? [[], []];
  }

  /** For each stripe, how many PCs are between it and us. */
  depthsOf(name: string): number[] {
    return this.#depths.get(name) ?? [0, 0];
  }

  /** Those who get pieces from us first of all: no other PC is above them. */
  children(): HostPort[] {
    return [...this.#stripes].filter(([, trees]) => trees.some((path) => path.length === 0))
      .map(([name]) => this.#peers.get(name)!).map(({ address, port }) => ({ host: address, port }));
  }

  /**
   * Asks the registration server where they are.
   *
   * @returns those who are active.
   */
  async lookUp(options: { all?: boolean } = {}): Promise<WirePeer[]> {
    const { rs, identity, context, cookie, signal } = this.#o;
    const connection = await connectRs(rs, identity, context, { signal });
    try {
      const known = await queryPeers(connection, { ...options, ...(cookie === undefined ? {} : { cookie }) });
      const peers = known.filter(({ active }) => active);
      for (const peer of peers) this.#peers.set(peer.name, peer);
      for (const { name, active, registrations30d } of known) {
        // Nobody waits for a PC that has not been there for a month, unless it is named.
        if (!active && (this.#o.to || registrations30d > 0)) this.#away.add(name);
      }
      return peers;
    } finally {
      connection.close();
    }
  }

  /** Those who were named, as they call themselves; who isn't known stays as the person wrote it. */
  #named(peers: readonly WirePeer[]): string[] | undefined {
    const known = [...peers.map(({ name }) => name), ...this.#away];
    return this.#o.to?.map((said) => known.find((name) => isNamed(name, said)) ?? said);
  }

  #plan(peers: readonly WirePeer[]): string[] {
    const members = peers.map(({ name, address }) => ({ name, subnet: subnetOf(address) }));
    const home = this.#o.home.map(subnetOf).find((subnet) =>
      members.some((member) => member.subnet === subnet)
    );
    const { ancestors, depths, order } = planBroadcast(members, home ?? subnetOf(peers[0]?.address ?? ""));
    for (const [name, trees] of ancestors) {
      this.#stripes.set(name, trees.map((path) => path.map((above) => holderOf(this.#peers.get(above)!))));
    }
    this.#depths = depths;
    return order;
  }
}

function holderOf({ name, address, port, id }: WirePeer): WireHolder {
  return { name, address, port, ...(id === undefined ? {} : { id }) };
}

/** IPv4 networks of a lab are rarely larger than /24; IPv6 subnets are /64. */
function subnetOf(address: string): string {
  return address.includes(":")
    ? address.split(":").slice(0, 4).join(":")
    : address.split(".").slice(0, 3).join(".");
}
