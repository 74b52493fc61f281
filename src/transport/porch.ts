/**
 * The way in to an HTTP server of the runtime, which by itself takes any number of connections and waits for ever for a
 * request that doesn't end: the sockets that the rest of the program needs. Callers come in here, over plain TCP on the port
 * that people know; their bytes are passed on to the server, which listens on loopback, and back.
 *
 * Rules: who is trusted is for the server to say, request by request; until then a caller is a stranger. Of strangers there
 * are so many from one address, and each has to bring a whole request in time, and the next one. The newcomer always gets
 * in: who was silent longest makes room, a stranger first (places.ts).
 */

import type { Clock } from "../base/clock.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import { acceptAll, type TcpServer } from "./accept.ts";
import { pass } from "./door.ts";
import { type Placed, Places } from "./places.ts";
import { addressOf, closeQuietly } from "./tls.ts";

/** How often it is looked who has waited too long, milliseconds. */
const LOOK = 1_000;

/** What a porch needs to know. */
export interface PorchOptions {
  clock: Clock;
  /** The server's port on loopback. */
  port: number;
  /** For tests. */
  limits?: { connections?: number; strangers?: number };
}

/** Where callers come in. */
export class Porch {
  readonly address: HostPort;
  #places: Places<Visitor>;
  /** By the port of their way on this machine. */
  #visitors = new Map<number, Visitor>();
  #server: TcpServer;
  #stop: () => void;

  /** @param listener is the porch's from now on. */
  constructor(listener: Deno.TcpListener, private options: PorchOptions) {
    const { clock, limits: { connections = LIMITS.pageConnections, strangers = LIMITS.pageStrangers } = {} } =
      options;
    const none = Infinity;
    this.#places = new Places({ connections, handshakes: none, perAddress: strangers, perMember: none });
    this.#server = acceptAll(listener, clock, (caller) => void this.#enter(caller));
    this.address = this.#server.address;
    this.#stop = clock.every(LOOK, () => this.#look());
  }

  /** Who has sent a request, by the port from which it reached the server; nobody came in by the porch if undefined. */
  visitor(port: number): Visitor | undefined {
    return this.#visitors.get(port);
  }

  /** A request of that visitor is whole. @param isTrusted whether it is a stranger no longer. */
  asked(visitor: Visitor, isTrusted: boolean): void {
    visitor.asked = this.options.clock.monotonic();
    if (visitor.isTrusted || !isTrusted) return;
    visitor.isTrusted = true;
    this.#places.greeted(visitor);
  }

  /** Nobody comes in any longer, and who is in has to leave. */
  close(): void {
    this.#stop();
    this.#server.close();
    for (const visitor of this.#places.all) visitor.close();
  }

  async #enter(caller: Deno.TcpConn): Promise<void> {
    const { clock, port } = this.options;
    this.#places.makeRoom(addressOf(caller.remoteAddr).host);
    const visitor = new Visitor(caller, clock);
    this.#places.add(visitor);
    await visitor.goIn(port, (way) => this.#visitors.set(way, visitor));
    this.#places.remove(visitor);
    if (visitor.way !== undefined) this.#visitors.delete(visitor.way);
  }

  #look(): void {
    const now = this.options.clock.monotonic();
    for (const visitor of this.#places.all) {
      const { isTrusted, asked, lastRead } = visitor;
      const isLate = isTrusted
        ? now - lastRead > TIMEOUTS.connectionIdle
        : now - asked > TIMEOUTS.pageRequest;
      if (isLate) visitor.close();
    }
  }
}

/** Somebody who came in. */
export class Visitor implements Placed {
  readonly remote: HostPort;
  readonly member = undefined;
  isTrusted = false;
  isClosed = false;
  /** When bytes passed last, in either direction. */
  lastRead: number;
  /** When its last request was whole; when it came, before. */
  asked: number;
  /** The port of its way to the server. */
  way: number | undefined;
  #link: Deno.TcpConn | undefined;

  constructor(private caller: Deno.TcpConn, private clock: Clock) {
    this.remote = addressOf(caller.remoteAddr);
    this.asked = this.lastRead = clock.monotonic();
  }

  /** Passes on what it says and hears. Resolves when that is over; never rejects. */
  async goIn(port: number, begins: (way: number) => void): Promise<void> {
    try {
      const link = this.#link = await Deno.connect({ hostname: "127.0.0.1", port });
      if (this.isClosed) return closeQuietly(link);
      begins(this.way = addressOf(link.localAddr).port);
      link.setNoDelay(true);
      const passed = () => void (this.lastRead = this.clock.monotonic());
      await Promise.all([pass(this.caller, link, passed), pass(link, this.caller, passed)]);
    } catch { /* one of them has gone, or the server has */ }
    this.close();
  }

  close(): void {
    this.isClosed = true;
    closeQuietly(this.caller);
    closeQuietly(this.#link);
  }
}
