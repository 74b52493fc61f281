/** Listening: a loop that accepts, and survives a full table of file descriptors. */

import { type Clock, sleepOrLess } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { isIpv4 } from "../protocol/discovery/addresses.ts";
import { addressOf, closeQuietly } from "./tls.ts";

/** Certificate and key, both PEM. */
export interface TlsIdentity {
  certificate: string;
  key: string;
}

/** A listener that is being served. */
export interface TcpServer {
  readonly address: HostPort;
  /** Stops accepting; connections already accepted go on. */
  close(): void;
}

/** Hands each connection to `accept`; one for which that throws is closed. */
export function acceptAll<C extends Deno.Conn>(
  listener: Deno.Listener<C>,
  clock: Clock,
  accept: (conn: C) => void,
): TcpServer {
  const closing = new AbortController();
  const loop = async () => {
    while (!closing.signal.aborted) {
      let conn: C | undefined;
      try {
        conn = await listener.accept();
        accept(conn);
      } catch {
        // Out of file descriptors, or a connection that was reset while it waited: the next one may do better.
        closeQuietly(conn);
        if (!closing.signal.aborted) await sleepOrLess(clock, 50, closing.signal);
      }
    }
  };
  loop();
  return {
    address: addressOf(listener.addr),
    close() {
      if (closing.signal.aborted) return;
      closing.abort();
      listener.close();
    },
  };
}

/** Where to listen. */
export interface ListenAt extends HostPort {
  /** The flag by which a person chooses the port: "--port" unless said. */
  flag?: string;
}

/**
 * Opens a port.
 *
 * @throws {LabError} with code "failed" when the port is taken or the address isn't this machine's.
 */
export function openListener(at: ListenAt): Deno.TcpListener;
export function openListener(at: ListenAt, tls: TlsIdentity): Deno.TlsListener;
export function openListener(at: ListenAt, tls?: TlsIdentity): Deno.TcpListener | Deno.TlsListener {
  const where = { hostname: at.host, port: at.port };
  const another = `choose another with ${at.flag ?? "--port"}`;
  try {
    return tls ? Deno.listenTls({ ...where, cert: tls.certificate, key: tls.key }) : Deno.listen(where);
  } catch (cause) {
    const seen = cause instanceof Deno.errors.AddrInUse
      ? `another program has that port; ${another}`
      : cause instanceof Deno.errors.AddrNotAvailable
      ? "that address is not one of this machine; choose another with --host"
      : cause instanceof Deno.errors.PermissionDenied
      ? `ports below 1024 need an administrator; ${another}`
      : isAddress(at.host)
      ? (cause as Error).message
      : "there is no such address; choose one of this machine with --host";
    const there = at.port === 0 ? at.host : formatHostPort(at);
    throw new LabError("failed", `Cannot listen on ${there}: ${seen}`, { cause });
  }
}

function isAddress(host: string): boolean {
  return isIpv4(host) || host.includes(":");
}
