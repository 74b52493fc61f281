/** Part files that nobody came back for: left by interrupted fetches, of use for a resume, but not for ever. */

import { join } from "@std/path";
import { OWN_PREFIX, type Root } from "./root.ts";

/** A lab meets at least once a week; what wasn't resumed by then isn't missed. Milliseconds. */
const KEEP = 14 * 24 * 3600_000;

/**
 * Removes our own files in a root that have not been touched for two weeks.
 *
 * @param now milliseconds since 1970.
 */
export function removeOldParts(root: Root, now: number): void {
  try {
    for (const { name, isSymlink } of Deno.readDirSync(root.path)) {
      if (isSymlink || !name.startsWith(OWN_PREFIX)) continue;
      const path = join(root.path, name);
      const { mtime } = Deno.lstatSync(path);
      if (mtime && now - mtime.getTime() > KEEP) Deno.removeSync(path, { recursive: true });
    }
  } catch { /* what can't be removed does no harm */ }
}
