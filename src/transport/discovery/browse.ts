/**
 * Finding the labs of this network: asks out of every interface at once, three times, each time from a port of its own, so
 * that the answers come to us alone (RFC 6762 section 6.7). So nothing need be let through a firewall but answers to
 * what was asked, and it doesn't matter who else holds port 5353.
 */

import { type Clock, sleepOrLess } from "../../base/clock.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { Logger } from "../../base/log.ts";
import type { HostPort } from "../../base/units.ts";
import { inOrder, type Interface } from "../../protocol/discovery/addresses.ts";
import { type Lab, questionPacket, readAnswer } from "../../protocol/discovery/packets.ts";
import { type Datagrams, type DatagramSocket, MDNS } from "./datagrams.ts";

/** When the question is sent, milliseconds from the beginning. */
const ASK_AT = [0, 250, 800];

/** What a search needs. */
export interface BrowseOptions {
  datagrams: Datagrams;
  clock: Clock;
  log: Logger;
  signal?: AbortSignal;
  /** Ends the search early, once all labs so far are known: for somebody who looks for one alone. */
  enough?: (labs: readonly Lab[]) => boolean;
}

/**
 * Looks for labs.
 *
 * @returns those that answered, each once, with their addresses in the order in which to try them; after 1.7 s at most.
 */
export async function browse(options: BrowseOptions): Promise<Lab[]> {
  const search = new Search(options);
  try {
    return await search.run();
  } finally {
    await search.close();
  }
}

class Search {
  #o: BrowseOptions;
  #interfaces: Interface[];
  #sockets: DatagramSocket[] = [];
  #labs = new Map<string, Lab>();
  #seen = 0;
  #over = new AbortController();
  #cancels: (() => void)[] = [];
  #settling = false;
  #hearing: Promise<void>[] = [];

  constructor(options: BrowseOptions) {
    this.#o = options;
    this.#interfaces = options.datagrams.interfaces();
  }

  async run(): Promise<Lab[]> {
    const { datagrams, clock, log, signal } = this.#o;
    for (const { name, address } of this.#interfaces) {
      try {
        const socket = datagrams.open({ host: address, port: 0 });
        this.#sockets.push(socket);
        this.#hearing.push(this.#hear(socket));
      } catch (cause) {
        log.debug(`Cannot look for a lab through ${name} (${address}): ${messageOf(cause)}`);
      }
    }
    if (this.#sockets.length === 0) return [];
    const over = signal ? AbortSignal.any([signal, this.#over.signal]) : this.#over.signal;
    for (const at of ASK_AT) this.#cancels.push(clock.after(at, () => this.#ask()));
    await sleepOrLess(clock, TIMEOUTS.discovery, over);
    if (signal?.aborted) throw new LabError("interrupted", "Interrupted while looking for a lab");
    return [...this.#labs.values()];
  }

  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    for (const socket of this.#sockets) socket.close();
    await Promise.all(this.#hearing);
  }

  #ask(): void {
    const packet = questionPacket(0);
    for (const socket of this.#sockets) {
      // An interface without a network: others may have one.
      socket.send(packet, MDNS).catch((cause) => this.#o.log.debug(`Cannot ask: ${messageOf(cause)}`));
    }
  }

  async #hear(socket: DatagramSocket): Promise<void> {
    try {
      for (let heard = await socket.receive(); heard; heard = await socket.receive()) {
        if (++this.#seen > LIMITS.discoveryDatagrams) return;
        for (const lab of readAnswer(heard.bytes)) this.#found(lab, heard.from);
      }
    } catch (cause) {
      this.#o.log.debug(`Cannot hear answers: ${messageOf(cause)}`);
    }
  }

  #found(lab: Lab, from: HostPort): void {
    const known = this.#labs.get(lab.id);
    if (!known && this.#labs.size >= LIMITS.discoveryLabs) return;
    const addresses = [...new Set([...known?.addresses ?? [], ...lab.addresses])];
    // Who answers first under an id says what it's called; the rest can only add addresses.
    this.#labs.set(lab.id, {
      ...(known ?? lab),
      addresses: inOrder(addresses, known?.addresses[0] ?? from.host, this.#interfaces)
        .slice(0, LIMITS.discoveryAddresses),
    });
    if (this.#o.enough?.([...this.#labs.values()])) return this.#over.abort();
    if (this.#settling) return;
    this.#settling = true;
    this.#cancels.push(this.#o.clock.after(TIMEOUTS.discoverySettle, () => this.#over.abort()));
  }
}
