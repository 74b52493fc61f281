/** TCP: dialling with a deadline, listening with a loop that survives a full table of file descriptors. */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import type { ByteStream } from "./stream.ts";

/** Wraps a TCP connection of the runtime. */
export function tcpStream(conn: Deno.TcpConn): ByteStream {
  let open = true;
  const end = (addr: Deno.NetAddr): HostPort => ({ host: addr.hostname, port: addr.port });
  return {
    remote: end(conn.remoteAddr),
    local: end(conn.localAddr),
    read: (into) => conn.read(into),
    write: (bytes) => conn.write(bytes),
    close() {
      if (!open) return;
      open = false;
      try {
        conn.close();
      } catch { /* the runtime may have closed it already */ }
    },
  };
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
  const attempt = Deno.connect({ hostname: to.host, port: to.port });
  let cancel = () => {};
  const deadline = new Promise<never>((_, reject) => {
    cancel = options.clock.after(
      timeout,
      () => reject(new LabError("unreachable", `no answer within ${timeout / 1000} s`)),
    );
    options.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
  });
  try {
    const conn = await Promise.race([attempt, deadline]);
    conn.setNoDelay(true);
    return tcpStream(conn);
  } catch (cause) {
    attempt.then((conn) => conn.close(), () => {});
    if (options.signal?.aborted) throw new LabError("interrupted", "Interrupted while connecting", { cause });
    throw new LabError("unreachable", `Cannot reach ${formatHostPort(to)}: ${dialFault(cause)}`, { cause });
  } finally {
    cancel();
    deadline.catch(() => {});
  }
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
  let open = true;
  const loop = async () => {
    while (open) {
      try {
        const conn = await listener.accept();
        conn.setNoDelay(true);
        options.accept(tcpStream(conn));
      } catch {
        // Out of file descriptors, or a connection that was reset while it waited: the next one may do better.
        if (open) await options.clock.sleep(50);
      }
    }
  };
  loop();
  return {
    address: { host: listener.addr.hostname, port: listener.addr.port },
    close() {
      if (!open) return;
      open = false;
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
