/** Places for measured files: a tmpfs of our own, or a folder on a disk. */

import { statfsSync } from "node:fs";
import type { Cleanup } from "./cleanup.ts";
import { haveMemory, keepFreeMemory } from "./lent_memory.ts";
import { run } from "./measure.ts";
import { CannotRun, isRoot } from "./tools.ts";

/** The file system type that statfs gives for a tmpfs. */
const TMPFS_MAGIC = 0x01021994;

/** What the programs of a bench need beside their files, unless told. */
const PROGRAMS = 1e9;

/** True for a folder on a tmpfs. */
export function isTmpfs(folder: string): boolean {
  return statfsSync(folder).type === TMPFS_MAGIC;
}

/** Bytes free for us on a folder's file system. */
export function freeSpace(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/**
 * Mounts a tmpfs on a new temporary folder; it is unmounted and removed at the end. /dev/shm would do for the rivals, but
 * the sandbox of our executables refuses everything below /dev. The memory that it needs, and the programs, is had before.
 *
 * @param bytes what it must hold.
 * @param programs bytes that programs need beside it.
 * @throws {CannotRun} when this process isn't root, or the machine has too little memory.
 */
export async function mountTmpfs(bytes: number, cleanup: Cleanup, programs = PROGRAMS): Promise<string> {
  if (!isRoot()) {
    throw new CannotRun(
      "Mounting a tmpfs needs root: run as root, or name a folder on a tmpfs outside /dev with --folder",
    );
  }
  const { available } = Deno.systemMemoryInfo();
  if (available < bytes * 1.2) {
    throw new CannotRun(
      `A tmpfs for ${(bytes / 1e9).toFixed(1)} GB needs more than the ${
        (available / 1e9).toFixed(1)
      } GB of memory ` +
        "that are free: choose a smaller --size",
    );
  }
  const folder = await Deno.makeTempDir({ prefix: "labswarm-bench-" });
  cleanup.add(() => Deno.remove(folder, { recursive: true }));
  keepFreeMemory(cleanup);
  await haveMemory(bytes + programs, folder, cleanup.signal);
  await run("mount", "-t", "tmpfs", "-o", `size=${Math.ceil(bytes)},mode=755`, "labswarm-bench", folder);
  cleanup.add(() => run("umount", folder));
  console.error(`tmpfs of ${(bytes / 1e9).toFixed(1)} GB mounted on ${folder}`);
  return folder;
}
