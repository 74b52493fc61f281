/**
 * What a secured connection needs to know of this PC's membership; `join` implements it. Without one, connections are
 * plain. Rule: nobody falls back from one to the other.
 */

import type { Lingering } from "../base/lingering.ts";
import type { Fields, MessageOf } from "../protocol/messages.ts";

/** Somebody who has proved to be a member of the lab. */
export interface Member {
  /** Made from its public key. */
  readonly id: string;
  readonly name: string;
  readonly role: "member" | "lead";
}

/** This PC's membership. */
export interface Security {
  readonly self: Member;
  /** PEM texts for TLS: the only authority that is trusted, our certificate, our key. */
  readonly credentials: { authority: string; certificate: string; key: string };
  /** Proves to the server called `to` who we are. */
  prove(to: string, nonce: string, hello: Fields<"Hello">): Promise<Fields<"Proof">>;
  /**
   * Judges a proof that we were shown.
   *
   * @throws {LabError} "not_permitted".
   */
  verify(proof: Fields<"Proof">, nonce: string, hello: Fields<"Hello">): Promise<Member>;
  /** Tells whether somebody is a member no longer. */
  isRevoked(id: string): boolean;
  /** Ids of all who are members no longer, as far as heard. */
  readonly revoked: readonly string[];
  /** Connections that were dialled, given up, and that the runtime can't close yet. */
  readonly lingering: Lingering;
  /** Hears of those who are members no longer, from now on; what it returns ends that. */
  onRevoked(tell: (ids: readonly string[]) => void): () => void;
}

/** The registration server lets newcomers in. */
export interface Admission {
  /** The authority's certificate, PEM: told to everybody who connects. */
  readonly authority: string;
  /**
   * Answers a Join.
   *
   * @param from the newcomer's address.
   * @throws {LabError} "not_permitted".
   */
  admit(join: MessageOf<"Join">, nonce: string, from: string): Promise<MessageOf<"Joined">>;
}
