/** `rs copy`: a data folder's registry goes to a NATS that several servers share. */

import { join } from "@std/path";
import { LabError } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { Seal } from "../../join/seal.ts";
import { lockDataFolder } from "../../peer/data_folder.ts";
import { authorityIn, SecuredLab } from "../../registry/lab.ts";
import { copyRegistry } from "../../registry/copy.ts";
import { MemberFile } from "../../registry/member_file.ts";
import { NatsMembers } from "../../registry/nats/members.ts";
import { type NatsStore, openNatsStore } from "../../registry/nats/nats_store.ts";
import { type NatsPlace, parsePlace, placeText, trusting } from "../../registry/nats/place.ts";
import { openSqliteStore } from "../../registry/sqlite_store.ts";
import { STORE_FILE } from "../../registry/sqlite_file.ts";
import type { CommandContext } from "../context.ts";
import type { COPY_FLAGS } from "./rs_flags.ts";
import { authorityFrom, folderIdOf, rememberShared } from "./rs_store.ts";

type Ctx = CommandContext<typeof COPY_FLAGS>;

/**
 * Copies. The original stays as it is; but the next `rs serve` goes on with the copy, also one that starts by itself, or the
 * lab would have two registries.
 */
export async function run(ctx: Ctx): Promise<void> {
  const { output, clock, random, log, flags: { natsCa } } = ctx;
  const place = trusting(parsePlace(ctx.args[0]!), await authorityFrom(ctx, natsCa));
  const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
  await Deno.stat(join(data, STORE_FILE)).catch((cause) => {
    throw new LabError("failed", `Cannot copy: there is no ${STORE_FILE} in ${ctx.folders.data}`, { cause });
  });
  const lock = lockDataFolder(data, "rs", "copy");
  try {
    const isSecured = await SecuredLab.isIn(data);
    const from = await openSqliteStore({ dataDir: data, clock, log });
    try {
      // By this the lab's server knows its own share again, and goes on delivering out of it.
      const folderId = await folderIdOf(ctx, data);
      const to = await openNatsStore({ place, clock, random, log, folderId });
      try {
        await demandEmpty(to, place);
        const copied = await copyRegistry(from, to);
        const members = isSecured ? await copyLab(ctx, data, to) : await copyOpen(to);
        await rememberShared(ctx, data, { store: ctx.args[0]!, ca: place.ca }, folderId);
        output.json({ event: "copied", to: placeText(place), ...copied, members });
        output.result(
          `Copied ${formatCount(copied.peers, "peer")}, ${formatCount(copied.rows, "file")}, ` +
            `${formatCount(copied.broadcasts, "broadcast")}, ${formatCount(members, "member")} to ${
              placeText(place)
            }`,
        );
        output.line("Go on with: rs serve, for this folder remembers it; rs serve --store sqlite goes back");
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  } finally {
    lock.release();
  }
}

/** A registry says at its end which lab it is of: then it is whole, and not to be written over. */
async function demandEmpty(to: NatsStore, place: NatsPlace): Promise<void> {
  if (await to.lab() === undefined) return;
  throw new LabError(
    "failed",
    `Cannot copy to ${
      placeText(place)
    }: a lab's registry is there already; name another one, as in nats://HOST:PORT/NAME`,
  );
}

/** An open lab has no members. */
async function copyOpen(to: NatsStore): Promise<0> {
  await to.claimLab({ mode: "open" });
  return 0;
}

/** Members and invitations; and which lab it is. @returns how many members. */
async function copyLab({ clock, random }: Ctx, data: string, to: NatsStore): Promise<number> {
  const { certificate, key } = await authorityIn(data);
  const { membership } = await MemberFile.open({ data, clock });
  const members = await NatsMembers.open(to, await Seal.from(key, "invitations"), { clock, random });
  await members.takeOver(membership);
  await to.claimLab({ mode: "secured", authority: certificate });
  return membership.members.length;
}
