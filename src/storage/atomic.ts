/**
 * Writing a whole file so that readers see the old one or the new one, never half of it. On Windows a rename over a file
 * that somebody holds open is denied for as long as they do, so it's tried again with growing pauses.
 */

import type { Clock } from "../base/clock.ts";
import { fileError, requirePermission } from "./root.ts";

/** Pauses between attempts, milliseconds: two seconds in all, longer than a virus scanner's look at a new file. */
const PAUSES = [10, 20, 50, 100, 200, 400, 600, 600];

/** Renames, again and again for as long as another program holds the target open. */
export async function renameWithRetry(from: string, to: string, clock: Clock): Promise<void> {
  for (const pause of [...PAUSES, undefined]) {
    try {
      return await Deno.rename(from, to);
    } catch (cause) {
      const held = cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.Busy;
      if (!held || pause === undefined || Deno.build.os !== "windows") throw cause;
      await clock.sleep(pause);
    }
  }
}

/**
 * Writes a file whole or not at all.
 *
 * @param path full path; its folder must exist.
 * @param options.mode permission bits on systems that have them; 0o600 for secrets.
 * @throws {LabError} "disk_full", "not_permitted" or "failed"; the old file is then untouched.
 */
export async function writeAtomic(
  path: string,
  content: string | Uint8Array,
  options: { clock: Clock; mode?: number },
): Promise<void> {
  requirePermission(path, "write");
  const temporary = `${path}.new`;
  try {
    const mode = options.mode === undefined ? {} : { mode: options.mode };
    if (options.mode !== undefined) await Deno.remove(temporary).catch(() => {/* mostly not there */});
    const file = await Deno.open(temporary, { write: true, create: true, truncate: true, ...mode });
    try {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      let at = 0;
      while (at < bytes.length) at += await file.write(bytes.subarray(at));
      await file.syncData();
    } finally {
      file.close();
    }
    await renameWithRetry(temporary, path, options.clock);
  } catch (cause) {
    await Deno.remove(temporary).catch(() => {/* the next one writes over it */});
    throw fileError(cause, `Cannot write ${path}`);
  }
}

/** Reads a JSON file; undefined when it isn't there or is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  requirePermission(path, "read");
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof Deno.errors.NotFound) return undefined;
    throw fileError(cause, `Cannot read ${path}`);
  }
}
