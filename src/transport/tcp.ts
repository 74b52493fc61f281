/**
 * TCP, and TLS over it: dialling with a deadline, and listening.
 * In a secured lab the first byte is TLS already, on the same port; there's no way from one to the other.
 */

import { type Clock, whenPatienceEnds } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { Lingering } from "../base/lingering.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { ZONE } from "../protocol/secured.ts";
import { hedged } from "./hedged.ts";
import { acceptAll, type ListenAt, openListener, type TcpServer, type TlsIdentity } from "./accept.ts";
import { listenSecured, type SecuredListenerOptions } from "./secured_listener.ts";
import type { ByteStream } from "./stream.ts";
import { addressOf, closedError, closeQuietly, startTls, tlsStream } from "./tls.ts";

/** Wraps a TCP connection of the runtime, which by itself doesn't end a write that waits for the other side. */
export function tcpStream(conn: Deno.TcpConn): ByteStream {
  let endWrite: ((cause: unknown) => void) | undefined;
  return {
    remote: addressOf(conn.remoteAddr),
    local: addressOf(conn.localAddr),
    read: (into) => conn.read(into),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        endWrite = reject;
        conn.write(bytes).then(resolve, reject);
      }),
    close() {
      closeQuietly(conn);
      endWrite?.(closedError());
    },
  };
}

/**
 * The first packet of a connection that gets lost is sent again by the system after a second, an age in a LAN where a
 * broadcast fills the queues. So there's a second connection after so many milliseconds, and the first that answers is taken.
 */
const SECOND_SYN = 200;

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
 * @param options.lingering is told of a connection that was given up in the middle of TLS's handshake.
 * @throws {LabError} with code "unreachable"; "not_permitted" when somebody else is there than should be; "interrupted"
 *   when the signal ended it.
 */
export async function dialTcp(
  to: HostPort,
  options: {
    clock: Clock;
    timeout?: number;
    signal?: AbortSignal;
    tls?: TlsTarget;
    lingering?: Lingering | undefined;
  },
): Promise<ByteStream> {
  const { lingering = new Lingering() } = options;
  const timeout = options.timeout ?? TIMEOUTS.dial;
  const { signal } = options;
  if (signal?.aborted) throw interrupted(signal.reason);
  const giveUp = new AbortController();
  const attempt = establish(to, { ...options, signal: giveUp.signal });
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const cancel = whenPatienceEnds(
    options.clock,
    timeout,
    () => reject(new LabError("unreachable", `no answer within ${timeout / 1000} s`)),
  );
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const conn = await Promise.race([attempt, deadline]);
    return "handshake" in conn ? tlsStream(conn, { lingering }) : tcpStream(conn);
  } catch (cause) {
    lingering.hold(to.host, attempt.then((conn) => conn.close(), () => {}));
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
  { clock, signal, tls }: { clock: Clock; signal: AbortSignal; tls?: TlsTarget },
): Promise<Deno.TcpConn | Deno.TlsConn> {
  const open = (signal: AbortSignal) => Deno.connect({ hostname: to.host, port: to.port, signal });
  const conn = await hedged(open, { clock, signal, after: SECOND_SYN });
  conn.setNoDelay(true);
  if (!tls) return conn;
  return await startTls(conn, { hostname: `${tls.name}.${ZONE}`, authority: tls.authority });
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

/**
 * Listens, and hands each connection to `accept`.
 *
 * @param at where; port 0 takes a free one.
 * @param options.tls speaks TLS with this certificate and key.
 * @param options.besieged is called when more connections hang in TLS's handshake than may (secured_listener.ts).
 * @throws {LabError} with code "failed" when the port is taken or the address isn't this machine's.
 */
export function listenTcp(
  at: ListenAt,
  options: Omit<SecuredListenerOptions, "tls"> & { tls?: TlsIdentity },
): TcpServer {
  const { clock, accept, tls } = options;
  if (tls) return listenSecured(at, { ...options, tls });
  return acceptAll(openListener(at), clock, (conn) => {
    conn.setNoDelay(true);
    accept(tcpStream(conn));
  });
}
