/**
 * Lets a registration server be found: answers questions for it on every interface, tells of it at its start and takes it
 * back at its end. Rules: nothing here ever ends the server; an interface that comes later is taken up; how many questions
 * are answered is bounded, so that nobody makes this PC flood its network.
 */

import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import { forAsker, type Interface } from "../../protocol/discovery/addresses.ts";
import { answerPacket, type Lab, readQuestion } from "../../protocol/discovery/packets.ts";
import { type Datagram, type Datagrams, type GroupSocket, MDNS } from "./datagrams.ts";

/** What announcing needs. */
export interface AnnounceOptions {
  /** Addresses are those of the interfaces at the time of an answer. */
  lab: Omit<Lab, "addresses">;
  /** The only own address at which the server listens; all of them unless told. */
  only?: string | undefined;
  datagrams: Datagrams;
  clock: Clock;
  log: Logger;
}

/** A server that can be found, until it's closed. */
export class Announcer {
  #o: AnnounceOptions;
  #group: GroupSocket;
  #joined = new Set<string>();
  #answers: number = LIMITS.discoveryAnswers;
  #stops: (() => void)[] = [];
  #hearing: Promise<void>;

  private constructor(options: AnnounceOptions) {
    this.#o = options;
    this.#group = options.datagrams.openGroup();
    this.#hearing = this.#hear();
  }

  /**
   * Begins.
   *
   * @throws when port 5353 can't be had.
   */
  static async start(options: AnnounceOptions): Promise<Announcer> {
    const announcer = new Announcer(options);
    await announcer.#lookAround();
    const { clock } = options;
    announcer.#stops = [
      clock.every(TIMEOUTS.discoveryInterfaces, () => void announcer.#lookAround()),
      clock.every(1_000, () => announcer.#answers = LIMITS.discoveryAnswers),
      // Once more, RFC 6762 section 8.3: the first may have been lost.
      clock.after(1_000, () => void announcer.#tell(announcer.#interfaces())),
    ];
    return announcer;
  }

  /** Takes everything back and ends. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await this.#tell(this.#interfaces(), true);
    this.#group.close();
    await this.#hearing;
  }

  #interfaces(): Interface[] {
    const { only, datagrams } = this.#o;
    return datagrams.interfaces().filter(({ address }) => only === undefined || address === only);
  }

  /** Takes up interfaces that are new. */
  async #lookAround(): Promise<void> {
    const interfaces = this.#interfaces();
    const added = interfaces.filter(({ address }) => !this.#joined.has(address));
    this.#joined = new Set(interfaces.map(({ address }) => address));
    for (const { name, address } of added) {
      await this.#group.join(address).catch((cause) => {
        this.#o.log.debug(`Cannot be found through ${name} (${address}): ${messageOf(cause)}`);
      });
    }
    await this.#tell(added);
  }

  /** Tells the group on these interfaces, unasked. */
  async #tell(interfaces: readonly Interface[], goodbye = false): Promise<void> {
    for (const each of interfaces) {
      const packet = answerPacket(this.#labFor(each.address), { goodbye });
      await this.#send(packet, each.address);
    }
  }

  /** To the group, out of the interface with this address. */
  async #send(packet: Uint8Array, address: string): Promise<void> {
    try {
      const socket = this.#o.datagrams.open({ host: address, port: MDNS.port });
      try {
        await socket.send(packet, MDNS);
      } finally {
        socket.close();
      }
    } catch (cause) {
      this.#o.log.debug(`Cannot tell of this server through ${address}: ${messageOf(cause)}`);
    }
  }

  #labFor(asker: string): Lab {
    return {
      ...this.#o.lab,
      addresses: forAsker(this.#interfaces(), asker).slice(0, LIMITS.discoveryAddresses),
    };
  }

  async #hear(): Promise<void> {
    try {
      for (let heard = await this.#group.receive(); heard; heard = await this.#group.receive()) {
        await this.#answer(heard).catch((cause) => {
          this.#o.log.debug(`Cannot answer who looks for a lab: ${messageOf(cause)}`);
        });
      }
    } catch (cause) {
      this.#o.log.warn(`This server can't be found any longer without --rs: ${messageOf(cause)}`);
    }
  }

  async #answer({ bytes, from }: Datagram): Promise<void> {
    const lab = this.#labFor(from.host);
    const asked = readQuestion(bytes, lab);
    if (!asked || this.#answers-- <= 0) return;
    // A port of its own: a program that only asks, RFC 6762 section 6.7.
    if (from.port !== MDNS.port) return await this.#group.send(answerPacket(lab, { asked }), from);
    if (asked.unicast) return await this.#group.send(answerPacket(lab), from);
    await this.#tell(this.#interfaces());
  }
}
