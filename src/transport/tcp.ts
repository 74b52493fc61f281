/** TCP: dialling with a deadline, listening with a loop that survives a full table of file descriptors. */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import type { ByteStream } from "./stream.ts";

/** Wraps a TCP connection of the runtime. */
export function tcpStream(conn: Deno.TcpConn): ByteStream {
  const end = (addr: Deno.NetAddr): HostPort => ({ host: addr.hostname, port: addr.port });
  return {
    remote: end(conn.remoteAddr),
    local: end(conn.localAddr),
    read: (into) => conn.read(into),
    write: (bytes) => conn.write(bytes),
    close: () => closeQuietly(conn),
  };
}

function closeQuietly(conn: Deno.TcpConn | undefined): void {
  try {
    conn?.close();
  } catch { /* it was closed already */ }
}

/**
 * Dials a TCP port.
 *
 * @param to where to.
 * @param options.timeout milliseconds; a PC that is switched off answers nothing at all.
 * @throws {LabError} with code "unreachable", or "interrupted" when the signal ended it.
 */
export async function dialTcp(
  to: HostPort,
  options: { clock: Clock; timeout?: number; signal?: AbortSignal },
): Promise<ByteStream> {
  const timeout = options.timeout ?? TIMEOUTS.dial;
  const { signal } = options;
  if (signal?.aborted) throw interrupted(signal.reason);
  const giveUp = new AbortController();
  const attempt = Deno.connect({ hostname: to.host, port: to.port, signal: giveUp.signal });
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const cancel = options.clock.after(
    timeout,
    () => reject(new LabError("unreachable", `no answer within ${timeout / 1000} s`)),
  );
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const conn = await Promise.race([attempt, deadline]);
    conn.setNoDelay(true);
    return tcpStream(conn);
  } catch (cause) {
    attempt.then((conn) => conn.close(), () => {});
    giveUp.abort();
    if (signal?.aborted) throw interrupted(cause);
    throw new LabError("unreachable", `Cannot reach ${formatHostPort(to)}: ${dialFault(cause)}`, { cause });
  } finally {
    cancel();
    signal?.removeEventListener("abort", onAbort);
  }
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
 * @throws {LabError} with code "failed" when the port is taken or the address isn't this machine's.
 */
export function listenTcp(
  at: HostPort,
  options: { clock: Clock; accept: (stream: ByteStream) => void },
): TcpServer {
  const listener = openListener(at);
  const closing = new AbortController();
  const loop = async () => {
    while (!closing.signal.aborted) {
      let conn: Deno.TcpConn | undefined;
      try {
        conn = await listener.accept();
        conn.setNoDelay(true);
        options.accept(tcpStream(conn));
      } catch {
        // Out of file descriptors, or a connection that was reset while it waited: the next one may do better.
        closeQuietly(conn);
        if (!closing.signal.aborted) await options.clock.sleep(50, closing.signal).catch(() => {});
      }
    }
  };
  loop();
  return {
    address: { host: listener.addr.hostname, port: listener.addr.port },
    close() {
      if (closing.signal.aborted) return;
      closing.abort();
      listener.close();
    },
  };
}

function openListener(at: HostPort): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: at.host, port: at.port });
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
