/**
 * `rs backup` and `rs restore`. A running `rs serve` makes the copy itself, in its data folder, and answers nobody for that
 * moment; this process takes it from there to where it was told. Restoring is only done while none runs.
 */

import { isAbsolute, join, relative, resolve } from "@std/path";
import { LabError } from "../../base/errors.ts";
import { formatBytes, formatSeconds } from "../../base/units.ts";
import { connectControl, type ControlClient } from "../../peer/control.ts";
import { type Backup, copyKeys, finishBackup, makeBackupFolder, noteBackup } from "../../registry/backup.ts";
import { restore } from "../../registry/restore.ts";
import { copyFile, STORE_FILE } from "../../registry/sqlite_file.ts";
import { type FileLock, tryLock } from "../../storage/lock.ts";
import type { CommandContext } from "../context.ts";
import { VERSION } from "../version.ts";
import type { BACKUP_FLAGS } from "./rs_flags.ts";
import { demandHere } from "./rs_store.ts";
import { peerContext } from "./setting.ts";

type Ctx = CommandContext<typeof BACKUP_FLAGS>;

/** Runs the one that was typed. */
export async function run(ctx: Ctx): Promise<void> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
  if (ctx.command === "restore") await runRestore(ctx, data);
  else await runBackup(ctx, data);
}

async function runBackup(ctx: Ctx, data: string): Promise<void> {
  const { clock, output, folders } = ctx;
  await demandHere(data, folders.data, "back up");
  const time = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  const named = ctx.args[0] ?? join(folders.data, "backups", time);
  demandNotShared(named, folders.share);
  const to = await ctx.ensureAccess(named, "read-write", { folder: "data" });
  const control = await connectControl(data, "rs", peerContext(ctx));
  makeBackupFolder(to);
  try {
    const backup = control ? await copyFromServe(ctx, control, to) : await copyHere(ctx, data, to);
    await noteBackup(data, { made: backup.made, path: to }, ctx);
    const bytes = backup.files.reduce((sum, { size }) => sum + size, 0);
    output.json({ event: "backup", path: to, bytes, made: backup.made, secured: backup.secured });
    output.result(`Backup made: ${to}, ${formatBytes(bytes)}`);
    if (backup.secured) {
      output.line(
        "The lab's private keys are in it: whoever can read it owns the lab. Keep it where only you can.",
      );
    }
  } catch (thrown) {
    Deno.removeSync(to, { recursive: true });
    throw thrown;
  }
}

/** A peer on this PC may share that folder with everybody. */
function demandNotShared(path: string, share: string): void {
  const inside = relative(resolve(share), resolve(path));
  if (inside === ".." || /^\.\.[\\/]/.test(inside) || isAbsolute(inside)) return;
  throw new LabError(
    "usage",
    `Cannot back up to ${path}: it is in the share, which others can read, and a backup holds the lab's keys; name another folder`,
  );
}

async function copyFromServe(ctx: Ctx, control: ControlClient, to: string): Promise<Backup> {
  const { clock, signal } = ctx;
  let copied: { path: string; made: number } | undefined;
  try {
    await control.run("backup", {}, (line) => {
      copied = { path: String(line.path), made: Number(line.made) };
    }, signal);
  } finally {
    control.close();
  }
  if (!copied) throw new LabError("failed", "Cannot back up: rs serve did not say where the copy is");
  try {
    return await finishBackup(copied.path, to, { made: copied.made, version: VERSION, clock });
  } finally {
    await Deno.remove(copied.path, { recursive: true });
  }
}

async function copyHere({ clock, folders }: Ctx, data: string, to: string): Promise<Backup> {
  const lock = lockFor(data, folders.data, "back up");
  try {
    const made = clock.now();
    await copyFile(data, join(to, STORE_FILE));
    await copyKeys(data, to);
    return await finishBackup(to, to, { made, version: VERSION, clock });
  } finally {
    lock.release();
  }
}

async function runRestore(ctx: Ctx, data: string): Promise<void> {
  const { clock, output, folders } = ctx;
  await demandHere(data, folders.data, "restore");
  const named = ctx.args[0]!;
  const from = await ctx.ensureAccess(named, "read", { folder: "data" });
  Deno.mkdirSync(data, { recursive: true });
  const lock = lockFor(data, folders.data, "restore");
  try {
    const { backup, replaced } = await restore(data, from, clock);
    const { made, secured } = backup;
    const age = Math.max(0, Math.round((clock.now() - Date.parse(made)) / 1000));
    output.json({ event: "restored", made, secured, ...replaced === undefined ? {} : { replaced } });
    output.result(`Restored what was backed up ${formatSeconds(age)} ago, at ${made}`);
    if (replaced !== undefined) output.line(`What was there before is in ${replaced}`);
    if (secured) {
      output.line(
        "Who has joined since then has to join again, and who was revoked since then is a member again: see rs members",
      );
    }
  } finally {
    lock.release();
  }
}

function lockFor(data: string, shown: string, what: string): FileLock {
  const lock = tryLock(join(data, "serve.lock"));
  if (lock) return lock;
  throw new LabError("failed", `Cannot ${what}: an rs serve uses the data folder ${shown}; end it first`);
}
