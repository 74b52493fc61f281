/** For tests only: networks in memory, with PCs that have cards in one or several of them. */

import type { HostPort } from "../../base/units.ts";
import type { Interface } from "../../protocol/discovery/addresses.ts";
import { type Datagram, type Datagrams, type GroupSocket, MDNS } from "./datagrams.ts";

/** Every socket of every PC. */
export class Ether {
  sockets = new Set<MemorySocket>();
  /** Datagrams to the group that were sent, by the sender's address. */
  sent: string[] = [];
  /** Loses datagrams, if told so. */
  loses: (from: HostPort, to: HostPort) => boolean = () => false;

  /** A PC with cards in these /24 networks, such as "10.1.0.7". */
  pc(...addresses: string[]): MemoryPc {
    return new MemoryPc(this, addresses);
  }
}

const netOf = (address: string) => address.slice(0, address.lastIndexOf("."));

/** A PC. */
export class MemoryPc implements Datagrams {
  /** Addresses whose sockets can't be opened. */
  broken = new Set<string>();
  #nextPort = 50_000;
  constructor(readonly ether: Ether, public addresses: string[]) {}

  interfaces(): Interface[] {
    return this.addresses.map((address, i) => ({ name: `eth${i}`, address, netmask: "255.255.255.0" }));
  }
  open({ host, port }: HostPort): MemorySocket {
    if (this.broken.has(host)) throw new Deno.errors.AddrNotAvailable("no such address");
    return new MemorySocket(this, { host, port: port === 0 ? this.#nextPort++ : port });
  }
  openGroup(): MemorySocket {
    return new MemorySocket(this, { host: "0.0.0.0", port: MDNS.port });
  }
}

/** A socket of such a PC. */
export class MemorySocket implements GroupSocket {
  joined = new Set<string>();
  #queue: Datagram[] = [];
  #wake = () => {};
  #open = true;

  constructor(private pc: MemoryPc, readonly at: HostPort) {
    pc.ether.sockets.add(this);
  }

  join(address: string): Promise<void> {
    if (this.pc.broken.has(address)) return Promise.reject(new Error("no multicast there"));
    this.joined.add(address);
    return Promise.resolve();
  }

  send(bytes: Uint8Array, to: HostPort): Promise<void> {
    const isGroup = to.host === MDNS.host;
    for (const source of this.at.host === "0.0.0.0" ? this.pc.addresses : [this.at.host]) {
      const from = { host: source, port: this.at.port };
      if (isGroup) this.pc.ether.sent.push(source);
      if (this.pc.ether.loses(from, to)) continue;
      for (const each of this.pc.ether.sockets) if (each.hears(from, to)) each.take({ bytes, from });
    }
    return Promise.resolve();
  }

  hears(from: HostPort, to: HostPort): boolean {
    if (this.at.port !== to.port) return false;
    if (to.host === MDNS.host) return [...this.joined].some((own) => netOf(own) === netOf(from.host));
    if (netOf(to.host) !== netOf(from.host)) return false;
    return this.at.host === to.host || (this.at.host === "0.0.0.0" && this.pc.addresses.includes(to.host));
  }

  take(datagram: Datagram): void {
    this.#queue.push(datagram);
    this.#wake();
  }

  async receive(): Promise<Datagram | undefined> {
    while (this.#open && this.#queue.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#open ? this.#queue.shift() : undefined;
  }

  close(): void {
    this.#open = false;
    this.pc.ether.sockets.delete(this);
    this.#wake();
  }
}
