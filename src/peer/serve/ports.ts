/** The ports of `peer serve`: the one of P2P-DI, and a second one for the course's own programs where it is wanted. */

import { LabError } from "../../base/errors.ts";
import type { RateLimiter } from "../../transport/rate.ts";
import { type ClassicServer, serveClassic } from "../../transport/classic.ts";
import type { Handler } from "../../transport/connection.ts";
import { serve, type Server } from "../../transport/server.ts";
import type { PeerContext } from "../context.ts";
import { answerClassic, type ClassicShare } from "./classic.ts";

/** The port of a peer unless told otherwise. */
export const PEER_PORT = 23476;

/** Where, and as whom, a port is opened. */
export interface PortOptions {
  context: PeerContext;
  host: string;
  /** The peer's name, as it is now: the registration server may give it another. */
  name: () => string;
}

/**
 * Opens the port on which peers are answered.
 *
 * @param options.port a fixed one, or undefined for PEER_PORT or else a free one.
 * @throws {LabError} when it can't be had.
 */
export function openPort(options: PortOptions & { port: number | undefined; handler: Handler }): Server {
  const { context, host, name, port, handler } = options;
  const open = (wanted: number) =>
    serve({ host, port: wanted }, {
      identity: {
        role: "peer",
        get name() {
          return name();
        },
        agent: context.agent,
      },
      security: context.security,
      handlerFor: () => handler,
    }, context);
  if (port !== undefined) return open(port);
  try {
    return open(PEER_PORT);
  } catch {
    return open(0);
  }
}

/** What the course's own programs are answered from, and how fast. */
export interface ClassicPortOptions extends PortOptions, Omit<ClassicShare, "port"> {
  port: number;
  rate: RateLimiter;
  /** Called with bytes that went out. */
  sent: (bytes: number) => void;
}

/**
 * Opens the port for the course's own programs: one of its own, since they know no handshake.
 *
 * @throws {LabError} when it can't be had; "usage" in a secured lab, which they can't join.
 */
export function openClassicPort(options: ClassicPortOptions): ClassicServer {
  const { context: { clock, log, security }, host, name, rate, root, rows, sent } = options;
  if (security) {
    throw new LabError(
      "usage",
      "Cannot serve --classic in a lab that one joins with a code: the course's own programs can't join",
    );
  }
  const share: ClassicShare = { root, rows, port: () => server.address.port };
  const server = serveClassic({ host, port: options.port }, {
    ...{ clock, log, name: name(), rate, sent },
    answer: (ask, ends) => answerClassic(share, ask, ends),
  });
  log.info(`Answers the course's own programs on port ${server.address.port}`);
  return server;
}
