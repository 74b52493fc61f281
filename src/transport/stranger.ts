/**
 * The one connection that trusts nobody: a newcomer asks a registration server for its authority's certificate, to compare
 * it with its join code. It says nothing of itself, believes nothing it hears, and hangs up.
 *
 * By node:tls, since Deno.startTls can't leave the certificate unchecked; loaded only for this.
 */

import type { Socket } from "node:net";
import { type Clock, whenPatienceEnds } from "../base/clock.ts";
import { LabError, messageOf, RemoteError, RemoteProtocolError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { decodeMessage, encodeMessage, frameRule } from "../protocol/codec.ts";
import { FrameDecoder } from "../protocol/frame.ts";
import { remoteError } from "./exchange.ts";
import { greet, helloOf } from "./handshake.ts";
import { dialTcp } from "./tcp.ts";
import { Watchdog } from "./watchdog.ts";

/**
 * Asks for the certificate of a lab's authority.
 *
 * @returns PEM, from whoever answered: to be checked before it's used.
 * @throws {LabError} "unreachable"; "not_permitted" when what answers isn't secured; "protocol".
 */
export async function askAuthority(
  to: HostPort,
  options: { clock: Clock; agent: string; signal?: AbortSignal },
): Promise<string> {
  const { connect } = await import("node:tls");
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: to.host, port: to.port, rejectUnauthorized: false });
  const stop = whenPatienceEnds(
    options.clock,
    TIMEOUTS.handshake,
    () => reject(new LabError("unreachable", `it did not answer within ${TIMEOUTS.handshake / 1000} s`)),
  );
  const abort = () => reject(new LabError("interrupted", "Interrupted"));
  options.signal?.addEventListener("abort", abort, { once: true });
  socket.on(
    "secureConnect",
    () => socket.write(encodeMessage(helloOf({ role: "tool", agent: options.agent }), 1)),
  );
  listen(socket, resolve, reject);
  try {
    return await promise;
  } catch (cause) {
    throw await told(cause, to, options);
  } finally {
    stop();
    options.signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function listen(socket: Socket, resolve: (pem: string) => void, reject: (cause: unknown) => void): void {
  const decoder = new FrameDecoder((type) => frameRule(type, false));
  socket.on("error", reject);
  socket.on("close", () => reject(new LabError("unreachable", "it closed the connection")));
  socket.on("data", (bytes: Uint8Array) => {
    try {
      for (const frame of decoder.push(bytes)) {
        if (frame.kind !== "control") continue;
        const message = decodeMessage(frame.type, frame.payload);
        if (message.kind === "Error") return reject(remoteError(message));
        if (message.kind !== "Challenge" || message.authority === undefined) {
          throw new RemoteProtocolError(`it is no registration server (${message.kind})`);
        }
        return resolve(message.authority);
      }
    } catch (cause) {
      reject(cause);
    }
  });
}

async function told(
  cause: unknown,
  to: HostPort,
  options: { clock: Clock; agent: string; signal?: AbortSignal },
): Promise<unknown> {
  const where = `Cannot join at ${formatHostPort(to)}`;
  if (cause instanceof RemoteError || (cause instanceof LabError && cause.code === "interrupted")) {
    return new LabError(cause.code, `${where}: ${cause.message}`, { cause });
  }
  if (await isOpen(to, options)) {
    return new LabError(
      "not_permitted",
      `${where}: it is open to anybody, there is nothing to join; leave out the code, or start it without --open`,
      { cause },
    );
  }
  return new LabError(
    "unreachable",
    `${where}: ${messageOf(cause)}; is rs serve running there, and is --rs right?`,
    {
      cause,
    },
  );
}

/** A plain Hello tells why TLS failed, better than its error does. */
async function isOpen(
  to: HostPort,
  { clock, agent, signal }: { clock: Clock; agent: string; signal?: AbortSignal },
): Promise<boolean> {
  try {
    const stream = await dialTcp(to, { clock, ...(signal ? { signal } : {}) });
    const options = { clock, watchdog: new Watchdog(clock), signal };
    const { connection, welcome } = await greet(stream, { role: "tool", agent }, options);
    connection.close();
    return welcome.mode === "open";
  } catch {
    return false;
  }
}
