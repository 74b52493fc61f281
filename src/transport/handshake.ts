/**
 * The first messages on a connection: who are you, which versions do you speak. Plain mode only; the secured one puts its
 * Challenge and Proof (numbers reserved in PROTOCOL.md) between Hello and Welcome.
 */

import { LabError, RemoteProtocolError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { PROTOCOL_VERSION } from "../protocol/codec.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { Connection, type ConnectionOptions, type Handler } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import type { ByteStream } from "./stream.ts";

/** What a program says of itself. */
export interface Identity {
  role: "peer" | "rs" | "tool" | "control";
  name?: string;
  agent: string;
}

/** The dialler's side: greets, and waits for the welcome. */
export async function greet(
  stream: ByteStream,
  identity: Identity,
  options: Omit<ConnectionOptions, "side">,
): Promise<{ connection: Connection; welcome: MessageOf<"Welcome"> }> {
  const connection = new Connection(stream, { ...options, side: "dialer" });
  try {
    const hello = connection.open({ kind: "Hello", versions: [PROTOCOL_VERSION], features: [], ...identity });
    const welcome = await hello.expect("Welcome", TIMEOUTS.handshake);
    connection.forget(hello);
    if (welcome.version !== PROTOCOL_VERSION) {
      throw new LabError(
        "unsupported",
        `${connection.title} speaks P2P-DI/${welcome.version}, this program ${PROTOCOL_VERSION}`,
      );
    }
    connection.peerName = welcome.name;
    return { connection, welcome };
  } catch (cause) {
    connection.close(cause);
    throw cause;
  }
}

/** What the accepting side is, and what it does with those that greeted. */
export interface Host {
  identity: Identity & { role: "peer" | "rs" | "control" };
  mode: "open" | "secured";
  /** Gives what answers the questions of a connection. Called before the Welcome goes out: it must ask nothing yet. */
  handlerFor: (connection: Connection, hello: MessageOf<"Hello">) => Handler;
}

/**
 * The acceptor's side. The connection is returned at once; its first message must be a Hello, and soon.
 *
 * @param options.greeted is called when the handshake is over and the Welcome is on its way: from here on this side may
 *   ask, too.
 */
export function welcome(
  stream: ByteStream,
  host: Host,
  options: Omit<ConnectionOptions, "side" | "handler"> & { greeted?: (connection: Connection) => void },
): Connection {
  let handler: Handler | undefined;
  const connection: Connection = new Connection(stream, {
    ...options,
    side: "acceptor",
    idle: TIMEOUTS.handshake,
    handler: (message, exchange) => {
      if (handler) {
        if (message.kind === "Hello") throw new RemoteProtocolError("A second Hello on one connection");
        return handler(message, exchange);
      }
      if (message.kind !== "Hello") throw new RemoteProtocolError(`${message.kind} before Hello`);
      if (!message.versions.includes(PROTOCOL_VERSION)) {
        return refuseVersions(connection, exchange);
      }
      connection.peerName = message.name;
      connection.idle = options.idle ?? TIMEOUTS.connectionIdle;
      handler = host.handlerFor(connection, message);
      connection.greeted();
      const sent = exchange.send({
        kind: "Welcome",
        version: PROTOCOL_VERSION,
        features: [],
        mode: host.mode,
        ...host.identity,
      });
      options.greeted?.(connection);
      return sent;
    },
  });
  return connection;
}

async function refuseVersions(connection: Connection, exchange: Exchange): Promise<void> {
  await exchange.fail(new LabError("unsupported", `This program speaks P2P-DI/${PROTOCOL_VERSION} only`));
  await connection.finish();
}
