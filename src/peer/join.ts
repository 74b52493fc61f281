/** Joining a secured lab with a code: once on each PC. */

import { codeOf, type ErrorCode, LabError, messageOf } from "../base/errors.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { type JoinCode, parseCode } from "../join/code.ts";
import type { Credentials } from "../join/credentials.ts";
import { exportPrivate, exportPublic, fromBase64, fromPem, generateKeys } from "../join/keys.ts";
import { LabSecurity } from "../join/lab_security.ts";
import { isAuthority, makeJoin } from "../join/request.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { RS_NAME } from "../protocol/secured.ts";
import { Connection } from "../transport/connection.ts";
import { closeAtAbort, helloOf } from "../transport/handshake.ts";
import { askAuthority } from "../transport/stranger.ts";
import { dialTcp } from "../transport/tcp.ts";
import type { PeerContext } from "./context.ts";

/**
 * For how long a server is asked again that has no answer yet, and the pause, milliseconds: of several servers one that has
 * lost NATS finds it again in some seconds.
 */
const PATIENCE = 30_000;
const PAUSE = 1_000;
const WAITS = new Set<ErrorCode>(["unreachable", "timeout"]);

/** What joining takes. */
export interface JoinRequest {
  rs: HostPort;
  /** As somebody typed it. */
  code: string;
  /** The name that this PC would like. */
  name: string;
  /** Has keys of its own, exportable; new ones unless told. Asked for once the lab is there and is the code's. */
  keys?: () => Promise<CryptoKeyPair>;
  signal: AbortSignal;
}

/**
 * Joins a lab.
 *
 * @returns what makes this PC a member; to be kept.
 * @throws {LabError} "not_permitted" when the code or the server is the wrong one; "unreachable".
 */
export async function joinLab(request: JoinRequest, context: PeerContext): Promise<Credentials> {
  const { rs, signal } = request;
  const code = parseCode(request.code);
  const { clock, agent, log } = context;
  const authority = await askAuthority(rs, { clock, agent, signal });
  await demandAuthority(authority, code);
  const keys = await (request.keys ?? generateKeys)();
  const wish = { name: request.name, key: await exportPublic(keys.publicKey) };
  const proofs = { secret: code.secret, own: keys.privateKey };
  const over = clock.monotonic() + PATIENCE;
  let joined: MessageOf<"Joined"> | undefined;
  let said: string | undefined;
  while (!joined) {
    try {
      joined = await ask(
        request,
        context,
        authority,
        (nonce) => makeJoin(wish, proofs, { nonce, authority }),
      );
    } catch (thrown) {
      if (signal.aborted || !WAITS.has(codeOf(thrown))) throw thrown;
      const where = `Cannot join at ${formatHostPort(rs)}: ${messageOf(thrown)}`;
      if (clock.monotonic() > over) throw new LabError("unreachable", where, { cause: thrown });
      if (where !== said) log.warn(`${where}. Trying again for ${PATIENCE / 1000} s`);
      said = where;
      await clock.sleep(PAUSE, signal);
    }
  }
  const { authorityKey, certificate, card } = joined;
  const key = await exportPrivate(keys.privateKey);
  const credentials: Credentials = { authority, authorityKey, certificate, key, card, revoked: [] };
  if (card.key !== wish.key || !contains(fromPem(authority), fromBase64(authorityKey))) {
    throw new LabError("protocol", "Cannot join: the registration server answered with somebody else's card");
  }
  // Judges the rest: the authority's signature on our card.
  await LabSecurity.from(credentials);
  return credentials;
}

/** Asks once. Whoever asks again is known by its key, and uses the code up but once. */
async function ask(
  { rs, signal }: JoinRequest,
  context: PeerContext,
  authority: string,
  join: (nonce: string) => ReturnType<typeof makeJoin>,
): Promise<MessageOf<"Joined">> {
  const { clock, agent } = context;
  const tls = { name: RS_NAME, authority };
  const connection = new Connection(await dialTcp(rs, { clock, signal, tls }), {
    ...context,
    side: "dialer",
  });
  closeAtAbort(connection, signal);
  try {
    const exchange = connection.open(helloOf({ role: "tool", agent }));
    const { nonce } = await exchange.expect("Challenge");
    exchange.send({ kind: "Join", ...await join(nonce) });
    return await exchange.expect("Joined");
  } finally {
    connection.close();
  }
}

async function demandAuthority(authority: string, { fingerprint }: JoinCode): Promise<void> {
  const isRight = await Promise.resolve().then(() => isAuthority(fromPem(authority), fingerprint)).catch(() =>
    false
  );
  if (isRight) return;
  throw new LabError(
    "not_permitted",
    "Cannot join: this code is another lab's, or somebody stands between this PC and the registration server; nothing was told to it",
  );
}

/** An Ed25519 key's SPKI stands in a certificate as it is. */
function contains(certificate: Uint8Array, spki: Uint8Array): boolean {
  for (let at = 0; at + spki.length <= certificate.length; at++) {
    if (spki.every((byte, i) => certificate[at + i] === byte)) return true;
  }
  return false;
}
