/**
 * Members and invitations in a shared registry.
 *
 * Rules: a use of an invitation is taken before somebody is let in, one at a time, so that it's never used too often; a
 * server that is killed just then has wasted it. A name is claimed before the member is written, and a claim that came to
 * nothing may be taken over after a while. Who is revoked stays so. The secrets of invitations are sealed.
 * How old a claim is each server finds out by its own clock, for those of two PCs may differ.
 * What we write is known here at once, what others write comes later: what has a lower number than what is known is old.
 */

import { fromHex, toHex } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { nameKey } from "../../catalog/names.ts";
import { type Invite, type MemberRecord, Membership, usedUp } from "../../join/membership.ts";
import type { Seal } from "../../join/seal.ts";
import type { MembershipKeeper } from "../member_file.ts";
import { registryAway } from "../store.ts";
import { Conflict } from "./link.ts";
import type { NatsStore } from "./nats_store.ts";
import type { Entry } from "./reading.ts";
import { keyWord, readInvite, readMember, readName } from "./records.ts";

/** A name whose claim was seen this long ago, and is nobody's, may be claimed by another, milliseconds. */
const CLAIM = 60_000;
/** Claims that are remembered at once: they are as rare as servers that are killed while somebody joins. */
const CLAIMS_MAX = 1_000;
const KEY_BYTES = 8;

/** Keeps members and invitations. */
export class NatsMembers implements MembershipKeeper {
  readonly membership = new Membership();
  /** Keys of invitations, by secret. */
  #keys = new Map<string, string>();
  /** The latest number that is known of each invitation, by key. */
  #latest = new Map<string, number>();
  #heard: ((id: string) => void) | undefined;
  /** Claims that are nobody's yet, by key: their numbers, and when they were seen first. */
  #claimed = new Map<string, { seq: number; at: number }>();
  /** Invitations are opened one after the other, in their order. */
  #opening: Promise<void> = Promise.resolve();

  private constructor(
    private store: NatsStore,
    private seal: Seal,
    private o: { clock: Clock; random: Random },
  ) {}

  static async open(
    store: NatsStore,
    seal: Seal,
    options: { clock: Clock; random: Random },
  ): Promise<NatsMembers> {
    const members = new NatsMembers(store, seal, options);
    for (const entry of await store.loadOthers()) members.#take(entry);
    await members.#opening;
    store.followOthers((entry) => members.#take(entry), () => members.#latest.clear());
    return members;
  }

  /** Invitations that were heard of are opened: nothing goes on once the store is closed, too. */
  idle(): Promise<void> {
    return this.#opening;
  }

  onRevoked(heard: (id: string) => void): void {
    this.#heard = heard;
  }

  async invite(
    { secret, ...rest }: Parameters<MembershipKeeper["invite"]>[0],
  ): Promise<void> {
    await this.#catchUp();
    const made = this.membership.invite({ secret, ...rest }, this.o.clock.now());
    const key = `i.${this.o.random.id(KEY_BYTES)}`;
    this.#keys.set(made.secret, key);
    try {
      await this.#write(key, await this.#sealed(made), 0);
    } catch (thrown) {
      this.membership.dropInvite(made.secret);
      throw thrown;
    }
  }

  async join(
    invite: Invite | undefined,
    who: { id: string; name: string; address: string },
  ): Promise<MemberRecord> {
    await this.#catchUp();
    const known = this.membership.admitted(who.id);
    if (known) return known;
    if (!invite) throw usedUp();
    await this.#use(invite);
    const name = await this.#claimName(who);
    const member: MemberRecord = {
      ...{ id: who.id, name, role: invite.role, joined: this.o.clock.now(), address: who.address },
    };
    try {
      await this.#write(`m.${who.id}`, member, 0);
      this.membership.put(member);
      return member;
    } catch (thrown) {
      // The same newcomer asked another server too: it is the one that it became there.
      const theirs = thrown instanceof Conflict && thrown.current && readMember(thrown.current);
      if (!theirs) throw thrown;
      this.membership.put(theirs as MemberRecord);
      return this.membership.admitted(who.id)!;
    }
  }

  /** Takes over who was invited and who has joined elsewhere: once, from a server that kept them alone. */
  async takeOver(before: Membership): Promise<void> {
    const known = new Set(this.membership.open(this.o.clock.now()).map(({ invite }) => invite.secret));
    for (const { invite } of before.open(this.o.clock.now())) {
      if (!known.has(invite.secret)) {
        await this.#write(`i.${this.o.random.id(KEY_BYTES)}`, await this.#sealed(invite), 0);
      }
    }
    for (const member of before.members) {
      if (member.revoked === undefined) await this.#claims(member.name, member.id);
      await this.#write(`m.${member.id}`, member);
      this.membership.put(member);
    }
  }

  async revoke(who: string): Promise<MemberRecord> {
    await this.#catchUp();
    const revoked = this.membership.revoke(who, this.o.clock.now());
    await this.#write(`m.${revoked.id}`, revoked);
    return revoked;
  }

  /** @throws {LabError} "unreachable": at once when NATS is known to be away, since a newcomer waits 10 s for an answer. */
  async #catchUp(): Promise<void> {
    if (this.store.isAway) throw registryAway();
    await this.store.catchUp();
    await this.#opening;
  }

  /** @throws {LabError} "not_permitted" when it's used up. */
  async #use({ secret, uses }: Invite): Promise<void> {
    if (uses === undefined) return;
    const key = this.#keys.get(secret);
    const { link, bucket } = this.store.setting;
    for (;;) {
      const entry = key === undefined ? undefined : await link.read(bucket, key);
      const sealed = entry && readInvite(entry);
      if (!entry || !sealed || sealed.expires <= this.o.clock.now() || !sealed.uses) throw usedUp();
      const left = { ...sealed, uses: sealed.uses - 1 };
      try {
        const seq = await this.#write(entry.key, left.uses === 0 ? undefined : left, entry.seq);
        if (!this.#isNews(entry.key, seq)) return;
        const { expires, role } = left;
        if (left.uses === 0) this.membership.dropInvite(secret);
        else this.membership.putInvite({ secret, role, expires, uses: left.uses });
        return;
      } catch (thrown) {
        if (!(thrown instanceof Conflict)) throw thrown;
      }
    }
  }

  async #claimName(who: { id: string; name: string }): Promise<string> {
    const taken = new Set<string>();
    for (;;) {
      const name = this.membership.freeName(who.name, (each) => taken.has(nameKey(each)));
      if (await this.#claims(name, who.id)) return name;
      taken.add(nameKey(name));
    }
  }

  async #claims(name: string, id: string): Promise<boolean> {
    const key = `n.${keyWord(nameKey(name))}`;
    for (let expect = 0;;) {
      try {
        await this.#write(key, { id, at: this.o.clock.now() }, expect);
        return true;
      } catch (thrown) {
        if (!(thrown instanceof Conflict)) throw thrown;
        const { current } = thrown;
        const theirs = current && readName(current);
        if (theirs?.id === id) return true;
        if (theirs && !this.#isFree(theirs.id, current)) return false;
        this.#claimed.delete(key);
        expect = current?.seq ?? 0;
      }
    }
  }

  /** Its owner was put out, or never became a member. */
  #isFree(id: string, { key, seq }: Entry): boolean {
    const owner = this.membership.byId(id);
    if (owner) return owner.revoked !== undefined;
    const now = this.o.clock.monotonic();
    const seen = this.#claimed.get(key);
    if (seen?.seq === seq) return now - seen.at > CLAIM;
    if (this.#claimed.size >= CLAIMS_MAX) this.#claimed.clear();
    this.#claimed.set(key, { seq, at: now });
    return false;
  }

  #take(entry: Entry): void {
    if (entry.key.startsWith("m.")) this.#takeMember(entry);
    if (entry.key.startsWith("i.")) this.#opening = this.#opening.then(() => this.#takeInvite(entry));
  }

  /** Nothing later is known of this invitation; from now on nothing earlier counts. */
  #isNews(key: string, seq: number): boolean {
    if (seq < (this.#latest.get(key) ?? 0)) return false;
    this.#latest.set(key, seq);
    return true;
  }

  #takeMember(entry: Entry): void {
    const member = readMember(entry) as MemberRecord | undefined;
    if (!member || entry.key !== `m.${member.id}`) return;
    this.membership.put(member);
    if (member.revoked !== undefined) this.#heard?.(member.id);
  }

  async #takeInvite(entry: Entry): Promise<void> {
    const read = readInvite(entry);
    const secret = read && await this.seal.open(read.sealed);
    if (!this.#isNews(entry.key, entry.seq)) return;
    if (!read || !secret) {
      for (const [known, key] of this.#keys) if (key === entry.key) this.membership.dropInvite(known);
      return;
    }
    const { role, expires, uses } = read;
    this.#keys.set(toHex(secret), entry.key);
    this.membership.putInvite({
      ...{ secret: toHex(secret), role, expires },
      ...(uses === undefined ? {} : { uses }),
    });
  }

  async #sealed({ secret, role, expires, uses }: Invite): Promise<unknown> {
    const sealed = await this.seal.close(fromHex(secret));
    return { sealed, role, expires, ...(uses === undefined ? {} : { uses }) };
  }

  #write(key: string, value: unknown, expect?: number): Promise<number> {
    const { link, bucket } = this.store.setting;
    return link.write(bucket, key, value, expect);
  }
}
