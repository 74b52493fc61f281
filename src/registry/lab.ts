/**
 * A secured lab as its registration server keeps it: the authority, who was invited, who has joined; in the data folder,
 * readable by its owner only where the system knows owners.
 *
 *     authority.json    the authority with its private key: whoever has it owns the lab
 *     members.json      invitations in force, and members
 *     membership.json   the server's own membership; the commands of `rs` on this PC use it too
 *
 * Rule: what was promised is on disk before it's promised.
 */

import { existsSync } from "node:fs";
import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { codeOf, LabError, messageOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { Tries } from "../base/tries.ts";
import { nameKey, peerNameFault, printable } from "../catalog/names.ts";
import * as v from "../deps/valibot.ts";
import { type Authority, authoritySchema, certify, createAuthority } from "../join/authority.ts";
import type { Role } from "../join/card.ts";
import { FINGERPRINT_BYTES, formatCode, SECRET_BYTES } from "../join/code.ts";
import { type Credentials, credentialsSchema, MEMBERSHIP_FILE } from "../join/credentials.ts";
import { exportPrivate, exportPublic, fromPem, generateKeys, memberId } from "../join/keys.ts";
import { LabSecurity } from "../join/lab_security.ts";
import { type Invite, type MemberRecord, Membership } from "../join/membership.ts";
import { fingerprintOf, hasKey, knowsSecret } from "../join/request.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { RS_NAME } from "../protocol/secured.ts";
import { readJson } from "../storage/atomic.ts";
import type { Admission } from "../transport/security.ts";
import { normalAddress } from "./address.ts";
import {
  lostFiles,
  MemberFile,
  MEMBERS_FILE,
  membershipIn,
  type MembershipKeeper,
  writeSecret,
} from "./member_file.ts";
import { knowsMembers } from "./sqlite_file.ts";

export { MEMBERS_FILE };

/** The authority with its private key. */
export const AUTHORITY_FILE = "authority.json";

/** How long a join code holds unless told, milliseconds. */
export const INVITE_LASTS = 2 * 3600_000;

/** What whoever invites gets to show. */
export interface Invitation {
  code: string;
  role: Role;
  /** ISO 8601 UTC. */
  expires: string;
}

/** What opening a lab takes. */
export interface LabOptions {
  data: string;
  clock: Clock;
  log: Logger;
  /** Where several servers share the registry: who was invited and who has joined lies there, not in members.json. */
  shared?: ((authority: Authority) => Promise<MembershipKeeper>) | undefined;
}

/** A secured lab. */
export class SecuredLab implements Admission {
  #tries = new Tries(LIMITS.joinTries);

  private constructor(
    private o: LabOptions,
    private secret: Authority,
    private members: MembershipKeeper,
    /** The server's own membership. */
    readonly security: LabSecurity,
    /** True when this opening has made the lab. */
    readonly isNew: boolean,
  ) {}

  /** Tells whether a data folder holds a secured lab, be it a damaged one: nothing else may take its place. */
  static async isIn(data: string): Promise<boolean> {
    return existsSync(join(data, AUTHORITY_FILE)) || await hasSomebody(data) || knowsMembers(data);
  }

  /**
   * Opens the lab of a data folder; makes it if there's none.
   *
   * @throws {LabError} "failed" when what is there is damaged: a new lab in its place would lock everybody out.
   */
  static async open(options: LabOptions): Promise<SecuredLab> {
    const { data, clock } = options;
    Deno.mkdirSync(data, { recursive: true });
    const isNew = !await SecuredLab.isIn(data);
    if (isNew) await found(data, clock);
    const authority = v.safeParse(authoritySchema, await readJson(join(data, AUTHORITY_FILE)));
    if (options.shared && authority.success && !await isMember(data, authority.output)) {
      await writeSecret(data, MEMBERSHIP_FILE, await ownMembership(authority.output), clock);
    }
    const own = v.safeParse(credentialsSchema, await readJson(join(data, MEMBERSHIP_FILE)));
    const hasMembers = options.shared !== undefined || await membershipIn(data) !== undefined;
    if (!authority.success || !own.success || !hasMembers) {
      const whole = {
        [AUTHORITY_FILE]: authority.success,
        [MEMBERS_FILE]: hasMembers,
        [MEMBERSHIP_FILE]: own.success,
      };
      throw lostFiles(data, Object.entries(whole).filter(([, isWhole]) => !isWhole).map(([name]) => name));
    }
    const members: MembershipKeeper = await options.shared?.(authority.output) ??
      await MemberFile.open(options);
    const credentials = { ...own.output, revoked: members.membership.revoked };
    const security = await LabSecurity.from(credentials, { isServer: true });
    members.onRevoked?.((id) => security.revoke([id]));
    return new SecuredLab(options, authority.output, members, security, isNew);
  }

  /** Who was invited and who has joined. */
  get membership(): Membership {
    return this.members.membership;
  }

  /** The authority's certificate, PEM. */
  get authority(): string {
    return this.secret.certificate;
  }

  /** Makes a join code. */
  async invite(wanted: { role: Role; lasts?: number; uses?: number | undefined }): Promise<Invitation> {
    const { role, lasts = INVITE_LASTS, uses } = wanted;
    const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    await this.members.invite({ secret, role, lasts, uses });
    const fingerprint = await fingerprintOf(fromPem(this.secret.certificate), FINGERPRINT_BYTES);
    return {
      code: formatCode({ fingerprint, secret }),
      role,
      expires: new Date(this.o.clock.now() + lasts).toISOString(),
    };
  }

  /**
   * Puts a member out, at once; `security` tells whoever listens.
   *
   * @throws {LabError} "not_found"; or why it couldn't be kept: then it's out only for as long as this server runs.
   */
  async revoke(who: string): Promise<MemberRecord> {
    if (nameKey(who) === RS_NAME || who === this.security.self.id) {
      throw new LabError("usage", "Cannot revoke rs: it is the registration server itself");
    }
    const member = await this.members.revoke(who).catch((thrown) => this.#outForNow(thrown));
    this.security.revoke([member.id]);
    this.o.log.warn(`Revoked   ${printable(member.name)}: it is a member no longer`);
    return member;
  }

  /** It couldn't be kept, on a full disk, say: who was to go goes all the same. */
  #outForNow(thrown: unknown): never {
    const { membership, security } = this;
    const fresh = membership.revoked.filter((id) => !security.isRevoked(id));
    if (fresh.length === 0) throw thrown;
    security.revoke(fresh);
    const names = fresh.map((id) => printable(membership.byId(id)!.name)).join(", ");
    throw new LabError(
      codeOf(thrown),
      `${
        messageOf(thrown)
      }; ${names} is out for as long as this server runs, so revoke again once that is mended`,
      { cause: thrown },
    );
  }

  /** Lets a newcomer in, or doesn't. */
  async admit(asked: MessageOf<"Join">, nonce: string, from: string): Promise<MessageOf<"Joined">> {
    const { log } = this.o;
    const address = normalAddress(from);
    log.debug(`Join      ${address} asks`);
    try {
      const id = await memberId(asked.key);
      const invite = await this.#judge(asked, nonce, address, id);
      const who = { id, name: asked.name, address };
      const member = await this.members.join(invite, who);
      const { certificate, card } = await certify(this.secret, { ...member, key: asked.key });
      log.info(`Joined    ${printable(member.name)} (${address}) as ${member.role}`);
      return { kind: "Joined", authorityKey: this.secret.publicKey, certificate, card };
    } catch (thrown) {
      // What isn't even looked at is to flood no log.
      log[thrown instanceof TooMany ? "debug" : "warn"](
        `Join      ${address} was refused: ${thrown instanceof LabError ? thrown.message : "a fault"}`,
        { code: codeOf(thrown) },
      );
      throw thrown;
    }
  }

  /** The invitation whose secret the newcomer knows; none where it is a member already, or just being made one. */
  async #judge(
    asked: MessageOf<"Join">,
    nonce: string,
    address: string,
    id: string,
  ): Promise<Invite | undefined> {
    const { clock } = this.o;
    const ended = this.#tries.begin(address, clock.monotonic());
    if (!ended) throw new TooMany();
    const [found] = await Promise.allSettled([this.#find(asked, nonce, id)]);
    if (!ended(found.status === "fulfilled")) throw new TooMany();
    if (found.status === "rejected") throw found.reason;
    return found.value;
  }

  async #find(asked: MessageOf<"Join">, nonce: string, id: string): Promise<Invite | undefined> {
    const fault = peerNameFault(asked.name);
    if (fault) throw new LabError("name_refused", `Cannot join as ${printable(asked.name, 80)}: ${fault}`);
    const context = { nonce, authority: this.secret.certificate };
    if (await hasKey(asked, context)) {
      // Its first answer got lost; the code may be used up since, by itself. The key is its own: that is proof enough.
      if (this.membership.byId(id)) return undefined;
      for (const { invite, secret } of this.membership.open(this.o.clock.now())) {
        if (await knowsSecret(asked, secret, context)) return invite;
      }
    }
    throw new LabError(
      "not_permitted",
      "Cannot join: the join code is wrong, has expired or is used up; rs invite prints a new one",
    );
  }
}

/** Too many wrong codes came from an address in the last minute. */
class TooMany extends LabError {
  constructor() {
    super("not_permitted", "Cannot join: too many wrong join codes came from this PC; wait a minute");
  }
}

/**
 * The authority of a data folder.
 *
 * @throws {LabError} "failed" when it's missing or damaged.
 */
export async function authorityIn(data: string): Promise<Authority> {
  const authority = v.safeParse(authoritySchema, await readJson(join(data, AUTHORITY_FILE)));
  if (authority.success) return authority.output;
  throw lostFiles(data, [AUTHORITY_FILE]);
}

/**
 * Whether somebody was invited or has joined: then a lab whose authority's file is gone isn't one whose making was cut
 * short, and a new one would forget who was put out.
 */
async function hasSomebody(data: string): Promise<boolean> {
  const path = join(data, MEMBERS_FILE);
  return existsSync(path) && JSON.stringify(await readJson(path)) !== JSON.stringify(new Membership());
}

/** Makes a lab. The authority's file comes last: with it the lab is there. */
async function found(data: string, clock: Clock): Promise<void> {
  const authority = await createAuthority();
  const own = await ownMembership(authority);
  await writeSecret(data, MEMBERS_FILE, new Membership(), clock);
  await writeSecret(data, MEMBERSHIP_FILE, own, clock);
  await writeSecret(data, AUTHORITY_FILE, authority, clock);
}

/**
 * Whether a folder's own membership is this authority's. It isn't where another server's authority was copied here: the first
 * time, or in place of one that was made here, on a registry that was empty yet. What is damaged is left as it is.
 */
async function isMember(data: string, { certificate }: Authority): Promise<boolean> {
  const path = join(data, MEMBERSHIP_FILE);
  if (!existsSync(path)) return false;
  const own = v.safeParse(credentialsSchema, await readJson(path));
  return !own.success || own.output.authority === certificate;
}

/** A registration server's own membership. */
async function ownMembership(authority: Authority): Promise<Credentials> {
  const keys = await generateKeys();
  const key = await exportPublic(keys.publicKey);
  return {
    ...await certify(authority, { name: RS_NAME, role: "lead", key, isServer: true }),
    authority: authority.certificate,
    authorityKey: authority.publicKey,
    key: await exportPrivate(keys.privateKey),
    revoked: [],
  };
}
