/**
 * The first messages on a connection: who are you, which versions do you speak. In a secured lab TLS has shown the
 * dialler who the acceptor is, and Challenge and Proof show the acceptor who the dialler is, before anything else is
 * listened to.
 */

import { toHex } from "../base/bytes.ts";
import { LabError, RemoteProtocolError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { PROTOCOL_VERSION } from "../protocol/codec.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { Connection, type ConnectionOptions, type Handler } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import type { Admission, Security } from "./security.ts";
import type { ByteStream } from "./stream.ts";

/** What a program says of itself. */
export interface Identity {
  role: "peer" | "rs" | "tool" | "control";
  name?: string;
  agent: string;
}

/** How the dialler proves itself: by its membership, to the server that TLS has found at the other end. */
export interface Proving {
  security: Security;
  to: string;
}

/** The first message. */
export function helloOf(identity: Identity): MessageOf<"Hello"> {
  return { kind: "Hello", versions: [PROTOCOL_VERSION], features: [], ...identity };
}

/**
 * Closes a connection as soon as a signal is given, so that nobody waits on it any longer.
 *
 * @returns what makes the connection independent of the signal again; its end does so, too.
 */
export function closeAtAbort(connection: Connection, signal: AbortSignal | undefined): () => void {
  if (!signal) return () => {};
  const end = () =>
    connection.close(new LabError("interrupted", `Interrupted while waiting for ${connection.title}`));
  const forget = () => signal.removeEventListener("abort", end);
  if (signal.aborted) end();
  else signal.addEventListener("abort", end, { once: true });
  connection.closed.then(forget);
  return forget;
}

/**
 * The dialler's side: greets, and waits for the welcome.
 *
 * @param options.proving in a secured lab; the stream must be TLS.
 * @param options.signal ends the waiting; a connection that has been greeted is no concern of it.
 * @throws {LabError} "interrupted" when the signal ended it; what the other side answers instead of a Welcome.
 */
export async function greet(
  stream: ByteStream,
  identity: Identity,
  options: Omit<ConnectionOptions, "side"> & { proving?: Proving; signal?: AbortSignal | undefined },
): Promise<{ connection: Connection; welcome: MessageOf<"Welcome"> }> {
  const { proving } = options;
  const connection = new Connection(stream, { ...options, side: "dialer" });
  const carryOn = closeAtAbort(connection, options.signal);
  try {
    const said = helloOf(identity);
    const hello = connection.open(said);
    if (proving) {
      const { nonce } = await hello.expect("Challenge", TIMEOUTS.handshake);
      hello.send({ kind: "Proof", ...await proving.security.prove(proving.to, nonce, said) });
    }
    const welcome = await hello.expect("Welcome", TIMEOUTS.handshake);
    connection.forget(hello);
    checkWelcome(welcome, connection.title, proving);
    connection.peerName = welcome.name;
    return { connection, welcome };
  } catch (cause) {
    connection.close(cause);
    throw cause;
  } finally {
    carryOn();
  }
}

/**
 * Nobody goes on in a version or a mode that isn't its own.
 *
 * @throws {LabError} "unsupported", "not_permitted".
 */
export function checkWelcome(
  welcome: MessageOf<"Welcome">,
  title: string,
  proving: Proving | undefined,
): void {
  if (welcome.version !== PROTOCOL_VERSION) {
    throw new LabError(
      "unsupported",
      `${title} speaks P2P-DI/${welcome.version}, this program ${PROTOCOL_VERSION}`,
    );
  }
  const mode = proving ? "secured" : "open";
  if (welcome.mode !== mode) {
    throw new LabError("not_permitted", `${title} says that it is ${welcome.mode}, and this PC is ${mode}`);
  }
}

/** What the accepting side is, and what it does with those that greeted. */
export interface Host {
  identity: Identity & { role: "peer" | "rs" | "control" };
  /** Our membership, in a secured lab; its streams must be TLS. */
  security?: Security | undefined;
  /** Lets newcomers in. */
  admission?: Admission | undefined;
  /** Gives what answers the questions of a connection. Called before the Welcome goes out: it must ask nothing yet. */
  handlerFor: (connection: Connection, hello: MessageOf<"Hello">) => Handler;
}

type WelcomeOptions = Omit<ConnectionOptions, "side" | "handler"> & {
  greeted?: (connection: Connection) => void;
};

/**
 * The acceptor's side. The connection is returned at once; its first message must be a Hello, and soon.
 *
 * @param options.greeted is called when the handshake is over and the Welcome is on its way: from here on this side may
 *   ask, too.
 */
export function welcome(stream: ByteStream, host: Host, options: WelcomeOptions): Connection {
  let state: "new" | "proving" | { handler: Handler } = "new";
  const connection: Connection = new Connection(stream, {
    ...options,
    side: "acceptor",
    idle: TIMEOUTS.handshake,
    handler: (message, exchange) => {
      if (typeof state === "object") {
        if (message.kind === "Hello") throw new RemoteProtocolError("A second Hello on one connection");
        if (message.kind === "Welcome") throw new RemoteProtocolError("A Welcome from the side that dialled");
        return state.handler(message, exchange);
      }
      if (message.kind !== "Hello" || state === "proving") {
        throw new RemoteProtocolError(`${message.kind} where none is due in a handshake`);
      }
      if (!message.versions.includes(PROTOCOL_VERSION)) {
        return end(
          connection,
          exchange,
          new LabError("unsupported", `This program speaks P2P-DI/${PROTOCOL_VERSION} only`),
        );
      }
      if (!host.security) return enter(message, exchange);
      state = "proving";
      return prove(connection, host, host.security, message, exchange, () => enter(message, exchange));
    },
  });
  const enter = (hello: MessageOf<"Hello">, exchange: Exchange): Promise<void> => {
    connection.peerName = connection.member?.name ?? hello.name;
    connection.idle = options.idle ?? TIMEOUTS.connectionIdle;
    state = { handler: host.handlerFor(connection, hello) };
    connection.greeted();
    const sent = exchange.send({
      kind: "Welcome",
      version: PROTOCOL_VERSION,
      features: [],
      mode: host.security ? "secured" : "open",
      ...host.identity,
    });
    options.greeted?.(connection);
    return sent;
  };
  return connection;
}

/** Finds out who dialled; lets a newcomer in, and ends the connection with everybody but members. */
async function prove(
  connection: Connection,
  host: Host,
  security: Security,
  { kind: _, ...hello }: MessageOf<"Hello">,
  exchange: Exchange,
  enter: () => Promise<void>,
): Promise<void> {
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(32)));
  const { admission } = host;
  try {
    await exchange.send({
      kind: "Challenge",
      nonce,
      ...(admission ? { authority: admission.authority } : {}),
    });
    const answer = await exchange.next(TIMEOUTS.handshake);
    if (answer.kind === "Join" && admission) {
      await exchange.send(await admission.admit(answer, nonce, connection.remote.host));
      return await connection.finish();
    }
    if (answer.kind !== "Proof") throw new RemoteProtocolError(`${answer.kind} where a Proof was due`);
    connection.member = await security.verify(answer, nonce, hello);
  } catch (thrown) {
    if (thrown instanceof RemoteProtocolError) throw thrown;
    return await end(connection, exchange, thrown);
  }
  if (!connection.isClosed) await enter();
}

async function end(connection: Connection, exchange: Exchange, why: unknown): Promise<void> {
  await exchange.fail(why);
  await connection.finish();
}
