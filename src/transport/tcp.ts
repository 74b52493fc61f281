/**
 * TCP, and TLS over it: dialling with a deadline, listening with a loop that survives a full table of file descriptors.
 * In a secured lab the first byte is TLS already, on the same port; there's no way from one to the other.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { ZONE } from "../protocol/secured.ts";
import type { ByteStream } from "./stream.ts";

/** Wraps a TCP connection of the runtime. */
export function tcpStream(conn: Deno.TcpConn | Deno.TlsConn): ByteStream {
  const end = (addr: Deno.Addr): HostPort => {
    const { hostname, port } = addr as Deno.NetAddr;
    return { host: hostname, port };
  };
  const stream = {
    remote: end(conn.remoteAddr),
    local: end(conn.localAddr),
    read: (into: Uint8Array) => conn.read(into),
    write: (bytes: Uint8Array) => conn.write(bytes),
    close: () => closeQuietly(conn),
  };
  if (!("handshake" in conn)) return stream;
  return {
    ...stream,
    read: (into) => conn.read(into).catch(endIfCut),
    closeWrite: () => conn.closeWrite(),
  };
}

/** A process that was killed says no goodbye in TLS: the same as the end of a plain connection, for frames have lengths. */
function endIfCut(cause: unknown): null {
  if (cause instanceof Deno.errors.UnexpectedEof) return null;
  throw cause;
}

function closeQuietly(conn: { close(): void } | undefined): void {
  try {
    conn?.close();
  } catch { /* it was closed already */ }
}

/** Whom TLS must find at the other end. */
export interface TlsTarget {
  /** The id, or the name, in its certificate; without our zone. */
  name: string;
  /** PEM of the authority that must have signed it. */
  authority: string;
}

/**
 * Dials a TCP port.
 *
 * @param to where to.
 * @param options.timeout milliseconds; a PC that is switched off answers nothing at all.
 * @param options.tls speaks TLS, and makes sure who is there.
 * @throws {LabError} with code "unreachable"; "not_permitted" when somebody else is there than should be; "interrupted"
 *   when the signal ended it.
 */
export async function dialTcp(
  to: HostPort,
  options: { clock: Clock; timeout?: number; signal?: AbortSignal; tls?: TlsTarget },
): Promise<ByteStream> {
  const timeout = options.timeout ?? TIMEOUTS.dial;
  const { signal } = options;
  if (signal?.aborted) throw interrupted(signal.reason);
  const giveUp = new AbortController();
  const attempt = establish(to, giveUp.signal, options.tls);
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const cancel = options.clock.after(
    timeout,
    () => reject(new LabError("unreachable", `no answer within ${timeout / 1000} s`)),
  );
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return tcpStream(await Promise.race([attempt, deadline]));
  } catch (cause) {
    attempt.then((conn) => conn.close(), () => {});
    giveUp.abort();
    if (signal?.aborted) throw interrupted(cause);
    const stranger = options.tls && strangerFault(cause);
    if (stranger !== undefined) {
      throw new LabError("not_permitted", `Cannot trust ${formatHostPort(to)}: ${stranger}`, { cause });
    }
    throw new LabError("unreachable", `Cannot reach ${formatHostPort(to)}: ${dialFault(cause)}`, { cause });
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

async function establish(
  to: HostPort,
  signal: AbortSignal,
  tls: TlsTarget | undefined,
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const conn = await Deno.connect({ hostname: to.host, port: to.port, signal });
  conn.setNoDelay(true);
  if (!tls) return conn;
  const secured = await Deno.startTls(conn, { hostname: `${tls.name}.${ZONE}`, caCerts: [tls.authority] });
  const end = () => closeQuietly(secured);
  signal.addEventListener("abort", end, { once: true });
  try {
    await secured.handshake();
    return secured;
  } catch (cause) {
    end();
    throw cause;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** Why TLS doesn't accept who is there; the runtime tells it by text alone. Undefined when that isn't what failed. */
function strangerFault(cause: unknown): string | undefined {
  if (!(cause instanceof Deno.errors.InvalidData)) return undefined;
  if (/not valid for name/i.test(cause.message)) return "another PC answers there than the one that should";
  if (/corrupt message|InvalidContentType/i.test(cause.message)) {
    return "no secured connection can be made; it is open to anybody, or something else; this PC has joined a secured lab";
  }
  return "its certificate is not of the lab that this PC has joined";
}

function interrupted(cause: unknown): LabError {
  return new LabError("interrupted", "Interrupted while connecting", { cause });
}

function dialFault(cause: unknown): string {
  if (cause instanceof LabError) return cause.message;
  if (cause instanceof Deno.errors.ConnectionRefused) return "nothing listens there (connection refused)";
  if (cause instanceof Deno.errors.NotCapable) return "the sandbox forbids it";
  const text = cause instanceof Error ? cause.message : String(cause);
  return /lookup|resolve|not known|name/i.test(text)
    ? "there is no such host"
    : text.replace(/\s*\(os error \d+\)/, "");
}

/** A listener that is being served. */
export interface TcpServer {
  readonly address: HostPort;
  /** Stops accepting; connections already accepted go on. */
  close(): void;
}

/**
 * Listens, and hands each connection to `accept`.
 *
 * @param at where; port 0 takes a free one.
 * @param options.tls speaks TLS with this certificate and key, both PEM.
 * @throws {LabError} with code "failed" when the port is taken or the address isn't this machine's.
 */
export function listenTcp(
  at: HostPort,
  options: { clock: Clock; accept: (stream: ByteStream) => void; tls?: { certificate: string; key: string } },
): TcpServer {
  const listener = openListener(at, options.tls);
  const closing = new AbortController();
  const loop = async () => {
    while (!closing.signal.aborted) {
      let conn: Deno.TcpConn | Deno.TlsConn | undefined;
      try {
        conn = await listener.accept();
        if ("setNoDelay" in conn) conn.setNoDelay(true);
        options.accept(tcpStream(conn));
      } catch {
        // Out of file descriptors, or a connection that was reset while it waited: the next one may do better.
        closeQuietly(conn);
        if (!closing.signal.aborted) await options.clock.sleep(50, closing.signal).catch(() => {});
      }
    }
  };
  loop();
  const { hostname, port } = listener.addr as Deno.NetAddr;
  return {
    address: { host: hostname, port },
    close() {
      if (closing.signal.aborted) return;
      closing.abort();
      listener.close();
    },
  };
}

function openListener(
  at: HostPort,
  tls: { certificate: string; key: string } | undefined,
): Deno.TcpListener | Deno.TlsListener {
  const where = { hostname: at.host, port: at.port };
  try {
    return tls ? Deno.listenTls({ ...where, cert: tls.certificate, key: tls.key }) : Deno.listen(where);
  } catch (cause) {
    const seen = cause instanceof Deno.errors.AddrInUse
      ? "another program has that port; choose another with --port"
      : cause instanceof Deno.errors.AddrNotAvailable
      ? "that address is not one of this machine"
      : cause instanceof Deno.errors.PermissionDenied
      ? "ports below 1024 need an administrator; choose another with --port"
      : (cause as Error).message;
    throw new LabError("failed", `Cannot listen on ${formatHostPort(at)}: ${seen}`, { cause });
  }
}
