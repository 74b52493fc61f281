/** Dialling somebody and greeting them, in one: plain in an open lab, TLS and a proof in a secured one. */

import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { printable } from "../base/text.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { RS_NAME } from "../protocol/secured.ts";
import type { Connection, ConnectionOptions } from "./connection.ts";
import { greet, type Identity, type Proving } from "./handshake.ts";
import type { Member, Security } from "./security.ts";
import type { ByteStream } from "./stream.ts";
import { dialTcp } from "./tcp.ts";

/**
 * Where somebody is, and who must be there: in a secured lab an id, or "rs", which TLS shows. In an open one anybody calls
 * itself as it likes; but who gives the name of another PC has the port of one that died, and is not taken for it.
 */
export type Address = HostPort & { id?: string | undefined; isAnother?: (name: string) => boolean };

/** What a dialler needs to know. */
export interface DialOptions extends Pick<ConnectionOptions, "clock"> {
  security?: Security | undefined;
  signal?: AbortSignal | undefined;
  /** Longest time until it answers, milliseconds. */
  dialTimeout?: number | undefined;
}

/**
 * Dials somebody.
 *
 * @returns the stream, and how to prove on it who we are.
 * @throws {LabError} "unreachable", "interrupted"; "not_permitted" when somebody else is there than should be, or a member
 *   no longer.
 */
export async function dial(
  to: Address,
  { clock, security, signal, dialTimeout: timeout }: DialOptions,
): Promise<{ stream: ByteStream; proving?: Proving }> {
  const options = { clock, ...(signal ? { signal } : {}), ...(timeout === undefined ? {} : { timeout }) };
  if (!security) return { stream: await dialTcp(to, options) };
  if (to.id === undefined) {
    throw new LabError(
      "not_permitted",
      `Cannot reach ${formatHostPort(to)}: in a secured lab nobody is dialled who isn't known`,
    );
  }
  if (security.isRevoked(to.id)) throw revokedError(to);
  const { lingering, credentials: { authority } } = security;
  const hanging = lingering.with(to.host);
  if (hanging >= LIMITS.unclosablePerHost) {
    throw new LabError(
      "unreachable",
      `Cannot reach ${formatHostPort(to)}: ${hanging} connections to that PC hang before they were secured`,
    );
  }
  const stream = await dialTcp(to, { ...options, lingering, tls: { name: to.id, authority } });
  if (security.isRevoked(to.id)) {
    stream.close();
    throw revokedError(to);
  }
  return { stream, proving: { security, to: to.id } };
}

function revokedError(to: Address): LabError {
  return new LabError("not_permitted", `Cannot reach ${formatHostPort(to)}: its membership was revoked`);
}

/**
 * Dials somebody and greets them; until that is done, the signal ends it.
 *
 * @throws {LabError} as {@link dial} does, and "unreachable" when in an open lab another PC answers than was meant.
 */
export async function connect(
  to: Address,
  identity: Identity,
  options: DialOptions & Omit<ConnectionOptions, "side">,
): Promise<{ connection: Connection; welcome: MessageOf<"Welcome"> }> {
  const { clock, watchdog, handler, idle, budget, security, signal } = options;
  const { stream, proving } = await dial(to, options);
  const greeted = await greet(stream, identity, {
    clock,
    watchdog,
    signal,
    ...(handler ? { handler } : {}),
    ...(idle === undefined ? {} : { idle }),
    ...(budget ? { budget } : {}),
    ...(proving ? { proving } : {}),
  });
  const { connection, welcome: { name } } = greeted;
  if (!proving && name !== undefined && to.isAnother?.(name)) {
    connection.close();
    throw new LabError("unreachable", `another PC answers there now, ${printable(name)}`);
  }
  if (security?.isRevoked(to.id!)) {
    connection.close();
    throw revokedError(to);
  }
  if (proving) connection.member = serverOf(to.id!, name);
  const stop = security?.onRevoked((ids) => {
    if (!ids.includes(to.id!)) return;
    connection.close(new LabError("not_permitted", `${connection.title} is a member no longer`));
  });
  if (stop) connection.closed.then(stop);
  return greeted;
}

/** Whom TLS has found at the other end. The registration server commands the lab; of others only the id is proved here. */
function serverOf(id: string, name: string | undefined): Member {
  const isRs = id === RS_NAME;
  return { id, name: isRs ? RS_NAME : name ?? id, role: isRs ? "lead" : "member" };
}
