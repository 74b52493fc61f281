/**
 * What the runtime has granted already, without asking the person. The runtime keeps each path that it's asked about for
 * ever, with 0.7 KB: a path for each file of a share, or for each broadcast, would fill the memory of a serve that stays
 * up. So the folders above are asked about first, and the first that is granted speaks for all that lies in it.
 */

import { dirname, normalize } from "@std/path";

/** What a path is to be used for. */
export type Access = "read" | "write";

/**
 * Tells whether an access has been granted; nobody is asked for it.
 *
 * @param path absolute; ".." in it counts by name, as the runtime counts it.
 * @example
 * ```ts
 * import { isGranted } from "./granted.ts";
 * const { state } = Deno.permissions.querySync({ name: "read", path: "/tmp" });
 * if (isGranted("read", "/tmp") !== (state === "granted")) throw new Error("asked about another");
 * ```
 */
export function isGranted(name: Access, path: string): boolean {
  // Of /share/../x the folder above seems to lie in /share.
  path = normalize(path);
  return isWhollyGranted(name, dirname(path)) ||
    Deno.permissions.querySync({ name, path }).state === "granted";
}

/** A folder of which a part is denied says nothing of what lies in it. */
function isWhollyGranted(name: Access, folder: string): boolean {
  const above = dirname(folder);
  if (above !== folder && isWhollyGranted(name, above)) return true;
  const { state, partial } = Deno.permissions.querySync({ name, path: folder });
  return state === "granted" && !partial;
}
