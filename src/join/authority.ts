/**
 * The lab's own certificate authority: made once by its registration server, in whose data folder it stays. It certifies
 * keys that their owners made; it never sees a member's private key.
 */

import * as v from "../deps/valibot.ts";
import type { Card } from "./card.ts";
import { makeCard, type Role } from "./card.ts";
import { exportPrivate, exportPublic, generateKeys, importPrivate, importPublic, memberId } from "./keys.ts";
import { RS_NAME, ZONE } from "../protocol/secured.ts";

/** As it's kept. */
export const authoritySchema = v.object({
  /** PEM. */
  certificate: v.string(),
  /** Public key, SPKI in base64. */
  publicKey: v.string(),
  /** Private key, PEM. Whoever has it owns the lab. */
  key: v.string(),
});

/** The lab's authority, its private key included. */
export type Authority = v.InferOutput<typeof authoritySchema>;

/** The clocks of lab PCs are wrong at times, some by years; who isn't a member any longer is told otherwise. */
const VALID = { notBefore: new Date("2000-01-01T00:00:00Z"), notAfter: new Date("2099-12-31T00:00:00Z") };
const SIGNING = { name: "Ed25519" };

/** Loads the library: certificates are made at few moments of a lab's life, and it's heavy. */
async function library() {
  const x509 = await import("../deps/x509.ts");
  x509.cryptoProvider.set(crypto);
  return x509;
}

/** Makes a lab's authority. */
export async function createAuthority(): Promise<Authority> {
  const x509 = await library();
  const keys = await generateKeys();
  const publicKey = await exportPublic(keys.publicKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    // Part of the key in the name: two labs' authorities are told apart by people, and by Wireshark.
    name: `CN=LabSwarm lab ${(await memberId(publicKey)).slice(0, 8)}`,
    ...VALID,
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return {
    certificate: certificate.toString("pem") + "\n",
    publicKey,
    key: await exportPrivate(keys.privateKey),
  };
}

/**
 * Certifies a public key: a certificate for the side of a server, a card for the side of a dialler.
 *
 * @param to.key SPKI in base64; that its owner has the private one must have been shown.
 * @param to.isServer true for the lab's registration server.
 */
export async function certify(
  authority: Authority,
  to: { name: string; role: Role; key: string; isServer?: boolean },
): Promise<{ certificate: string; card: Card }> {
  const x509 = await library();
  const signingKey = await importPrivate(authority.key);
  const id = await memberId(to.key);
  const names = to.isServer ? [RS_NAME, id] : [id];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: `CN=${id}`,
    issuer: new x509.X509Certificate(authority.certificate).subject,
    ...VALID,
    publicKey: await importPublic(to.key),
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: "dns" as const, value: `${name}.${ZONE}` })),
      ),
    ],
  });
  const { name, role, key } = to;
  return {
    certificate: certificate.toString("pem") + "\n",
    card: await makeCard(signingKey, { name, role, key }),
  };
}

/** 16 random bytes, the first of them without its top bit: a positive number (RFC 5280, 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
