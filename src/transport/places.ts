/**
 * The places of a server: who has one, and who loses it. Rules: the newcomer always gets one. Where too many have not
 * greeted, or too many of those from one address, or a member has too many, the one of them that was silent longest makes
 * room; where all are taken, one that has not greeted, then one that has.
 */

import type { Connection } from "./connection.ts";

/** How many there are of each. */
export interface PlaceLimits {
  /** In all. */
  connections: number;
  /** That have not greeted. */
  handshakes: number;
  /** Of those, from one address. */
  perAddress: number;
  /** Of one member, who has proved to be one. */
  perMember: number;
}

/** What a place is taken by: a connection; in a simulation, something that is like one. */
export type Placed = Pick<Connection, "remote" | "member" | "lastRead" | "isClosed" | "close">;

/** The places of a server. */
export class Places<C extends Placed = Connection> {
  readonly all = new Set<C>();
  #waiting = new Set<C>();
  #greeted = new Set<C>();
  #byAddress = new Groups<C>();
  #byMember = new Groups<C>();

  constructor(private limits: PlaceLimits) {}

  /** Somebody knocks: one place is free after this. */
  makeRoom(address: string): void {
    const { connections, handshakes, perAddress } = this.limits;
    const neighbours = this.#byAddress.of(address);
    if (neighbours.size >= perAddress) this.#evict(neighbours);
    if (this.#waiting.size >= handshakes) this.#evict(this.#waiting);
    if (this.all.size >= connections) this.#evict(this.#waiting.size > 0 ? this.#waiting : this.#greeted);
  }

  /** It has come, and must greet. */
  add(connection: C): void {
    this.all.add(connection);
    this.#waiting.add(connection);
    this.#byAddress.add(connection.remote.host, connection);
  }

  /** It has greeted: its address no longer counts, but who it has proved to be. */
  greeted(connection: C): void {
    this.#waiting.delete(connection);
    this.#byAddress.remove(connection.remote.host, connection);
    if (!this.all.has(connection)) return;
    const { member } = connection;
    if (member) {
      const own = this.#byMember.of(member.id);
      if (own.size >= this.limits.perMember) this.#evict(own);
      this.#byMember.add(member.id, connection);
    }
    this.#greeted.add(connection);
  }

  /** It has gone. */
  remove(connection: C): void {
    this.all.delete(connection);
    this.#waiting.delete(connection);
    this.#greeted.delete(connection);
    this.#byAddress.remove(connection.remote.host, connection);
    if (connection.member) this.#byMember.remove(connection.member.id, connection);
  }

  /** Sets keep insertion order, so among those that never spoke the first is the oldest. */
  #evict(connections: ReadonlySet<C>): void {
    let silent: C | undefined;
    for (const each of connections) {
      if (!each.isClosed && (!silent || each.lastRead < silent.lastRead)) silent = each;
    }
    if (!silent) return;
    silent.close();
    this.remove(silent);
  }
}

const NOBODY: ReadonlySet<never> = new Set();

/** Connections by what they have in common. */
class Groups<C> {
  #groups = new Map<string, Set<C>>();

  of(key: string): ReadonlySet<C> {
    return this.#groups.get(key) ?? NOBODY;
  }

  add(key: string, connection: C): void {
    const group = this.#groups.get(key);
    if (group) group.add(connection);
    else this.#groups.set(key, new Set([connection]));
  }

  remove(key: string, connection: C): void {
    const group = this.#groups.get(key);
    if (group?.delete(connection) && group.size === 0) this.#groups.delete(key);
  }
}
