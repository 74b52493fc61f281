/** Locks between processes: two programs must not write the same part file or serve the same data folder. */

import { dirname } from "@std/path";
import { fileError, requirePermission } from "./root.ts";

/** A lock that is held until it is released or the process ends, however it ends. */
export interface FileLock {
  release(): void;
}

/**
 * Takes the lock, if nobody else has it.
 *
 * @param path of the lock file; it is made, and removed on release.
 * @returns undefined when another process or worker holds it.
 * @throws {LabError} when its folder can't be written.
 */
export function tryLock(path: string): FileLock | undefined {
  requirePermission(path, "write");
  const file = open(path);
  if (!file.tryLockSync(true)) {
    file.close();
    return undefined;
  }
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      try {
        Deno.removeSync(path);
      } catch { /* Windows keeps a file that is open; it does no harm */ }
      file.close();
    },
  };
}

function open(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { read: true, write: true, create: true });
  } catch (cause) {
    throw fileError(cause, `Cannot write to ${dirname(path)}`);
  }
}
