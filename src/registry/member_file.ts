/** Where a secured lab's registration server keeps who was invited and who has joined: members.json, unless it's shared. */

import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import type { Role } from "../join/card.ts";
import { type Invite, type MemberRecord, Membership } from "../join/membership.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";

/** Invitations and members. */
export const MEMBERS_FILE = "members.json";

/** Keeps who was invited and who has joined. What a call promised is kept. */
export interface MembershipKeeper {
  /** As far as is known here. */
  readonly membership: Membership;
  invite(invite: { secret: Uint8Array; role: Role; lasts: number; uses: number | undefined }): Promise<void>;
  /** See {@linkcode Membership.join}. */
  join(
    invite: Invite | undefined,
    who: { id: string; name: string; address: string },
  ): Promise<MemberRecord>;
  /** See {@linkcode Membership.revoke}. */
  revoke(who: string): Promise<MemberRecord>;
  /** Hears of those whom another server has put out. */
  onRevoked?(heard: (id: string) => void): void;
}

/** Keeps them in a file, for one server. */
export class MemberFile implements MembershipKeeper {
  #changes = 0;
  #kept = 0;
  #keeping: Promise<void> = Promise.resolve();

  private constructor(private o: { data: string; clock: Clock }, readonly membership: Membership) {}

  /** @throws {LabError} "failed" when it's missing or damaged. */
  static async open(options: { data: string; clock: Clock }): Promise<MemberFile> {
    const membership = await membershipIn(options.data);
    if (!membership) throw lostFiles(options.data, [MEMBERS_FILE]);
    return new MemberFile(options, membership);
  }

  async invite(invite: Parameters<MembershipKeeper["invite"]>[0]): Promise<void> {
    const { secret } = this.membership.invite(invite, this.o.clock.now());
    await this.#keep().catch((thrown) => {
      this.membership.dropInvite(secret);
      throw thrown;
    });
  }

  async join(
    invite: Invite | undefined,
    who: { id: string; name: string; address: string },
  ): Promise<MemberRecord> {
    const isNew = this.membership.byId(who.id) === undefined;
    const member = this.membership.join(invite, who, this.o.clock.now());
    await this.#keep().catch((thrown) => {
      if (isNew && invite) this.membership.undoJoin(member, invite);
      throw thrown;
    });
    return member;
  }

  async revoke(who: string): Promise<MemberRecord> {
    const member = this.membership.revoke(who, this.o.clock.now());
    await this.#keep();
    return member;
  }

  /** Writes the file; changes that come while it's being written go into one more writing. */
  #keep(): Promise<void> {
    const change = ++this.#changes;
    const done = this.#keeping.then(async () => {
      if (this.#kept >= change) return;
      const now = this.#changes;
      await writeSecret(this.o.data, MEMBERS_FILE, this.membership, this.o.clock);
      this.#kept = now;
    });
    this.#keeping = done.catch(() => {});
    return done;
  }
}

/** Who was invited and who has joined, by the file of a data folder; undefined when it's missing or damaged. */
export async function membershipIn(data: string): Promise<Membership | undefined> {
  const kept = await readJson(join(data, MEMBERS_FILE));
  try {
    return Membership.fromJSON(kept);
  } catch {
    return undefined;
  }
}

/** Why a lab can't be opened whose data folder lost something: guessing would let in whoever was put out. */
export function lostFiles(data: string, files: readonly string[]): LabError {
  const [are, them] = files.length === 1 ? ["is", "it"] : ["are", "them"];
  return new LabError(
    "failed",
    `Cannot open the lab in ${data}: ${
      files.join(" and ")
    } ${are} missing or damaged; put back a copy of ${them}, ` +
      "from a backup, say, or move the folder away to begin a new lab",
  );
}

/** Writes a file that only its owner reads, where the system knows owners. */
export async function writeSecret(data: string, name: string, value: unknown, clock: Clock): Promise<void> {
  await writeAtomic(join(data, name), JSON.stringify(value, null, 2) + "\n", { clock, mode: 0o600 });
}
