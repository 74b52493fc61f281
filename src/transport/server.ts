/**
 * A listening server: accepts, greets, keeps count. When the table is full, the connection that was silent longest makes
 * room, never the newcomer: a flood of idle connections can't lock honest ones out.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import type { Logger } from "../base/log.ts";
import type { Connection } from "./connection.ts";
import { type Host, welcome } from "./handshake.ts";
import type { ByteStream } from "./stream.ts";
import { Tally } from "./tally.ts";
import { listenTcp } from "./tcp.ts";
import type { Watchdog } from "./watchdog.ts";

/** A server of P2P-DI/2. */
export interface Server {
  readonly address: HostPort;
  /** Connections now, greeted or not. */
  readonly connections: ReadonlySet<Connection>;
  /** Stops listening and closes every connection. */
  close(): void;
}

/**
 * Serves P2P-DI/2 on a TCP port.
 *
 * @param at where to listen; port 0 takes a free one.
 * @param options.log is told at the end how many frames of each type there were.
 * @param limits for tests; connections in all, and those that have not greeted.
 * @throws {LabError} when the port can't be had.
 */
export function serve(
  at: HostPort,
  host: Host,
  options: { clock: Clock; watchdog: Watchdog; log?: Logger },
  limits = { connections: LIMITS.connections as number, handshakes: LIMITS.handshakesInFlight as number },
): Server {
  const greeted = new Set<Connection>();
  const waiting = new Set<Connection>();
  const all = new Set<Connection>();
  const tally = new Tally();

  const accept = (stream: ByteStream) => {
    if (waiting.size >= limits.handshakes) evictSilent(waiting);
    if (all.size >= limits.connections) evictSilent(waiting.size > 0 ? waiting : greeted);
    const connection: Connection = welcome(stream, host, {
      ...options,
      tally,
      greeted: () => {
        waiting.delete(connection);
        greeted.add(connection);
      },
    });
    all.add(connection);
    waiting.add(connection);
    connection.closed.then(() => {
      all.delete(connection);
      waiting.delete(connection);
      greeted.delete(connection);
    });
  };

  let open = true;
  const { security } = host;
  const listener = listenTcp(at, {
    clock: options.clock,
    accept,
    ...(security ? { tls: security.credentials } : {}),
  });
  const stopHearing = security?.onRevoked((ids) => {
    for (const each of all) if (each.member && ids.includes(each.member.id)) each.close(revoked(each));
  });
  return {
    address: listener.address,
    connections: all,
    close() {
      if (!open) return;
      open = false;
      listener.close();
      stopHearing?.();
      for (const connection of all) connection.close();
      const { port } = listener.address;
      const { received, sent } = tally;
      options.log?.debug(`Frames on port ${port}`, { port, received, sent });
    },
  };
}

/** At once, whatever is under way; when it dials again it's told why. */
function revoked(connection: Connection): LabError {
  return new LabError("not_permitted", `${connection.title} is a member no longer`);
}

/** Sets keep insertion order, so among those that never spoke the first is the oldest. */
function evictSilent(connections: Set<Connection>): void {
  let silent: Connection | undefined;
  for (const each of connections) {
    if (!each.isClosed && (!silent || each.lastRead < silent.lastRead)) silent = each;
  }
  silent?.close();
  if (silent) connections.delete(silent);
}
