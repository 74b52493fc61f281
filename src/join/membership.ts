/**
 * Who was invited and who has joined. Pure: time and chance are handed in; what has to be kept is `toJSON`.
 *
 * Rules: an invitation ends when its time is over or its uses are used up, and what has ended is forgotten. A member's id
 * never changes, nor its name, which is its own whatever its case. Who is revoked stays so: its id, being made from its
 * key, is never given again. A PC that lost its key joins anew as somebody else.
 */

import { type Bytes, fromHex, toHex } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import * as v from "../deps/valibot.ts";
import type { Role } from "./card.ts";

const role = v.picklist(["member", "lead"]);
const schema = v.object({
  invites: v.array(v.object({
    /** 5 bytes, hexadecimal. */
    secret: v.string(),
    role,
    /** Milliseconds since 1970, UTC. */
    expires: v.number(),
    /** Uses left; absent: any number. */
    uses: v.optional(v.number()),
  })),
  members: v.array(v.object({
    id: v.string(),
    name: v.string(),
    role,
    /** Milliseconds since 1970, UTC. */
    joined: v.number(),
    /** Where it was when it joined. */
    address: v.string(),
    revoked: v.optional(v.number()),
  })),
});

/** Members and invitations as they're kept. */
export type KeptMembership = v.InferOutput<typeof schema>;
/** An invitation. */
export type Invite = KeptMembership["invites"][number];
/** Somebody who has joined. */
export type MemberRecord = KeptMembership["members"][number];

/** Invitations in force at once. */
export const INVITES_MAX = LIMITS.invites;
/** Members, revoked ones included: as many as the registration server keeps records of. */
export const MEMBERS_MAX = LIMITS.members;

/** Who was invited and who has joined. */
export class Membership {
  #invites: Invite[];
  #members = new Map<string, MemberRecord>();

  constructor(kept: KeptMembership = { invites: [], members: [] }) {
    this.#invites = [...kept.invites];
    for (const member of kept.members) this.#members.set(member.id, member);
  }

  /**
   * Reads what was kept.
   *
   * @throws {LabError} "failed" when it's damaged: guessing would let in whoever was put out.
   */
  static fromJSON(value: unknown): Membership {
    const parsed = v.safeParse(schema, value);
    if (parsed.success) return new Membership(parsed.output);
    throw new LabError(
      "failed",
      "Cannot read who the members are: the file is damaged; put back a copy of it",
    );
  }

  toJSON(): KeptMembership {
    return { invites: this.#invites, members: [...this.#members.values()] };
  }

  /** Everybody who ever joined. */
  get members(): readonly MemberRecord[] {
    return [...this.#members.values()];
  }
  /** Ids of those who are members no longer. */
  get revoked(): string[] {
    return this.members.filter((member) => member.revoked !== undefined).map(({ id }) => id);
  }
  /** The member with an id. */
  byId(id: string): MemberRecord | undefined {
    return this.#members.get(id);
  }

  /**
   * Invites.
   *
   * @param invite.secret random bytes, for one code.
   * @throws {LabError} "busy" when there are too many invitations already.
   */
  invite(
    invite: { secret: Uint8Array; role: Role; lasts: number; uses: number | undefined },
    now: number,
  ): Invite {
    this.#forget(now);
    if (this.#invites.length >= INVITES_MAX) {
      throw new LabError(
        "busy",
        `Cannot invite: ${INVITES_MAX} join codes are in force; wait until some expire`,
      );
    }
    const { secret, role, lasts, uses } = invite;
    const made: Invite = {
      secret: toHex(secret),
      role,
      expires: now + lasts,
      ...(uses === undefined ? {} : { uses }),
    };
    this.#invites.push(made);
    return made;
  }

  /** Invitations in force, with their secrets. */
  open(now: number): { invite: Invite; secret: Bytes }[] {
    this.#forget(now);
    return this.#invites.map((invite) => ({ invite, secret: fromHex(invite.secret) }));
  }

  /**
   * Takes somebody in, who has shown that it knows an invitation's secret. A second time with the same key is the same
   * member: its first answer got lost.
   *
   * @param invite none for somebody who is a member already.
   * @param who.name the name it would like; a taken one gets `-2`.
   * @param isTaken tells of names that others have, outside of this list.
   * @throws {LabError} "not_permitted" when the invitation has ended meanwhile, or the key was revoked.
   */
  join(
    invite: Invite | undefined,
    who: { id: string; name: string; address: string },
    now: number,
    isTaken: (name: string) => boolean = () => false,
  ): MemberRecord {
    const known = this.admitted(who.id);
    if (known) return known;
    if (!invite) throw usedUp();
    this.#forget(now);
    const at = this.#invites.findIndex(({ secret }) => secret === invite.secret);
    if (at < 0) throw usedUp();
    const { uses } = this.#invites[at]!;
    if (uses !== undefined) this.#invites[at] = { ...invite, uses: uses - 1 };
    this.#forget(now);
    const member: MemberRecord = {
      id: who.id,
      name: this.freeName(who.name, isTaken),
      role: invite.role,
      joined: now,
      address: who.address,
    };
    this.#members.set(member.id, member);
    return member;
  }

  /** A join that couldn't be kept hasn't been: name and use are free again. */
  undoJoin({ id }: MemberRecord, invite: Invite): void {
    this.#members.delete(id);
    if (invite.uses === undefined) return;
    const left = this.#invites.find(({ secret }) => secret === invite.secret)?.uses ?? 0;
    this.putInvite({ ...invite, uses: left + 1 });
  }

  /**
   * Puts somebody out; who is out already stays so. Of several who had one name it's the one who is a member, else the one
   * who was revoked last.
   *
   * @param who name or id.
   * @throws {LabError} "not_found" when there's no such member.
   */
  revoke(who: string, now: number): MemberRecord {
    const lower = who.toLowerCase();
    const member = this.#members.get(who) ??
      this.members.filter(({ name }) => name.toLowerCase() === lower)
        .toSorted((a, b) => (b.revoked ?? Infinity) - (a.revoked ?? Infinity))[0];
    if (!member) {
      throw new LabError("not_found", "Cannot revoke: no member has that name or id; see rs members");
    }
    const revoked = { ...member, revoked: member.revoked ?? now };
    this.#members.set(member.id, revoked);
    return revoked;
  }

  /**
   * The member with an id, before somebody is taken in under it.
   *
   * @throws {LabError} "not_permitted" when it was revoked; "busy" when there's no room for another one.
   */
  admitted(id: string): MemberRecord | undefined {
    const known = this.#members.get(id);
    if (known?.revoked !== undefined) {
      throw new LabError(
        "not_permitted",
        "Cannot join: this key was revoked; delete the data folder and try again",
      );
    }
    if (!known && this.#members.size >= MEMBERS_MAX) {
      throw new LabError("busy", `Cannot join: the lab has ${MEMBERS_MAX} members, and no room for more`);
    }
    return known;
  }

  /** Takes over a member as another server has it. Who is revoked stays so. */
  put(member: MemberRecord): void {
    if (this.#members.get(member.id)?.revoked === undefined) this.#members.set(member.id, member);
  }

  /** Takes over an invitation as another server has it. */
  putInvite(invite: Invite): void {
    this.dropInvite(invite.secret);
    this.#invites.push(invite);
  }

  /** An invitation is no more. */
  dropInvite(secret: string): void {
    this.#invites = this.#invites.filter((each) => each.secret !== secret);
  }

  #forget(now: number): void {
    this.#invites = this.#invites.filter(({ expires, uses }) => expires > now && uses !== 0);
  }

  /** The name wanted, or with `-2` and so on; names of those who were put out may be taken again. */
  freeName(wanted: string, isTaken: (name: string) => boolean): string {
    const taken = new Set(
      this.members.filter(({ revoked }) => revoked === undefined).map(({ name }) => name.toLowerCase()),
    );
    const free = (name: string) => !taken.has(name.toLowerCase()) && !isTaken(name);
    if (free(wanted)) return wanted;
    for (let number = 2;; number++) {
      const name = `${wanted.slice(0, 58)}-${number}`;
      if (free(name)) return name;
    }
  }
}

/** For a join code that is good no longer. */
export function usedUp(): LabError {
  return new LabError("not_permitted", "Cannot join: the join code has expired or is used up");
}
