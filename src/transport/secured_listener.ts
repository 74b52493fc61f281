/**
 * Listening with TLS. At first the runtime's own listener does it. When more connections than a limit linger that the
 * runtime can't close, somebody does that on purpose: from then on callers come in by a door that can be closed (door.ts),
 * on the same port. Who is in already stays.
 */

import { type Clock, sleepOrLess } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import { Lingering } from "../base/lingering.ts";
import type { HostPort } from "../base/units.ts";
import { acceptAll, openListener, type TcpServer, type TlsIdentity } from "./accept.ts";
import { Door } from "./door.ts";
import type { ByteStream } from "./stream.ts";
import { tlsStream } from "./tls.ts";

/** What listening with TLS needs to know. */
export interface SecuredListenerOptions {
  clock: Clock;
  tls: TlsIdentity;
  accept: (stream: ByteStream) => void;
  /** Called once, when callers begin to come in by the door. */
  besieged?: (() => void) | undefined;
  /** Connections that may linger; for tests. */
  unclosable?: number | undefined;
}

/** Pause before the port is asked for again, milliseconds: it's free once the listener before has gone. */
const AGAIN = { first: 5, most: 1_000 };

/**
 * Listens.
 *
 * @throws {LabError} "failed" when the port can't be had.
 */
export function listenSecured(at: HostPort, options: SecuredListenerOptions): TcpServer {
  const { clock, tls, accept, unclosable = LIMITS.unclosable } = options;
  const closing = new AbortController();
  let isBesieged = false;
  let door: Door | undefined;
  const lingering = new Lingering((count) => {
    if (count <= unclosable || isBesieged || closing.signal.aborted) return;
    isBesieged = true;
    server.close();
    openDoor();
  });
  let server = acceptAll(openListener(at, tls), clock, (conn) => accept(tlsStream(conn, { lingering })));
  const { address } = server;

  const openDoor = async () => {
    const opened = door = new Door({ clock, tls, accept });
    for (let pause = AGAIN.first; !closing.signal.aborted; pause = Math.min(2 * pause, AGAIN.most)) {
      await sleepOrLess(clock, pause, closing.signal);
      try {
        if (closing.signal.aborted) return;
        server = acceptAll(openListener(address), clock, (conn) => void opened.enter(conn));
        return options.besieged?.();
      } catch { /* the port isn't free yet */ }
    }
  };
  return {
    address,
    close() {
      if (closing.signal.aborted) return;
      closing.abort();
      server.close();
      door?.close();
    },
  };
}
