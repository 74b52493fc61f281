/**
 * A TLS connection of the runtime as a stream. Rule: closing it ends it for us at once; where the runtime can't let go of
 * the socket, since a handshake or a write waits for the other side, it counts as lingering until it can.
 */

import { LabError } from "../base/errors.ts";
import type { Lingering } from "../base/lingering.ts";
import type { HostPort } from "../base/units.ts";
import type { ByteStream } from "./stream.ts";

/** What a TLS stream needs to know. */
export interface TlsStreamOptions {
  lingering: Lingering;
  /** Both ends, where they aren't those that the runtime sees. */
  ends?: { remote: HostPort; local: HostPort } | undefined;
  /** Called at its close, and told whether anything waits for the other side. */
  closed?: (isIdle: boolean) => void;
}

/** Wraps a TLS connection. */
export function tlsStream(conn: Deno.TlsConn, options: TlsStreamOptions): ByteStream {
  return new TlsStream(conn, options);
}

/** The address at one end of a connection. */
export function addressOf(addr: Deno.Addr): HostPort {
  const { hostname, port } = addr as Deno.NetAddr;
  return { host: hostname, port };
}

/** Closes what may be closed already. */
export function closeQuietly(conn: { close(): void } | undefined): void {
  try {
    conn?.close();
  } catch { /* it was closed already */ }
}

/**
 * Speaks TLS on a connection, as the side that dialled it, and makes sure who is there. Nothing breaks it off; whoever doesn't
 * want it any longer leaves it to itself.
 *
 * @param conn is used up, whatever comes of it.
 * @param to.hostname the name or address that the other side's certificate must hold.
 * @param to.authority PEM of the authority that must have signed it.
 * @throws {Deno.errors.InvalidData} when somebody else is there; other errors of the runtime when the connection breaks.
 */
export async function startTls(
  conn: Deno.TcpConn,
  { hostname, authority }: { hostname: string; authority: string },
): Promise<Deno.TlsConn> {
  const secured = await Deno.startTls(conn, { hostname, caCerts: [authority] });
  try {
    await secured.handshake();
    return secured;
  } catch (cause) {
    closeQuietly(secured);
    throw cause;
  }
}

class TlsStream implements ByteStream {
  readonly remote: HostPort;
  readonly local: HostPort;
  /** What waits for the other side, and can't be broken off: the handshake, a write, the end of writing. */
  #waiting = 0;
  #idle: (() => void) | undefined;
  #isClosed = false;
  #endRead: ((cause: unknown) => void) | undefined;
  #endWrite: ((cause: unknown) => void) | undefined;

  constructor(private conn: Deno.TlsConn, private options: TlsStreamOptions) {
    this.remote = options.ends?.remote ?? addressOf(conn.remoteAddr);
    this.local = options.ends?.local ?? addressOf(conn.localAddr);
    this.#wait(conn.handshake());
  }

  read(into: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError());
      this.#endRead = reject;
      this.conn.read(into).then(resolve, (cause) => isCut(cause) ? resolve(null) : reject(cause));
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#unlessClosed(() => this.conn.write(bytes));
  }

  closeWrite(): Promise<void> {
    return this.#unlessClosed(() => this.conn.closeWrite());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endRead?.(closedError());
    this.#endWrite?.(closedError());
    const isIdle = this.#waiting === 0;
    if (isIdle) closeQuietly(this.conn);
    else {
      const idle = new Promise<void>((resolve) => this.#idle = resolve);
      this.options.lingering.hold(this.remote.host, idle.then(() => closeQuietly(this.conn)));
    }
    this.options.closed?.(isIdle);
  }

  #unlessClosed<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closedError());
      this.#endWrite = reject;
      this.#wait(work()).then(resolve, reject);
    });
  }

  #wait<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    const over = () => {
      if (--this.#waiting === 0) this.#idle?.();
    };
    work.then(over, over);
    return work;
  }
}

/** A process that was killed says no goodbye in TLS: the same as the end of a plain connection, for frames have lengths. */
function isCut(cause: unknown): boolean {
  return cause instanceof Deno.errors.UnexpectedEof;
}

/** What whoever waits on a stream is told when it's closed. */
export function closedError(): LabError {
  return new LabError("unreachable", "This connection was closed");
}
