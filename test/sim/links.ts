/**
 * A network of links in virtual time. Bytes travel in blocks; a link carries one block at a time. A host's uplink takes
 * blocks from its flows in turn, all other links as they come; a flow has only so many blocks on the way, like a TCP
 * connection with its window. So flows share a link fairly, what a slow receiver doesn't take is left to the others, and no
 * link can carry more than its rate: nothing needs to be solved for rates, and piece by piece the order is that of real
 * connections.
 */

import { assert } from "@std/assert";
import type { Events } from "./events.ts";

/** A host's link, or that of a whole lab; rates in bytes per second. */
export class Link {
  /** When it's free again, milliseconds. */
  freeAt = 0;
  /** Bytes that it has carried. */
  carried = 0;

  constructor(readonly rate: number) {}

  /** Takes a block from `at` on, or as soon as it's free; tells when it is through. */
  carry(bytes: number, at: number): number {
    const begin = Math.max(at, this.freeAt);
    this.freeAt = begin + 1000 * bytes / this.rate;
    this.carried += bytes;
    return this.freeAt;
  }
}

/** Blocks that a flow may have on the way. */
const WINDOW = 4;

/** A parcel of bytes that is sent from one host to another. */
export interface Parcel {
  bytes: number;
  /** It has arrived, and not been cancelled. */
  arrived: () => void;
}

/** A parcel on its way. */
export interface Sending extends Parcel {
  /** Bytes that the uplink has not taken yet. */
  left: number;
  /** Bytes that have not arrived yet. */
  missing: number;
  cancelled: boolean;
}

/** One direction of a connection: its parcels arrive in the order in which they were sent. */
export class Flow {
  queue: Sending[] = [];
  underWay = 0;
  open = true;
  /** The receiver takes nothing more. */
  isStuck = false;
  /** It is served only when no other one can be. */
  isLast = false;
  /** When bytes last arrived, milliseconds. */
  movedAt = 0;

  constructor(readonly from: Host, readonly to: Host) {}

  /** Has something that the uplink may take now. */
  get isReady(): boolean {
    return this.open && !this.isStuck && this.queue.length > 0 && this.underWay < WINDOW;
  }

  send(parcel: Parcel): Sending {
    const sending = { ...parcel, left: parcel.bytes, missing: parcel.bytes, cancelled: false };
    this.queue.push(sending);
    this.from.kick();
    return sending;
  }

  /** It isn't wanted any more: what is on the way arrives for nothing. */
  cancel(parcel: Sending): void {
    parcel.cancelled = true;
    const at = this.queue.indexOf(parcel);
    if (at >= 0) this.queue.splice(at, 1);
  }

  /** Nothing more is sent on it, and what is on the way is lost. */
  close(): void {
    this.open = false;
    this.queue.length = 0;
  }
}

/** Where a host stands. */
export interface Place {
  up: number;
  down: number;
  /** Milliseconds to the switch. */
  latency: number;
  /** The lab's way out and in, when it has one of its own. */
  lab?: { out: Link; in: Link };
}

/** A host and its links. */
export class Host {
  readonly uplink: Link;
  readonly downlink: Link;
  /** It sends nothing more. */
  isMute = false;
  #flows: Flow[] = [];
  #turn = 0;
  #sending = false;

  constructor(private events: Events, readonly place: Place, private block: number) {
    this.uplink = new Link(place.up);
    this.downlink = new Link(place.down);
  }

  connect(to: Host): Flow {
    const flow = new Flow(this, to);
    this.#flows.push(flow);
    return flow;
  }

  disconnect(flow: Flow): void {
    flow.close();
    this.#flows = this.#flows.filter((each) => each !== flow);
  }

  /** Goes on sending if there is something to send. */
  kick(): void {
    if (this.#sending || this.isMute) return;
    const flow = this.#next();
    if (!flow) return;
    const parcel = flow.queue[0]!;
    const bytes = Math.min(this.block, parcel.left);
    parcel.left -= bytes;
    if (parcel.left === 0) flow.queue.shift();
    flow.underWay++;
    this.#sending = true;
    assert(this.uplink.freeAt <= this.events.now + 1e-6, "an uplink carries one block at a time");
    this.events.at(this.uplink.carry(bytes, this.events.now), () => {
      this.#sending = false;
      this.#travel(flow, parcel, bytes);
      this.kick();
    });
  }

  #next(): Flow | undefined {
    return this.#turnOf(false) ?? this.#turnOf(true);
  }

  #turnOf(last: boolean): Flow | undefined {
    for (let i = 0; i < this.#flows.length; i++) {
      this.#turn = (this.#turn + 1) % this.#flows.length;
      const flow = this.#flows[this.#turn]!;
      if (flow.isLast === last && flow.isReady) return flow;
    }
    return undefined;
  }

  #travel(flow: Flow, parcel: Sending, bytes: number): void {
    const there = this.events.now + this.place.latency + flow.to.place.latency;
    const [home, away] = [this.place.lab, flow.to.place.lab];
    const arrive = (at: number) =>
      this.events.at(flow.to.downlink.carry(bytes, at), () => this.#arrived(flow, parcel, bytes));
    if (home === away) return arrive(there);
    const out = home ? home.out.carry(bytes, there) : there;
    this.events.at(out, () => {
      const into = away ? away.in.carry(bytes, out) : out;
      this.events.at(into, () => arrive(into));
    });
  }

  #arrived(flow: Flow, parcel: Sending, bytes: number): void {
    flow.underWay--;
    flow.movedAt = this.events.now;
    parcel.missing -= bytes;
    if (flow.open && parcel.missing === 0 && !parcel.cancelled) parcel.arrived();
    this.kick();
  }
}
