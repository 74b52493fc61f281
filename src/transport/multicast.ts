/**
 * The sockets for blocks that go by multicast. What is sent goes out of the interface whose address the socket is bound to,
 * as in `discovery/`; a group is heard on one interface.
 */

import type { Bytes } from "../base/bytes.ts";
import { MULTICAST, portOfBlock } from "../protocol/multicast.ts";

/**
 * Sockets that send in turn. The system keeps some 140 KB of one's blocks, which at 100 Mbit/s is 11 ms: a program that is
 * busy for longer would let the link stand still.
 */
export const SENDERS = 2;

/** Sends blocks to a group. */
export class BlockSender {
  #lanes: { socket: Deno.DatagramConn; sending: Promise<void> }[];
  #fault: unknown;

  /**
   * @param from address of the interface that they go out of.
   * @throws {Error} what the system says against it.
   */
  constructor(from: string, private group: string) {
    this.#lanes = [];
    try {
      for (let i = 0; i < SENDERS; i++) {
        const socket = Deno.listenDatagram({ transport: "udp", hostname: from, port: 0 });
        this.#lanes.push({ socket, sending: Promise.resolve() });
      }
    } catch (cause) {
      for (const { socket } of this.#lanes) socket.close();
      throw cause;
    }
  }

  /**
   * Sends a datagram; waits while the system has no room for more.
   *
   * @param datagram isn't changed before so many others have been handed over as there are {@linkcode SENDERS}.
   * @throws {Error} what the system says against it, or said against one before.
   */
  async send(datagram: Bytes, number: number): Promise<void> {
    const lane = this.#lanes[number % SENDERS]!;
    await lane.sending;
    if (this.#fault) throw this.#fault;
    const to = { transport: "udp", hostname: this.group, port: portOfBlock(number) } as const;
    lane.sending = lane.socket.send(datagram, to).then(() => {}, (cause) => {
      this.#fault = cause;
    });
  }

  /** Waits until all has been sent that will be. */
  async finish(): Promise<void> {
    await Promise.all(this.#lanes.map(({ sending }) => sending));
    for (const { socket } of this.#lanes) socket.close();
  }
}

/** A socket with so many faults is of no use: what goes to it is lost. */
const MOST_FAULTS = 100;

/** Who hears a group. */
export interface Hearer {
  heard: (datagram: Uint8Array) => void;
  failed: () => void;
}

/** Hears a group. */
export class BlockListener {
  #sockets: Deno.DatagramConn[] = [];
  #isClosed = false;

  /**
   * Joins a group.
   *
   * @param at address of the interface on which it is heard.
   * @param hearer.heard is given each datagram; its bytes are good until it returns.
   * @param hearer.failed a socket is of no use any more.
   * @throws {Error} what the system says against it: a port is taken, there is no multicast.
   */
  static async open(
    group: string,
    at: string,
    hearer: Hearer,
  ): Promise<BlockListener> {
    const listener = new BlockListener();
    try {
      const ports = Array.from({ length: MULTICAST.ports }, (_, i) => portOfBlock(i));
      await Promise.all(ports.map((port) => listener.#join(group, at, port)));
    } catch (cause) {
      listener.close();
      throw cause;
    }
    for (const socket of listener.#sockets) void listener.#read(socket, hearer);
    return listener;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.close();
  }

  async #join(group: string, at: string, port: number): Promise<void> {
    const any = { transport: "udp", hostname: "0.0.0.0", port } as const;
    // Several programs of one PC may listen; then each gets all.
    const socket = Deno.listenDatagram({ ...any, reuseAddress: true });
    this.#sockets.push(socket);
    await socket.joinMulticastV4(group, at);
  }

  async #read(socket: Deno.DatagramConn, { heard, failed }: Hearer): Promise<void> {
    const buffer = new Uint8Array(MULTICAST.headerBytes + MULTICAST.blockBytes + 1);
    for (let faults = 0; !this.#isClosed && faults < MOST_FAULTS;) {
      const received = await socket.receive(buffer).catch(() => undefined);
      // Windows reports what is larger than the buffer as a fault; that is none of ours, and the next may be.
      if (!received) faults++;
      else if (!this.#isClosed) heard(received[0]);
    }
    if (!this.#isClosed) failed();
  }
}
