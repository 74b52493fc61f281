/**
 * Asking to be let in: the newcomer shows that it knows an invitation's secret and has the private key to the public one
 * that it wants certified. The secret itself never travels; both proofs hold for one nonce and one authority only.
 */

import { type Bytes, sameBytes, toHex, utf8 } from "../base/bytes.ts";
import type { Fields } from "../protocol/messages.ts";
import { fromBase64, importPublic, isSigned, sign, toBase64 } from "./keys.ts";

/** What both sides know of this one attempt. */
export interface JoinContext {
  /** From the server's Challenge. */
  nonce: string;
  /** The authority's certificate, PEM. */
  authority: string;
}

/** What the newcomer wants: a name, for a key of its own. */
export interface Wish {
  name: string;
  /** Public key, SPKI in base64. */
  key: string;
}

/** Makes the message. */
export async function makeJoin(
  wish: Wish,
  keys: { secret: Bytes; own: CryptoKey },
  context: JoinContext,
): Promise<Fields<"Join">> {
  const text = await joinText(wish, context);
  const proof = await crypto.subtle.sign("HMAC", await macKey(keys.secret), utf8(text));
  return { ...wish, proof: toBase64(new Uint8Array(proof)), possession: await sign(keys.own, text) };
}

/** Tells whether the sender has the private key to the public one it shows. */
export async function hasKey(join: Fields<"Join">, context: JoinContext): Promise<boolean> {
  try {
    return await isSigned(await importPublic(join.key), join.possession, await joinText(join, context));
  } catch {
    return false;
  }
}

/** Tells whether the sender knows a secret. */
export async function knowsSecret(
  join: Fields<"Join">,
  secret: Bytes,
  context: JoinContext,
): Promise<boolean> {
  try {
    const text = utf8(await joinText(join, context));
    return await crypto.subtle.verify("HMAC", await macKey(secret), fromBase64(join.proof), text);
  } catch {
    return false;
  }
}

/** The first bytes of the SHA-256 of a certificate, as a join code carries them. */
export async function fingerprintOf(certificate: Bytes, bytes: number): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", certificate)).slice(0, bytes);
}

/** Tells whether a certificate is the one that a code speaks of. */
export async function isAuthority(certificate: Bytes, fingerprint: Bytes): Promise<boolean> {
  return sameBytes(await fingerprintOf(certificate, fingerprint.length), fingerprint);
}

async function macKey(secret: Bytes): Promise<CryptoKey> {
  return await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
}

async function joinText({ name, key }: Wish, { nonce, authority }: JoinContext): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", utf8(authority));
  return `LabSwarm join 1\n${JSON.stringify([name, key, nonce, toHex(new Uint8Array(digest))])}`;
}
