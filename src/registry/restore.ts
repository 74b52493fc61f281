/**
 * Puts a backup back into a data folder. Nobody else may use the folder meanwhile.
 *
 * Rules: all is checked and copied before anything is touched; what was there is moved to `replaced/TIME`, never deleted.
 * While files change places a folder `.restore` lies there: with it `rs serve` doesn't start, lest it make a new lab in place
 * of one that is half away; the restore is simply run again.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { join } from "../deps/std_path.ts";
import { MEMBERSHIP_FILE } from "../join/credentials.ts";
import { renameWithRetry } from "../storage/atomic.ts";
import { fileError } from "../storage/root.ts";
import { type Backup, BACKUP_FILE, checkBackup, LAST_BACKUP_FILE } from "./backup.ts";
import { AUTHORITY_FILE, MEMBERS_FILE, SecuredLab } from "./lab.ts";
import { demandGoodFile, exists, STORE_FILE } from "./sqlite_file.ts";

const STAGE = ".restore";

/** What must not stay beside files of another time. The authority goes first and comes last. */
const REPLACED = [
  AUTHORITY_FILE,
  MEMBERSHIP_FILE,
  MEMBERS_FILE,
  ...["", "-wal", "-shm", "-journal"].map((part) => STORE_FILE + part),
  "page.key",
  LAST_BACKUP_FILE,
];

/** What a restore did. */
export interface Restored {
  backup: Backup;
  /** Folder with what was there before, absolute; undefined when there was nothing. */
  replaced: string | undefined;
}

/**
 * Restores.
 *
 * @param data absolute path of the data folder, locked by the caller.
 * @param from folder of the backup.
 * @throws {LabError} "integrity" when the backup is damaged, "failed" when it isn't one, or a newer program made it.
 */
export async function restore(data: string, from: string, clock: Clock): Promise<Restored> {
  const backup = await checkBackup(from);
  const stage = join(data, STAGE);
  const isAgain = exists(stage);
  await empty(stage);
  const names = backup.files.map(({ name }) => name);
  try {
    for (const name of names) await Deno.copyFile(join(from, name), join(stage, name));
    await Deno.copyFile(join(from, BACKUP_FILE), join(stage, BACKUP_FILE));
    await checkBackup(stage);
    demandGoodFile(join(stage, STORE_FILE));
    // A lab that can't be opened is found out while the old one is still in its place.
    if (backup.secured) await SecuredLab.open({ data: stage, clock, log: silentLogger });
  } catch (cause) {
    if (!isAgain) await Deno.remove(stage, { recursive: true }).catch(() => {});
    throw fileError(cause, `Cannot restore from ${from}`);
  }
  const replaced = await moveAside(data, clock);
  for (const name of names) await renameWithRetry(join(stage, name), join(data, name), clock);
  await Deno.remove(stage, { recursive: true });
  return { backup, replaced };
}

/**
 * Demands that no restore stopped half-way.
 *
 * @throws {LabError} "failed" saying what to do.
 */
export function demandNoHalfRestore(data: string): void {
  if (!exists(join(data, STAGE))) return;
  throw new LabError(
    "failed",
    `Cannot serve: a restore into ${data} was broken off; run rs restore again`,
  );
}

async function empty(stage: string): Promise<void> {
  Deno.mkdirSync(stage, { recursive: true, mode: 0o700 });
  for (const { name } of Deno.readDirSync(stage)) await Deno.remove(join(stage, name), { recursive: true });
}

async function moveAside(data: string, clock: Clock): Promise<string | undefined> {
  const there = REPLACED.filter((name) => exists(join(data, name)));
  if (there.length === 0) return undefined;
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  let folder = join(data, "replaced", time);
  for (let n = 2; exists(folder); n++) folder = join(data, "replaced", `${time}-${n}`);
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of there) await renameWithRetry(join(data, name), join(folder, name), clock);
  return folder;
}
