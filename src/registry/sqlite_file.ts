/**
 * The SQLite file of a registration server as a file: may it be touched, is it ours and sound, copying it, setting a damaged
 * one aside. What is in it is sqlite_store.ts's.
 */

import { backup, DatabaseSync } from "node:sqlite";
import { LabError, messageOf } from "../base/errors.ts";
import { basename, join } from "../deps/std_path.ts";

/** The file's name in the data folder. */
export const STORE_FILE = "rs.sqlite";

/** Raised by one with each change to the tables. */
export const SCHEMA_VERSION = 3;

/**
 * Opens a database for this process alone. Otherwise SQLite keeps a file of shared memory beside it, for which a full disk
 * has no room: a server that was killed there could neither start again nor be backed up.
 *
 * @throws what SQLite throws, at the first look into it.
 */
export function openAlone(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  return db;
}

/**
 * Copies the database of a data folder that no process uses.
 *
 * @throws {LabError} "failed" when it is damaged, or in use.
 */
export async function copyFile(dataDir: string, to: string): Promise<void> {
  const path = join(dataDir, STORE_FILE);
  demandGoodFile(path);
  const db = openAlone(path);
  try {
    await backup(db, to);
  } catch (thrown) {
    throw asOurs(thrown, "copy");
  } finally {
    db.close();
  }
}

/**
 * Demands that a file is a database of ours that this program can use.
 *
 * @throws {LabError} "failed".
 */
export function demandGoodFile(path: string): void {
  if (!exists(path)) throw new LabError("failed", `Cannot use ${path}: there is no database yet`);
  try {
    const db = openAlone(path);
    try {
      demandVersion(db);
      demandSound(db);
    } finally {
      db.close();
    }
  } catch (thrown) {
    throw asOurs(thrown, "use");
  }
}

/**
 * Refuses the file of a newer program.
 *
 * @returns the version of its tables, 0 when there are none.
 * @throws {LabError} "failed".
 */
export function demandVersion(db: DatabaseSync): number {
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version <= SCHEMA_VERSION) return version;
  throw new LabError(
    "failed",
    `Cannot use ${STORE_FILE} of version ${version}: this program knows ${SCHEMA_VERSION}; use the newer program, or another data folder`,
  );
}

/**
 * Looks through a database.
 *
 * @throws when it is damaged.
 */
export function demandSound(db: DatabaseSync): void {
  const { quick_check: found } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
  if (found !== "ok") throw new Error(`malformed: ${found}`);
}

/** Symbols of a member's id. Its cookie is its id in a secured lab; an open lab's have 32. */
const MEMBER_ID_LENGTH = 26;

/**
 * Tells whether members of a secured lab have registered in the database of a data folder that no process uses. Of a
 * damaged one, which is set aside anyway, nobody can tell.
 *
 * @throws {LabError} "failed" when it is in use.
 */
export function knowsMembers(dataDir: string): boolean {
  const path = join(dataDir, STORE_FILE);
  if (!exists(path)) return false;
  try {
    const db = openAlone(path);
    try {
      return db.prepare("SELECT 1 FROM peers WHERE length(cookie) = ? LIMIT 1").get(MEMBER_ID_LENGTH) !==
        undefined;
    } finally {
      db.close();
    }
  } catch (thrown) {
    if (isDamage(thrown)) return false;
    throw asOurs(thrown, "look into");
  }
}

/** Storage code never asks on the terminal: without access it says so. */
export async function demandAccess(dataDir: string): Promise<void> {
  for (const name of ["read", "write"] as const) {
    const { state } = await Deno.permissions.query({ name, path: dataDir });
    if (state === "granted") continue;
    throw new LabError(
      "not_permitted",
      `Cannot keep data in ${dataDir}: the sandbox forbids it; ./rs-data is the folder that this program may use`,
    );
  }
}

/** SQLite gives its reasons as text only. */
export function isDamage(thrown: unknown): boolean {
  return !(thrown instanceof LabError) &&
    /not a database|malformed|no such (?:table|column)/.test(messageOf(thrown));
}

/** An error of SQLite as one of ours. */
export function asOurs(thrown: unknown, what: string): LabError {
  if (thrown instanceof LabError) return thrown;
  const text = messageOf(thrown);
  if (/locked/.test(text)) {
    return new LabError("failed", `Cannot ${what} ${STORE_FILE}: another rs uses this data folder`, {
      cause: thrown,
    });
  }
  const code = /full/.test(text) ? "disk_full" : "failed";
  return new LabError(code, `Cannot ${what} ${STORE_FILE}: ${text}`, { cause: thrown });
}

/** Renames the file and what belongs to it, and says how the file is called now. */
export function setAside(path: string, now: number): string {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  const first = `${path}.damaged-${time}`;
  let target = first;
  for (let n = 2; exists(target); n++) target = `${first}-${n}`;
  for (const part of ["", "-wal", "-shm", "-journal"]) {
    if (exists(path + part)) Deno.renameSync(path + part, target + part);
  }
  return basename(target);
}

/** Tells whether there is anything of that name. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}
