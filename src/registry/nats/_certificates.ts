/** For tests only: an authority and a certificate of its own, made by openssl as the README tells. */

import { join } from "../../deps/std_path.ts";

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];

/** Files of an authority. */
export interface Authority {
  /** Its certificate's path; what it says. */
  path: string;
  pem: string;
  /** Certifies an address. @returns paths. */
  certify(address: string): Promise<{ certificate: string; key: string }>;
}

/** Makes an authority in a folder. */
export async function makeAuthority(folder: string, name: string): Promise<Authority> {
  const file = (ending: string) => join(folder, `${name}${ending}`);
  const own = { certificate: file(".pem"), key: file(".key") };
  const subject = ["-subj", `/CN=${name}`];
  await openssl("req", "-x509", ...KEY, "-keyout", own.key, "-out", own.certificate, ...subject);
  return {
    path: own.certificate,
    pem: await Deno.readTextFile(own.certificate),
    async certify(address) {
      const made = { certificate: file(`-${address}.pem`), key: file(`-${address}.key`) };
      await openssl(
        ...["req", "-x509", "-CA", own.certificate, "-CAkey", own.key, ...KEY, ...subject],
        ...["-keyout", made.key, "-out", made.certificate],
        ...["-addext", `subjectAltName=IP:${address}`, "-addext", "basicConstraints=critical,CA:FALSE"],
      );
      return made;
    },
  };
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, stdout: "null", stderr: "piped" })
    .output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
