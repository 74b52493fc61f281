/** For tests: a lab's authority, and members of it, without a registration server. */

import { type Authority, certify, createAuthority } from "./authority.ts";
import type { Role } from "./card.ts";
import type { Credentials } from "./credentials.ts";
import { exportPrivate, exportPublic, generateKeys } from "./keys.ts";
import { LabSecurity } from "./lab_security.ts";

/** Makes a member of a lab. */
export async function makeMember(
  authority: Authority,
  name: string,
  role: Role = "member",
  isServer = false,
): Promise<LabSecurity> {
  const keys = await generateKeys();
  const made = await certify(authority, { name, role, isServer, key: await exportPublic(keys.publicKey) });
  const credentials: Credentials = {
    ...made,
    authority: authority.certificate,
    authorityKey: authority.publicKey,
    key: await exportPrivate(keys.privateKey),
    revoked: [],
  };
  return await LabSecurity.from(credentials, { isServer });
}

/** A lab with a server and two members. */
export async function makeLab() {
  const authority = await createAuthority();
  const [rs, alice, bob] = await Promise.all([
    makeMember(authority, "rs", "lead", true),
    makeMember(authority, "alice"),
    makeMember(authority, "bob", "lead"),
  ]);
  return { authority, rs, alice, bob };
}
