/**
 * Has peers hold files and fetch them from each other, by what every peer understands: a broadcast that is delivered late
 * names the holders, and the peer that it is offered to fetches it from those. So it takes what a broadcast takes: a lead in
 * a secured lab, `--accept-open-broadcasts` in an open one.
 *
 * Not here: which files, and in which order.
 */

import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import { inPages } from "../../base/pages.ts";
import type { HostPort } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import type { MessageOf, WireFile, WireHolder, WirePeer } from "../../protocol/messages.ts";
import type { Connection } from "../../transport/connection.ts";
import { connect } from "../../transport/connect.ts";
import { type PeerContext, toolIdentity } from "../context.ts";
import { queryIndex } from "../rs_client.ts";

/** Who sends a peer on errands. */
export interface Sender {
  context: PeerContext;
  /** Name to offer under. */
  name: string;
  /** Where the sender's own files can be had. */
  port: number;
  /** Hears at which address of the sender's the peer will look for that port. */
  reachedAt?: (local: HostPort) => void;
  signal: AbortSignal;
}

/** Between two questions whether a peer's index knows its new files, milliseconds. */
const ASK_EVERY = 50;
/** Longest wait for that: a scan every 30 s, and the hashing. */
const INDEX_LIMIT = 90_000;

/** A peer that is sent on errands, over one connection. */
export class Errands {
  private constructor(readonly peer: WirePeer, private connection: Connection, private sender: Sender) {}

  /**
   * Connects to a peer.
   *
   * @throws {LabError} with the peer's name, when it can't be reached.
   */
  static async to(peer: WirePeer, sender: Sender): Promise<Errands> {
    const { context, name, signal } = sender;
    try {
      const at = { host: peer.address, port: peer.port, id: peer.id };
      const options = { ...context, signal, idle: TIMEOUTS.manifest };
      const { connection } = await connect(at, toolIdentity(context, name), options);
      signal.addEventListener("abort", () => connection.close(signal.reason), { once: true });
      sender.reachedAt?.(connection.local);
      return new Errands(peer, connection, sender);
    } catch (cause) {
      throw faultOf(peer, cause, signal);
    }
  }

  /** How others reach this peer. */
  get holder(): WireHolder {
    const { name, address, port, id } = this.peer;
    return { name, address, port, ...(id === undefined ? {} : { id }) };
  }

  /**
   * Has the peer fetch files, and waits until it has verified them all.
   *
   * @param holders whom to fetch from; nobody means from the sender itself.
   * @throws {LabError} with the peer's name and what it answered.
   */
  async fetch(files: readonly WireFile[], holders: readonly WireHolder[]): Promise<void> {
    try {
      await this.#offer(files, holders);
    } catch (cause) {
      throw faultOf(this.peer, cause, this.sender.signal);
    }
  }

  async #offer(files: readonly WireFile[], holders: readonly WireHolder[]): Promise<void> {
    const pages = [...inPages(files, ([name]) => 120 + 3 * name.length)];
    const id = this.sender.context.random.id(8);
    const message = (i: number): MessageOf<"Offer"> => ({
      ...{ kind: "Offer", purpose: "broadcast", id, peer: this.sender.name, port: this.sender.port },
      files: [...pages[i]!],
      bytes: files.reduce((sum, [, size]) => sum + size, 0),
      holders: [...holders],
      ...(i < pages.length - 1 ? { more: true } : {}),
    });
    const exchange = this.connection.open(message(0));
    try {
      for (let i = 1; i < pages.length; i++) {
        await exchange.expect("OfferNext");
        await exchange.send(message(i));
      }
      while (true) {
        const incoming = await exchange.next(TIMEOUTS.manifest);
        if (incoming.kind === "Receipt" && !incoming.more) return;
      }
    } finally {
      this.connection.forget(exchange);
    }
  }

  /**
   * Waits until the peer's index knows files, so that others can fetch them.
   *
   * @throws {LabError} "timeout".
   */
  async indexed(files: readonly WireFile[]): Promise<void> {
    const { clock } = this.sender.context;
    const deadline = clock.monotonic() + INDEX_LIMIT;
    const names = files.map(([name]) => name);
    for (const patterns of chunks(names, 500)) {
      while (true) {
        const rows = await queryIndex(this.connection, { patterns })
          .catch((cause) => Promise.reject(faultOf(this.peer, cause, this.sender.signal)));
        const known = new Set(rows.map((row) => `${row.name} ${row.sha256}`));
        if (files.every(([name, , hash]) => !patterns.includes(name) || known.has(`${name} ${hash}`))) break;
        if (clock.monotonic() > deadline) {
          const seconds = INDEX_LIMIT / 1000;
          throw new LabError(
            "timeout",
            `${
              printable(this.peer.name)
            } has received files and not indexed them within ${seconds} s; is it busy?`,
          );
        }
        await clock.sleep(ASK_EVERY, this.sender.signal);
      }
    }
  }

  /** Ends the connection. */
  close(): void {
    this.connection.close();
  }
}

function chunks(names: readonly string[], size: number): string[][] {
  return Array.from(
    { length: Math.ceil(names.length / size) },
    (_, i) => names.slice(i * size, (i + 1) * size),
  );
}

function faultOf(peer: WirePeer, cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new LabError(codeOf(cause), `Cannot measure with ${printable(peer.name)}: ${messageOf(cause)}`, {
    cause,
  });
}
