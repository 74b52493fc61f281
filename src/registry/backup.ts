/**
 * A backup of the registration server: a folder with a consistent copy of the database, the lab's keys where the lab is
 * secured, the key of the page, and `backup.json`, which says what is in there and what each file's SHA-256 is.
 *
 * Rules: `backup.json` comes last, so a folder without it is no backup; nothing that was there is overwritten; what a backup
 * says of itself is believed only after each file was hashed. Whoever has a backup of a secured lab owns the lab.
 *
 * Not here: files of the share and of the inbox.
 */

import { LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { join } from "../deps/std_path.ts";
import * as v from "../deps/valibot.ts";
import { MEMBERSHIP_FILE } from "../join/credentials.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";
import { wholeSha256 } from "../storage/hashing.ts";
import { fileError } from "../storage/root.ts";
import type { Clock } from "../base/clock.ts";
import { AUTHORITY_FILE, MEMBERS_FILE } from "./lab.ts";
import { STORE_FILE } from "./sqlite_file.ts";

/** Says what is in a backup. */
export const BACKUP_FILE = "backup.json";
/** In the data folder: when the last backup was made, and where. */
export const LAST_BACKUP_FILE = "last-backup.json";
/** The key of the page; made anew where it is missing. */
const PAGE_KEY_FILE = "page.key";

/** What a backup may hold, the authority last: with it a lab is there. */
export const KEPT_FILES = [STORE_FILE, PAGE_KEY_FILE, MEMBERS_FILE, MEMBERSHIP_FILE, AUTHORITY_FILE] as const;

const fileSchema = v.object({
  name: v.picklist(KEPT_FILES),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

const backupSchema = v.object({
  format: v.literal(1),
  /** Time of the copy, ISO 8601 UTC. */
  made: v.pipe(v.string(), v.isoTimestamp()),
  /** Version of the program that made it. */
  version: v.pipe(v.string(), v.maxLength(40)),
  /** Whether the lab's keys are in it. */
  secured: v.boolean(),
  files: v.pipe(v.array(fileSchema), v.maxLength(KEPT_FILES.length)),
});

/** What `backup.json` says. */
export type Backup = v.InferOutput<typeof backupSchema>;

const lastSchema = v.object({ made: v.pipe(v.string(), v.isoTimestamp()), path: v.string() });

/** When the last backup was made, and where it was put. */
export type LastBackup = v.InferOutput<typeof lastSchema>;

/** Copies what a data folder keeps beside the database. @returns whether a lab's keys are among it. */
export async function copyKeys(data: string, into: string): Promise<boolean> {
  let secured = false;
  for (const name of KEPT_FILES) {
    if (name === STORE_FILE) continue;
    try {
      await Deno.copyFile(join(data, name), join(into, name));
      secured ||= name === AUTHORITY_FILE;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw fileError(cause, `Cannot copy ${name}`);
    }
  }
  return secured;
}

/**
 * Makes the folder that a backup goes to.
 *
 * @throws {LabError} "failed" when there is something in it.
 */
export function makeBackupFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    for (const { name } of Deno.readDirSync(path)) {
      throw new LabError(
        "failed",
        `Cannot back up to ${path}: there is ${name} in it; name a new or an empty folder`,
      );
    }
  } catch (cause) {
    throw fileError(cause, `Cannot back up to ${path}`);
  }
}

/**
 * Puts a copy to its place and writes `backup.json`.
 *
 * @param from holds the copied files.
 * @param to an empty folder.
 * @throws {LabError} "disk_full", "not_permitted" or "failed".
 */
export async function finishBackup(
  from: string,
  to: string,
  about: { made: number; version: string; clock: Clock },
): Promise<Backup> {
  const files: Backup["files"] = [];
  for (const name of KEPT_FILES) {
    const target = join(to, name);
    try {
      if (from !== to) await Deno.copyFile(join(from, name), target);
      files.push({ name, size: (await settle(target)).size, sha256: wholeSha256(target) });
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw fileError(cause, `Cannot write ${target}`);
    }
  }
  const backup: Backup = {
    format: 1,
    made: new Date(about.made).toISOString(),
    version: about.version,
    secured: files.some(({ name }) => name === AUTHORITY_FILE),
    files,
  };
  const text = JSON.stringify(backup, null, 2) + "\n";
  await writeAtomic(join(to, BACKUP_FILE), text, { clock: about.clock, mode: 0o600 });
  return backup;
}

/** The file is on the disk, and its owner's alone. */
async function settle(path: string): Promise<Deno.FileInfo> {
  if (Deno.build.os !== "windows") await Deno.chmod(path, 0o600);
  using file = await Deno.open(path, { read: true, write: true });
  await file.sync();
  return await file.stat();
}

/**
 * Reads what a backup says of itself, and checks each file.
 *
 * @throws {LabError} "failed" when it is no backup, "integrity" when a file isn't what it was.
 */
export async function checkBackup(path: string): Promise<Backup> {
  const read = await readJson(join(path, BACKUP_FILE)).catch((cause) => {
    throw fileError(cause, `Cannot read the backup in ${path}`);
  });
  const parsed = v.safeParse(backupSchema, read);
  const names = parsed.success ? parsed.output.files.map(({ name }) => name) : [];
  if (!parsed.success || !names.includes(STORE_FILE) || new Set(names).size < names.length) {
    throw new LabError("failed", `Cannot restore from ${path}: there is no whole backup of rs in it`);
  }
  for (const { name, size, sha256 } of parsed.output.files) {
    if (fits(join(path, name), size, sha256)) continue;
    throw new LabError(
      "integrity",
      `Cannot restore from ${path}: ${name} is missing or has changed since the backup was made; use another backup`,
    );
  }
  return parsed.output;
}

function fits(path: string, size: number, sha256: string): boolean {
  try {
    return Deno.statSync(path).size === size && wholeSha256(path) === sha256;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw fileError(cause, `Cannot read ${path}`);
  }
}

/**
 * Remembers that a backup was made; for `rs status`. Where that can't be written the backup is a good one all the same: it
 * may have been made because the data folder's disk is full.
 */
export async function noteBackup(
  data: string,
  last: LastBackup,
  { clock, log }: { clock: Clock; log: Pick<Logger, "warn"> },
): Promise<void> {
  await writeAtomic(join(data, LAST_BACKUP_FILE), JSON.stringify(last) + "\n", { clock })
    .catch((cause) => log.warn(`${messageOf(cause)}; rs status won't tell of this backup`));
}

/** The last backup of a data folder that is known of. */
export function lastBackup(data: string): LastBackup | undefined {
  try {
    const text = Deno.readTextFileSync(join(data, LAST_BACKUP_FILE));
    const parsed = v.safeParse(lastSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    // Damaged or not there: it's only to be told of.
    return undefined;
  }
}
