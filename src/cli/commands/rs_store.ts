/**
 * Where the registry of `rs` lies: in the data folder, or in a NATS that several servers share. The folder remembers it, so
 * that nobody starts a server beside the lab's registry by leaving out a flag.
 */

import { join } from "@std/path";
import { LabError } from "../../base/errors.ts";
import * as v from "../../deps/valibot.ts";
import { Seal } from "../../join/seal.ts";
import { AUTHORITY_FILE, type LabOptions, SecuredLab } from "../../registry/lab.ts";
import { MEMBERS_FILE, writeSecret } from "../../registry/member_file.ts";
import type { NatsStore } from "../../registry/nats/nats_store.ts";
import { parsePlace, placeText } from "../../registry/nats/place.ts";
import { STORE_FILE } from "../../registry/sqlite_file.ts";
import { readJson } from "../../storage/atomic.ts";
import { isLoopback } from "../../registry/address.ts";
import { isIpv4 } from "../../protocol/discovery/addresses.ts";
import type { CommandContext } from "../context.ts";

type Ctx = Pick<CommandContext, "clock" | "random" | "log">;

/** In the data folder: where the registry lies, password included, and a name for the folder itself. */
export const PLACE_FILE = "store.json";
/** What `--store` says for the database in the data folder. */
const HERE = "sqlite";
const FOLDER_ID_BYTES = 8;

const placeSchema = v.object({ store: v.optional(v.string()), folder: v.string() });

/**
 * Opens the registry in NATS, where it lies there.
 *
 * @param data absolute path of the data folder; writing it must have been granted.
 * @param wanted what `--store` says; what the folder remembers, unless it was given.
 * @returns undefined where the registry lies in the data folder.
 */
export async function openShared(ctx: Ctx, data: string, wanted?: string): Promise<NatsStore | undefined> {
  const { clock, random, log } = ctx;
  const parsed = v.safeParse(placeSchema, await readJson(join(data, PLACE_FILE)));
  const kept = parsed.success ? parsed.output : { folder: random.id(FOLDER_ID_BYTES) };
  const store = wanted === HERE ? undefined : wanted ?? ("store" in kept ? kept.store : undefined);
  const place = store === undefined ? undefined : parsePlace(store);
  if (wanted !== undefined && (parsed.success || store !== undefined)) {
    const { folder } = kept;
    await writeSecret(data, PLACE_FILE, { ...(store === undefined ? {} : { store }), folder }, clock);
  }
  if (!place) return undefined;
  log.info(`The registry lies in ${placeText(place)}${wanted === undefined ? ", as this folder says" : ""}`);
  const { openNatsStore } = await import("../../registry/nats/nats_store.ts");
  return await openNatsStore({ place, clock, random, log, folderId: kept.folder });
}

/**
 * The secured lab of a data folder whose registry is shared. Makes the lab if neither the folder nor the registry has one.
 *
 * @throws {LabError} "not_permitted" when the registry is another lab's, or this folder lacks its authority; "failed" when
 *   the folder has members of its own that were not copied.
 */
export async function openSharedLab(
  ctx: Ctx,
  data: string,
  store: NatsStore,
): Promise<SecuredLab> {
  const there = await store.lab();
  const isHere = await SecuredLab.isIn(data);
  if (there?.mode === "secured" && !isHere) {
    throw new LabError(
      "not_permitted",
      `Cannot serve this lab: its registry is in NATS, but ${data} has no ${AUTHORITY_FILE}; copy that file from the data ` +
        "folder of one of the lab's other servers",
    );
  }
  if (!there && isHere) await demandCopied(data);
  return await SecuredLab.open({ ...ctx, data, shared: membersIn(ctx, store) });
}

/** A lab without its members would know neither who is in it nor who was put out. */
async function demandCopied(data: string): Promise<void> {
  const members = await readJson(join(data, MEMBERS_FILE)) as { members?: unknown[] } | undefined;
  if (!members?.members?.length) return;
  throw new LabError(
    "failed",
    `Cannot use the registry in NATS: it is empty, and ${data} has a registry with members in ${STORE_FILE} and ` +
      `${MEMBERS_FILE}; copy it first, with rs copy nats://...`,
  );
}

/** Who was invited and who has joined, in a shared registry. */
export function membersIn({ clock, random }: Ctx, store: NatsStore): NonNullable<LabOptions["shared"]> {
  return async ({ certificate, key }) => {
    await store.claimLab({ mode: "secured", authority: certificate });
    const { NatsMembers } = await import("../../registry/nats/members.ts");
    return await NatsMembers.open(store, await Seal.from(key, "invitations"), { clock, random });
  };
}

/** Where peers reach this server: what it listens on, else the addresses of this PC's network cards. */
export function ownHosts(host: string, told: string | undefined): string[] {
  if (told !== undefined) return [told];
  if (host !== "0.0.0.0" && host !== "::") return [host];
  try {
    const own = Deno.networkInterfaces().map(({ address }) => address)
      .filter((address) => isIpv4(address) && !isLoopback(address));
    return own.length > 0 ? own.slice(0, 16) : ["127.0.0.1"];
  } catch {
    return ["127.0.0.1"];
  }
}
