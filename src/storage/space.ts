/** Free space on the volume of a folder. */

import { statfsSync } from "node:fs";

/**
 * Bytes that this program may still write there.
 *
 * @returns undefined where the system doesn't say.
 */
export function freeSpace(folder: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return Number(bavail) * Number(bsize);
  } catch {
    return undefined;
  }
}
