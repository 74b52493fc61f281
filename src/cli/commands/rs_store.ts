/**
 * Where the registry of `rs` lies: in the data folder, or in a NATS that several servers share. The folder remembers it, so
 * that nobody starts a server beside the lab's registry by leaving out a flag.
 */

import { existsSync } from "node:fs";
import { join } from "@std/path";
import { LabError, messageOf } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { formatBytes, parseHostPort } from "../../base/units.ts";
import * as v from "../../deps/valibot.ts";
import { Seal } from "../../join/seal.ts";
import { AUTHORITY_FILE, authorityIn, type LabOptions, SecuredLab } from "../../registry/lab.ts";
import { MEMBERS_FILE, writeSecret } from "../../registry/member_file.ts";
import type { NatsStore } from "../../registry/nats/nats_store.ts";
import { type NatsPlace, needless, parsePlace, placeText, trusting } from "../../registry/nats/place.ts";
import { STORE_FILE } from "../../registry/sqlite_file.ts";
import { readJson } from "../../storage/atomic.ts";
import { fileError } from "../../storage/root.ts";
import { isLoopback } from "../../registry/address.ts";
import { isIpv4 } from "../../protocol/discovery/addresses.ts";
import { dialTcp } from "../../transport/tcp.ts";
import type { CommandContext } from "../context.ts";

type Ctx = Pick<CommandContext, "clock" | "random" | "log">;

/** In the data folder: where the registry lies, password and authority included, and a name for the folder itself. */
export const PLACE_FILE = "store.json";
/** What `--store` says for the database in the data folder. */
const HERE = "sqlite";
const FOLDER_ID_BYTES = 8;
/** How long each server of NATS is waited for that was named, milliseconds. */
const LOOK = 2_000;

const placeSchema = v.object({
  store: v.optional(v.string()),
  /** PEM. */
  ca: v.optional(v.string()),
  folder: v.string(),
});

/** Where somebody wants the registry. */
export interface Wanted {
  /** What `--store` says. */
  store?: string | undefined;
  /** What the file of `--nats-ca` holds. */
  ca?: string | undefined;
}

/**
 * Opens the registry in NATS, where it lies there. What somebody wants is remembered when the caller says so, which is once
 * the lab could be opened on it: what was mistyped, or is another lab's, is not to be in the way of the next start.
 *
 * @param data absolute path of the data folder; writing it must have been granted.
 * @param wanted what the folder remembers, unless it was given.
 * @returns no store where the registry lies in the data folder.
 */
export async function openShared(
  ctx: Ctx,
  data: string,
  wanted: Wanted = {},
): Promise<{ store: NatsStore | undefined; remember: () => Promise<void> }> {
  const { clock, random, log } = ctx;
  const parsed = await keptIn(data);
  const kept = parsed ?? { folder: random.id(FOLDER_ID_BYTES) };
  const store = wanted.store === HERE ? undefined : wanted.store ?? kept.store;
  const place = store === undefined ? undefined : placeOf(store, wanted.ca, kept.ca);
  if (wanted.ca !== undefined && !place) throw needless();
  const isNews = wanted.ca !== undefined ||
    (wanted.store !== undefined && (parsed !== undefined || store !== undefined));
  const remember = async () => {
    if (isNews) await writeSecret(data, PLACE_FILE, { store, ca: place?.ca, folder: kept.folder }, clock);
  };
  if (!place) return { store: undefined, remember };
  log.info(
    `The registry lies in ${placeText(place)}${wanted.store === undefined ? ", as this folder says" : ""}`,
  );
  const { openNatsStore } = await import("../../registry/nats/nats_store.ts");
  const looked = tellAbsent(ctx, place);
  const opened = await openNatsStore({ place, clock, random, log, folderId: kept.folder }).finally(() =>
    looked
  );
  return { store: opened, remember };
}

/** One server suffices to begin with; whoever mistyped another is to know before that one is gone. */
async function tellAbsent({ clock, log }: Ctx, { servers }: NatsPlace): Promise<void> {
  await Promise.all(servers.map(async (server) => {
    try {
      (await dialTcp(parseHostPort(server, 0), { clock, timeout: LOOK })).close();
    } catch (thrown) {
      const why = messageOf(thrown instanceof LabError ? thrown.cause ?? thrown : thrown);
      log.warn(
        `NATS at ${server} does not answer: ${why}; is it running, and is its address right in --store?`,
      );
    }
  }));
}

/** What a folder remembers, if anything. */
async function keptIn(data: string): Promise<v.InferOutput<typeof placeSchema> | undefined> {
  const parsed = v.safeParse(placeSchema, await readJson(join(data, PLACE_FILE)));
  return parsed.success ? parsed.output : undefined;
}

/** What to do instead. */
const INSTEAD = {
  "back up": `so it is for NATS' own tools; keep a copy of ${AUTHORITY_FILE} beside what they make`,
  restore: "and the next rs serve would go on with that; go back to the database in the folder first, with " +
    "rs serve --store sqlite, end it, and restore then",
};

/**
 * Demands that the registry of a data folder lies in it: the database that one finds in another's is an old one.
 *
 * @param shown how the folder is called in the error.
 * @throws {LabError} "failed".
 */
export async function demandHere(data: string, shown: string, what: keyof typeof INSTEAD): Promise<void> {
  const store = (await keptIn(data))?.store;
  if (store === undefined) return;
  throw new LabError(
    "failed",
    `Cannot ${what}: the registry of ${shown} lies in ${placeText(parsePlace(store))}, ${INSTEAD[what]}`,
  );
}

/** The name by which a registry in NATS knows a folder's share; a new one where it has none yet. */
export async function folderIdOf({ random }: Pick<Ctx, "random">, data: string): Promise<string> {
  return (await keptIn(data))?.folder ?? random.id(FOLDER_ID_BYTES);
}

/**
 * Has a folder's next `rs serve` use a registry in NATS.
 *
 * @param wanted a store, and its authority if it has one.
 * @param folder its {@linkcode folderIdOf}, under which the registry knows what lies in its share.
 */
export async function rememberShared(
  { clock }: Pick<Ctx, "clock">,
  data: string,
  wanted: Wanted,
  folder: string,
): Promise<void> {
  await writeSecret(data, PLACE_FILE, { ...wanted, folder }, clock);
}

/** A place with the authority to trust there: the one that was given, or else the one that is remembered. */
function placeOf(store: string, given: string | undefined, kept: string | undefined): NatsPlace {
  const place = parsePlace(store);
  return trusting(place, given ?? (place.tls ? kept : undefined));
}

/**
 * What the file of `--nats-ca` holds.
 *
 * @throws {LabError} "not_permitted" outside the sandbox; "usage" when it is too large; as it can't be read.
 */
export async function authorityFrom(
  { ensureAccess }: Pick<CommandContext, "ensureAccess">,
  path: string | undefined,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const absolute = await ensureAccess(path, "read", { flag: "--nats-ca", folder: "data" });
  const what = `Cannot read ${path}, named by --nats-ca`;
  try {
    const { size } = await Deno.stat(absolute);
    if (size <= LIMITS.authorities) return await Deno.readTextFile(absolute);
    throw new LabError("usage", `${what}: it has ${formatBytes(size)}, which no file of certificates has`);
  } catch (cause) {
    throw fileError(cause, what);
  }
}

/**
 * Makes a registry in NATS an open lab's, unless it is one.
 *
 * @throws {LabError} "not_permitted" when it is a secured lab's; "failed" when it isn't whole.
 */
export async function openOpenLab(store: NatsStore): Promise<void> {
  if (!await store.lab()) await demandWhole(store);
  await store.claimLab({ mode: "open" });
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
  if (there?.mode === "secured" && !existsSync(join(data, AUTHORITY_FILE))) {
    throw new LabError(
      "not_permitted",
      `Cannot serve this lab: its registry is in NATS, but ${data} has no ${AUTHORITY_FILE}; copy that file from the data ` +
        "folder of one of the lab's other servers",
    );
  }
  if (!there) await demandWhole(store);
  if (!there && isHere) await demandCopied(data);
  if (there && isHere) await demandNoOther(data, there.authority);
  return await SecuredLab.open({ ...ctx, data, shared: membersIn(ctx, store) });
}

/** Who serves says first whose registry it is, and who copies says it last. */
async function demandWhole(store: NatsStore): Promise<void> {
  if ((await store.loadPeers()).length === 0) return;
  throw new LabError(
    "failed",
    "Cannot use the registry in NATS: copying to it was broken off; run rs copy again, on the server that it is copied from",
  );
}

async function hasMembers(data: string): Promise<boolean> {
  const kept = await readJson(join(data, MEMBERS_FILE)) as { members?: unknown[] } | undefined;
  return (kept?.members?.length ?? 0) > 0;
}

/** Whoever has members is not to be told to copy another lab's authority over its own. */
async function demandNoOther(data: string, authority: string | undefined): Promise<void> {
  if (!await hasMembers(data) || (await authorityIn(data)).certificate === authority) return;
  throw new LabError(
    "not_permitted",
    `Cannot use the registry in NATS: it is of another lab, and ${data} has one of its own, with members; name another ` +
      "registry, as in nats://HOST:PORT/NAME, or another folder with --data",
  );
}

/** A lab without its members would know neither who is in it nor who was put out. */
async function demandCopied(data: string): Promise<void> {
  if (!await hasMembers(data)) return;
  throw new LabError(
    "failed",
    `Cannot use the registry in NATS: it is empty, and ${data} has a registry with members in ${STORE_FILE} and ` +
      `${MEMBERS_FILE}; copy it first, with rs copy nats://...`,
  );
}

/** Who was invited and who has joined, in a shared registry. */
function membersIn({ clock, random }: Ctx, store: NatsStore): NonNullable<LabOptions["shared"]> {
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
