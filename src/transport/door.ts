/**
 * A door before TLS, for a server on which connections pile up that the runtime can't close (base/lingering.ts): whoever
 * begins a handshake and says nothing more keeps its socket for as long as it likes. Here callers come in over plain TCP,
 * which can be closed at any time, and their bytes are passed on to TLS on this machine's loopback interface and back.
 * That costs two more copies of each byte, so it's done only where it must be.
 *
 * Rules: a caller has the address that it called from; what TLS has said goodbye on still gets out, for a moment; whoever
 * waits for the other side is cut off at once.
 */

import { type Clock, sleepOrLess, whenPatienceEnds } from "../base/clock.ts";
import { Lingering } from "../base/lingering.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { ByteStream } from "./stream.ts";
import { addressOf, closeQuietly, tlsStream } from "./tls.ts";

const LOOPBACK = "127.0.0.1";

/** Bytes passed on at a time: few for those that say little, for there may be thousands of them. */
const BUFFER = { least: 4 * 1024, most: 64 * 1024 };

/** What a door needs to know. */
export interface DoorOptions {
  clock: Clock;
  /** PEM. */
  tls: { certificate: string; key: string };
  accept: (stream: ByteStream) => void;
}

/** The way from callers to TLS. */
export class Door {
  #inner: Deno.TlsListener;
  /** By the port of their way on this machine: callers whose TLS has not come yet, and TLS whose caller hasn't. */
  #callers = new Map<number, Passage>();
  #arrived = new Map<number, { conn: Deno.TlsConn; forget: () => void }>();
  #open = new Set<Passage>();
  #lingering = new Lingering();
  #isClosed = false;

  constructor(private options: DoorOptions) {
    const { certificate, key } = options.tls;
    this.#inner = Deno.listenTls({ hostname: LOOPBACK, port: 0, cert: certificate, key });
    this.#welcome();
  }

  /** Somebody calls. */
  async enter(caller: Deno.TcpConn): Promise<void> {
    let link: Deno.TcpConn | undefined;
    try {
      link = await Deno.connect({ hostname: LOOPBACK, port: addressOf(this.#inner.addr).port });
      link.setNoDelay(true);
    } catch {
      closeQuietly(link);
      return closeQuietly(caller);
    }
    const passage = new Passage(caller, link);
    if (this.#isClosed) return passage.close();
    this.#open.add(passage);
    passage.done.then(() => this.#open.delete(passage));
    this.#callers.set(addressOf(link.localAddr).port, passage);
    this.#match(addressOf(link.localAddr).port);
  }

  /** Nobody enters any longer; who is inside stays until its own stream is closed. */
  close(): void {
    this.#isClosed = true;
    closeQuietly(this.#inner);
    for (const { conn, forget } of this.#arrived.values()) {
      forget();
      closeQuietly(conn);
    }
    for (const passage of this.#callers.values()) passage.close();
  }

  async #welcome(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const conn = await this.#inner.accept();
        const { port } = addressOf(conn.remoteAddr);
        // Whoever found this door by itself, on this PC, is nobody's caller.
        const forget = whenPatienceEnds(this.options.clock, TIMEOUTS.dial, () => {
          this.#arrived.delete(port);
          closeQuietly(conn);
        });
        this.#arrived.set(port, { conn, forget });
        this.#match(port);
      } catch {
        if (!this.#isClosed) await sleepOrLess(this.options.clock, 50);
      }
    }
  }

  #match(port: number): void {
    const [passage, arrived] = [this.#callers.get(port), this.#arrived.get(port)];
    if (!passage || !arrived) return;
    this.#callers.delete(port);
    this.#arrived.delete(port);
    arrived.forget();
    const { clock, accept } = this.options;
    accept(tlsStream(arrived.conn, {
      lingering: this.#lingering,
      ends: passage.ends,
      closed: (isIdle) => {
        if (!isIdle) return passage.close();
        passage.done.then(clock.after(TIMEOUTS.doorFarewell, () => passage.close()));
      },
    }));
  }
}

/** One caller's way in, and out. */
class Passage {
  readonly ends;
  /** Resolves when nothing more passes. */
  readonly done: Promise<void>;

  constructor(private caller: Deno.TcpConn, private link: Deno.TcpConn) {
    this.ends = { remote: addressOf(caller.remoteAddr), local: addressOf(caller.localAddr) };
    this.done = Promise.all([pass(caller, link), pass(link, caller)]).then(
      () => this.close(),
      () => this.close(),
    );
  }

  close(): void {
    closeQuietly(this.caller);
    closeQuietly(this.link);
  }
}

/** Passes on all bytes, and then that there are no more. @param passed is told of each few. */
export async function pass(
  from: Pick<Deno.TcpConn, "read">,
  to: Pick<Deno.TcpConn, "write" | "closeWrite">,
  passed = () => {},
): Promise<void> {
  let buffer = new Uint8Array(BUFFER.least);
  while (true) {
    const n = await from.read(buffer);
    if (n === null) return await to.closeWrite();
    passed();
    for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
    if (n === buffer.length && n < BUFFER.most) buffer = new Uint8Array(BUFFER.most);
    else if (n < BUFFER.least && buffer.length > BUFFER.least) buffer = new Uint8Array(BUFFER.least);
  }
}
