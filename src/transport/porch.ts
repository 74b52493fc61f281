/**
 * The way in to an HTTP server of the runtime, which by itself takes any number of connections and waits for ever for a
 * request that doesn't end: the sockets that the rest of the program needs. Callers come in here, over plain TCP on the port
 * that people know; their bytes are passed on to the server, which listens on loopback, and back.
 *
 * Rules: who is trusted is for the server to say, request by request; until then a caller is a stranger. Of strangers there
 * are so many from one address, and each has to bring a whole request in time, and the next one. The newcomer gets in: who
 * was silent longest makes room, a stranger first (places.ts). But the runtime keeps the socket of somebody who doesn't read
 * what is written to it, closed or not (base/lingering.ts): where there are as many of those as of others, nobody gets in.
 */

import type { Clock } from "../base/clock.ts";
import { Lingering } from "../base/lingering.ts";
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
  #lingering = new Lingering();
  #most: { connections: number; strangers: number };
  /** By the port of their way on this machine. */
  #visitors = new Map<number, Visitor>();
  #server: TcpServer;
  #stop: () => void;

  /** @param listener is the porch's from now on. */
  constructor(listener: Deno.TcpListener, private options: PorchOptions) {
    const { clock, limits: { connections = LIMITS.pageConnections, strangers = LIMITS.pageStrangers } = {} } =
      options;
    const none = Infinity;
    this.#most = { connections, strangers };
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

  /** How many had to leave whose sockets the runtime keeps. */
  get lingering(): number {
    return this.#lingering.count;
  }

  /** Nobody comes in any longer, and who is in has to leave. */
  close(): void {
    this.#stop();
    this.#server.close();
    for (const visitor of this.#places.all) visitor.close();
  }

  async #enter(caller: Deno.TcpConn): Promise<void> {
    const { clock, port } = this.options;
    const { host } = addressOf(caller.remoteAddr);
    const { connections, strangers } = this.#most;
    if (this.#lingering.with(host) >= strangers || this.#lingering.count >= connections) {
      return closeQuietly(caller);
    }
    this.#places.makeRoom(host);
    const visitor = new Visitor(caller, { clock, lingering: this.#lingering });
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
  /** Writes that wait for the other side, and can't be broken off. */
  #waiting = 0;
  #idle = () => {};
  #left = Promise.withResolvers<void>();

  constructor(private caller: Deno.TcpConn, private o: { clock: Clock; lingering: Lingering }) {
    this.remote = addressOf(caller.remoteAddr);
    this.asked = this.lastRead = o.clock.monotonic();
  }

  /** Passes on what it says and hears. Resolves when that is over; never rejects. */
  async goIn(port: number, begins: (way: number) => void): Promise<void> {
    const { caller } = this;
    try {
      const link = this.#link = await Deno.connect({ hostname: "127.0.0.1", port });
      if (this.isClosed) return closeQuietly(link);
      begins(this.way = addressOf(link.localAddr).port);
      link.setNoDelay(true);
      const passed = () => void (this.lastRead = this.o.clock.monotonic());
      const [inner, outer] = [this.#watched(link), this.#watched(caller)];
      const over = Promise.all([pass(caller, inner, passed), pass(link, outer, passed)]);
      await Promise.race([over, this.#left.promise]);
    } catch { /* one of them has gone, or the server has */ }
    this.close();
  }

  close(): void {
    closeQuietly(this.caller);
    closeQuietly(this.#link);
    if (this.isClosed) return;
    this.isClosed = true;
    this.#left.resolve();
    if (this.#waiting === 0) return;
    this.o.lingering.hold(this.remote.host, new Promise<void>((resolve) => this.#idle = resolve));
  }

  #watched(conn: Deno.TcpConn): Pick<Deno.TcpConn, "write" | "closeWrite"> {
    return {
      write: (bytes) => this.#wait(conn.write(bytes)),
      closeWrite: () => this.#wait(conn.closeWrite()),
    };
  }

  #wait<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    const over = () => {
      if (--this.#waiting === 0) this.#idle();
    };
    work.then(over, over);
    return work;
  }
}
