/**
 * A membership card: what the lab's authority says of a member, signed with the authority's key. A dialler shows its card,
 * since the platform has no client certificates; a certificate says the same for the side that accepts. A card is a few
 * short fields and one signature, so nobody parses ASN.1 that came from a stranger.
 */

import type { Fields } from "../protocol/messages.ts";
import { importPublic, isSigned, memberId, sign } from "./keys.ts";

/** A card. */
export type Card = Fields<"Proof">["card"];

/** What a member may do: share and fetch, or command the lab too. */
export type Role = Card["role"];

/** Somebody whose card was found right. */
export interface Member {
  /** Made from the public key: it can't be had without the private one. */
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** The signed text. What it is for comes first, so that it's never taken for another signature of the same key. */
function statement({ name, role, key }: Omit<Card, "signature">): string {
  return `LabSwarm card 1\n${JSON.stringify([name, role, key])}`;
}

/** Signs a card. */
export async function makeCard(authority: CryptoKey, fields: Omit<Card, "signature">): Promise<Card> {
  return { ...fields, signature: await sign(authority, statement(fields)) };
}

/**
 * Reads a card.
 *
 * @param authority the public key of the lab's authority.
 * @returns the member and its public key; undefined when the authority never signed it.
 */
export async function readCard(
  authority: CryptoKey,
  card: Card,
): Promise<{ member: Member; key: CryptoKey } | undefined> {
  if (!await isSigned(authority, card.signature, statement(card))) return undefined;
  const { name, role } = card;
  return { member: { id: await memberId(card.key), name, role }, key: await importPublic(card.key) };
}
