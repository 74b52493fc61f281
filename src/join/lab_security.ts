/**
 * A member's side of every secured handshake: proving who we are to whoever we dialled, judging those who dial us.
 *
 * What is signed: what the signature is for, the name of the server that TLS has shown the other side to be, its random
 * nonce, and a digest of this connection's Hello. So a proof is worth nothing to anybody but that server, nothing on another
 * connection of it, nothing with another Hello, and nothing the other way round: a server's own answers are never a proof.
 */

import { toHex, utf8 } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { Lingering } from "../base/lingering.ts";
import type { Fields } from "../protocol/messages.ts";
import { RS_NAME } from "../protocol/secured.ts";
import { type Member, readCard } from "./card.ts";
import type { Credentials } from "./credentials.ts";
import { importPrivate, importPublic, isSigned, sign } from "./keys.ts";

/** A member's side of every secured handshake. */
export class LabSecurity {
  /** Connections that were dialled, given up, and that the runtime can't close yet. */
  readonly lingering = new Lingering();
  #revoked = new Set<string>();
  #listeners = new Set<(ids: readonly string[]) => void>();

  private constructor(
    readonly credentials: Credentials,
    /** Who we are. */
    readonly self: Member,
    /** Under which names others may have dialled us. */
    readonly names: readonly string[],
    private keys: { own: CryptoKey; authority: CryptoKey },
  ) {
    for (const id of credentials.revoked) this.#revoked.add(id);
  }

  /**
   * @param options.isServer true for the lab's registration server.
   * @throws {LabError} "not_permitted" when the parts don't belong together.
   */
  static async from(credentials: Credentials, options: { isServer?: boolean } = {}): Promise<LabSecurity> {
    try {
      const authority = await importPublic(credentials.authorityKey);
      const own = await importPrivate(credentials.key);
      const read = await readCard(authority, credentials.card);
      if (!read) throw new TypeError("the card is not the authority's");
      const { member } = read;
      const names = options.isServer ? [RS_NAME, member.id] : [member.id];
      return new LabSecurity(credentials, member, names, { own, authority });
    } catch (cause) {
      throw new LabError(
        "not_permitted",
        "Cannot use this PC's membership: what the data folder holds is damaged; join again with a code",
        { cause },
      );
    }
  }

  /** Our card, and the signature that shows that it is ours. */
  async prove(to: string, nonce: string, hello: Fields<"Hello">): Promise<Fields<"Proof">> {
    const signature = await sign(this.keys.own, await proofText(to, nonce, hello));
    return { to, card: this.credentials.card, signature };
  }

  /**
   * Judges a proof.
   *
   * @param nonce the one that this connection was given.
   * @throws {LabError} "not_permitted".
   */
  async verify(proof: Fields<"Proof">, nonce: string, hello: Fields<"Hello">): Promise<Member> {
    if (!this.names.includes(proof.to)) throw refused("it was made for another server");
    const read = await readCard(this.keys.authority, proof.card).catch(() => undefined);
    if (!read) throw refused("the card is not one of this lab");
    if (!await isSigned(read.key, proof.signature, await proofText(proof.to, nonce, hello))) {
      throw refused("the signature does not fit this connection");
    }
    if (this.isRevoked(read.member.id)) throw revokedError();
    return read.member;
  }

  /** Tells whether a member is one no longer. */
  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }
  /** Everybody who is a member no longer, as far as heard. */
  get revoked(): string[] {
    return [...this.#revoked];
  }

  /** These are members no longer. */
  revoke(ids: readonly string[]): void {
    const fresh = ids.filter((id) => !this.#revoked.has(id));
    for (const id of fresh) this.#revoked.add(id);
    if (fresh.length > 0) { for (const tell of this.#listeners) tell(fresh); }
  }

  /**
   * Hears of those who are members no longer.
   *
   * @returns ends it.
   */
  onRevoked(tell: (ids: readonly string[]) => void): () => void {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }
}

/** For a member who is one no longer. */
export function revokedError(): LabError {
  return new LabError(
    "not_permitted",
    "This PC's membership of the lab was revoked; to come back it needs a new join code",
  );
}

function refused(why: string): LabError {
  return new LabError("not_permitted", `Cannot accept this proof of membership: ${why}`);
}

async function proofText(to: string, nonce: string, hello: Fields<"Hello">): Promise<string> {
  const { versions, role, name, agent, features } = hello;
  const said = utf8(JSON.stringify([versions, role, name ?? null, agent, features]));
  const digest = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", said)));
  return `LabSwarm proof 1\n${JSON.stringify([to, nonce, digest])}`;
}
