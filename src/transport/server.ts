/**
 * A listening server: accepts, greets, keeps count. When a limit is reached, the connection that was silent longest makes
 * room, never the newcomer (places.ts): a flood of idle connections can't lock honest ones out.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import type { Logger } from "../base/log.ts";
import { Budget } from "./budget.ts";
import type { Connection } from "./connection.ts";
import { type Host, welcome } from "./handshake.ts";
import { type PlaceLimits, Places } from "./places.ts";
import type { ByteStream } from "./stream.ts";
import { Tally } from "./tally.ts";
import { listenTcp } from "./tcp.ts";
import type { Watchdog } from "./watchdog.ts";

const LIMITED: PlaceLimits = {
  connections: LIMITS.connections,
  handshakes: LIMITS.handshakesInFlight,
  perAddress: LIMITS.handshakesPerAddress,
  perMember: LIMITS.connectionsPerMember,
};

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
 * @param limits for tests.
 * @throws {LabError} when the port can't be had.
 */
export function serve(
  at: HostPort,
  host: Host,
  options: { clock: Clock; watchdog: Watchdog; log?: Logger },
  limits: Partial<PlaceLimits> & { unclosable?: number } = {},
): Server {
  const places = new Places({ ...LIMITED, ...limits });
  const { all } = places;
  const tally = new Tally();
  const budgets = new Budgets();

  const accept = (stream: ByteStream) => {
    places.makeRoom(stream.remote.host);
    const connection: Connection = welcome(stream, host, {
      ...options,
      tally,
      budget: new Budget(),
      greeted: () => {
        places.greeted(connection);
        budgets.share(connection);
      },
    });
    places.add(connection);
    connection.closed.then(() => places.remove(connection));
  };

  let open = true;
  const { security } = host;
  const listener = listenTcp(at, {
    clock: options.clock,
    accept,
    ...(security ? { tls: security.credentials } : {}),
    unclosable: limits.unclosable,
    besieged: () =>
      options.log?.warn(
        `Many connections to port ${listener.address.port} were begun and never secured: from now on each comes in by a door that can be closed, which takes a little more work`,
      ),
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

/** The connections of a member share one budget, for as long as any of them is open. */
class Budgets {
  #shared = new Map<string, { budget: Budget; users: number }>();

  share(connection: Connection): void {
    const { member } = connection;
    if (!member) return;
    const shared = this.#shared.get(member.id) ?? { budget: new Budget(), users: 0 };
    this.#shared.set(member.id, shared);
    shared.users++;
    connection.budget = shared.budget;
    connection.closed.then(() => {
      if (--shared.users === 0) this.#shared.delete(member.id);
    });
  }
}
