/**
 * The connection to one of NATS' servers, by the runtime's own sockets: the library's, over those of Node, never gets through a
 * TLS handshake here.
 *
 * Rules of `tls://`, where NATS greets in clear before it encrypts:
 * - Nobody is trusted but the authority that the operator named.
 * - Nothing is sent in clear: a server that offers no encryption is left.
 * - Of what comes in clear the greeting is taken and nothing behind it, for that may be anybody's; the greeting names no
 *   further servers to us (`ignoreClusterUpdates`).
 */

import { concat } from "../../base/bytes.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import {
  type ConnectionOptions,
  INFO,
  type NatsConnection,
  NatsConnectionImpl,
  type NatsServer,
  setTransportFactory,
  type Transport,
} from "../../deps/nats.ts";
import { closeQuietly, startTls } from "../../transport/tls.ts";

/** A read, bytes: NATS' messages are small, and come in bursts. */
const READ = 64 * 1024;
const LINE_FEED = 0x0a;

/** Connects to NATS. With `tls`, `tls.ca` is the PEM of the only authority that is trusted. */
export async function connectNats(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new RuntimeTransport() });
  return await NatsConnectionImpl.connect({
    ...options,
    ...(options.tls ? { ignoreClusterUpdates: true } : {}),
  });
}

/** One connection, for NATS' library. */
class RuntimeTransport implements Transport {
  readonly lang = "deno";
  readonly version = "1";
  closeError?: Error;
  #conn: Deno.TcpConn | Deno.TlsConn | undefined;
  #greeting: Uint8Array = new Uint8Array();
  #isEncrypted = false;
  #isClosed = false;
  #waiting: Uint8Array[] = [];
  #isWriting = false;
  #closed = Promise.withResolvers<void | Error>();

  get isClosed(): boolean {
    return this.#isClosed;
  }

  isEncrypted(): boolean {
    return this.#isEncrypted;
  }

  /** Resolves when the connection broke, or was given up for another one. */
  closed(): Promise<void | Error> {
    return this.#closed.promise;
  }

  /** @throws {LabError} "not_permitted" when that server isn't to be trusted. */
  async connect({ hostname, port, tlsName }: NatsServer, { tls }: ConnectionOptions): Promise<void> {
    try {
      const conn = await Deno.connect({ hostname: bare(hostname), port });
      this.#take(conn);
      conn.setNoDelay(true);
      const { greeting, rest } = await readGreeting(conn);
      demandFitting(greeting, rest, tls !== undefined && tls !== null);
      this.#greeting = concat([greeting, rest]);
      if (tls) this.#take(await encrypted(conn, bare(tlsName || hostname), tls.ca));
    } catch (thrown) {
      this.#end();
      throw thrown;
    }
  }

  /** What comes in, the greeting first: the library reads it, too. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    yield this.#greeting;
    let fault: Error | undefined;
    const buffer = new Uint8Array(READ);
    while (!this.#isClosed) {
      try {
        const n = await this.#conn!.read(buffer);
        if (n === null) break;
        // The library keeps parts of what it was given.
        yield buffer.slice(0, n);
      } catch (thrown) {
        fault = thrown as Error;
        break;
      }
    }
    this.#broke(fault);
  }

  send(frame: Uint8Array): void {
    if (this.#isClosed) return;
    this.#waiting.push(frame);
    if (!this.#isWriting) this.#write();
  }

  /** In order, one after the other; what can't be written shows where it's read. */
  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#waiting.length > 0 && !this.#isClosed) {
        let bytes = this.#waiting.length === 1 ? this.#waiting[0]! : concat(this.#waiting);
        this.#waiting = [];
        while (bytes.length > 0) bytes = bytes.subarray(await this.#conn!.write(bytes));
      }
    } catch (thrown) {
      this.#broke(thrown as Error);
    } finally {
      this.#isWriting = false;
    }
  }

  /** For good. */
  close(error?: Error): Promise<void> {
    if (error && !this.#isClosed) this.closeError = error;
    this.#end();
    return Promise.resolve();
  }

  /** To connect to another server, or to the same again. */
  disconnect(): void {
    this.#broke(undefined);
  }

  discard(): void {
    this.#end();
  }

  #broke(error: Error | undefined): void {
    if (this.#isClosed) return;
    if (error) this.closeError = error;
    this.#end();
    this.#closed.resolve(error);
  }

  #end(): void {
    this.#isClosed = true;
    closeQuietly(this.#conn);
  }

  /** It may have been given up while it was being made. */
  #take(conn: Deno.TcpConn | Deno.TlsConn): void {
    this.#conn = conn;
    this.#isEncrypted = "handshake" in conn;
    if (!this.#isClosed) return;
    closeQuietly(conn);
    throw new LabError("unreachable", "That took too long");
  }
}

interface Greeting {
  greeting: Uint8Array;
  /** What came with it. */
  rest: Uint8Array;
}

/** The first line: what NATS says of itself. */
async function readGreeting(conn: Deno.Conn): Promise<Greeting> {
  const buffer = new Uint8Array(LIMITS.natsGreeting);
  let have = 0;
  while (have < buffer.length) {
    const n = await conn.read(buffer.subarray(have));
    if (n === null) break;
    const end = buffer.subarray(0, have + n).indexOf(LINE_FEED, have);
    have += n;
    if (end >= 0) return { greeting: buffer.slice(0, end + 1), rest: buffer.slice(end + 1, have) };
  }
  throw new LabError("unreachable", "what answers there is no NATS");
}

/** Is that NATS, and does it encrypt where we want it, and not where we don't? */
function demandFitting(greeting: Uint8Array, rest: Uint8Array, wantsTls: boolean): void {
  const info = parsed(new TextDecoder().decode(greeting));
  if (wantsTls && !(info.tls_required || info.tls_available)) {
    throw new LabError(
      "not_permitted",
      "that server does not encrypt; start it with --tls, or write nats://",
    );
  }
  if (wantsTls && rest.length > 0) {
    throw new LabError("not_permitted", "something came in clear that ought to have been encrypted");
  }
  if (!wantsTls && info.tls_required) {
    throw new LabError(
      "not_permitted",
      "that server encrypts; write tls:// and name its authority, --nats-ca FILE",
    );
  }
}

function parsed(line: string): { tls_required?: unknown; tls_available?: unknown } {
  try {
    const info = JSON.parse(INFO.exec(line)![1]!);
    if (typeof info === "object" && info !== null) return info;
  } catch { /* said below */ }
  throw new LabError("unreachable", "what answers there is no NATS");
}

async function encrypted(conn: Deno.TcpConn, hostname: string, ca = ""): Promise<Deno.TlsConn> {
  try {
    return await startTls(conn, { hostname, authority: ca });
  } catch (cause) {
    throw new LabError("not_permitted", `it is not to be trusted by --nats-ca (${messageOf(cause)})`, {
      cause,
    });
  }
}

/** An IPv6 address as the runtime wants it. */
function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
