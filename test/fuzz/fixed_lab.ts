/** A lab whose keys are always the same, so that a crasher found today is one tomorrow. For tests only. */

import { concat, fromHex, utf8 } from "../../src/base/bytes.ts";
import { makeCard } from "../../src/join/card.ts";
import type { Credentials } from "../../src/join/credentials.ts";
import { importPrivate, pem, toBase64 } from "../../src/join/keys.ts";
import { LabSecurity } from "../../src/join/lab_security.ts";

/** RFC 8410: what stands before the 32 bytes of an Ed25519 key. */
const PKCS8 = fromHex("302e020100300506032b657004220420");
const SPKI = fromHex("302a300506032b6570032100");

/** The key pair that a number stands for: PEM of the private one, base64 of the public one. */
export async function fixedKeys(number: number): Promise<{ key: string; publicKey: string; own: CryptoKey }> {
  const der = concat([PKCS8, new Uint8Array(32).fill(number)]);
  const { x } = await crypto.subtle.exportKey(
    "jwk",
    await crypto.subtle.importKey("pkcs8", der, { name: "Ed25519" }, true, ["sign"]),
  );
  const bytes = Uint8Array.fromBase64(x!, { alphabet: "base64url" });
  const key = pem("PRIVATE KEY", der);
  return { key, publicKey: toBase64(concat([SPKI, bytes])), own: await importPrivate(key) };
}

async function member(number: number, name: string, role: "member" | "lead"): Promise<LabSecurity> {
  const authority = await fixedKeys(1);
  const { key, publicKey } = await fixedKeys(number);
  const credentials: Credentials = {
    authority: AUTHORITY,
    authorityKey: authority.publicKey,
    certificate: "",
    key,
    card: await makeCard(authority.own, { name, role, key: publicKey }),
    revoked: [],
  };
  return await LabSecurity.from(credentials);
}

/** Stands for the authority's certificate; nobody parses it here. */
export const AUTHORITY = pem("CERTIFICATE", utf8("a certificate of the authority"));

/** A lead and a member. */
export async function fixedLab(): Promise<{ lead: LabSecurity; pupil: LabSecurity }> {
  return { lead: await member(2, "lead", "lead"), pupil: await member(3, "pupil", "member") };
}
