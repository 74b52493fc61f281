/**
 * Part files that are there for broadcasts only. Beside such a `.labswarm-KEY.part` lies a `.labswarm-KEY.cast` with the ids of
 * the broadcasts that brought it; once a fetch of somebody's own goes on with it, it is no longer there, and the part is kept
 * like any other. When all of its broadcasts were withdrawn, the list is empty, and the part goes (`old_parts.ts`).
 *
 * What can't be written or removed here leaves a part file for two weeks, no more.
 */

import { existsSync } from "node:fs";
import { PartFile } from "./part_file.ts";
import { OWN_PREFIX, type Root } from "./root.ts";

/** The end of the list's name. */
export const CAST = ".cast";

/**
 * A content is about to be received under this key, whose lock is held.
 *
 * @param broadcast what brings it; undefined: somebody here wants it.
 */
export function claimPart(root: Root, key: string, broadcast: string | undefined): void {
  const list = listOf(root, key);
  if (broadcast === undefined) return remove(list);
  const ids = read(list);
  // Without a list it is somebody's own.
  if (!ids && existsSync(PartFile.pathFor(root, key))) return;
  write(list, new Set([...ids ?? [], broadcast]));
}

/** It is received no longer, and the lock is about to be released: in its place, or given up. Without a part there is no list. */
export function leavePart(root: Root, key: string): void {
  if (!existsSync(PartFile.pathFor(root, key))) remove(listOf(root, key));
}

/** A second broadcast brings the same, by the run of a first one. */
export function shareParts(root: Root, first: string, second: string): void {
  change(root, first, (ids) => ids.add(second));
}

/** A broadcast was withdrawn: the parts that are there for it alone may go. */
export function releaseParts(root: Root, broadcast: string): void {
  change(root, broadcast, (ids) => ids.delete(broadcast));
}

function change(root: Root, broadcast: string, to: (ids: Set<string>) => void): void {
  try {
    for (const { name, isFile } of Deno.readDirSync(root.path)) {
      if (!isFile || !name.startsWith(OWN_PREFIX) || !name.endsWith(CAST)) continue;
      const list = listOf(root, name.slice(OWN_PREFIX.length, -CAST.length));
      const ids = read(list);
      if (!ids?.has(broadcast)) continue;
      to(ids);
      write(list, ids);
    }
  } catch { /* the share can't be read: nothing was received there */ }
}

function listOf(root: Root, key: string): string {
  return root.ownPath(`${key}${CAST}`);
}

function read(list: string): Set<string> | undefined {
  try {
    return new Set(Deno.readTextFileSync(list).split("\n").filter((id) => id !== ""));
  } catch {
    return undefined;
  }
}

function write(list: string, ids: ReadonlySet<string>): void {
  try {
    Deno.writeTextFileSync(list, [...ids].map((id) => `${id}\n`).join(""));
  } catch {
    // The part is kept for two weeks then; an empty list, as a full disk leaves it, would mean that it was withdrawn.
    remove(list);
  }
}

function remove(list: string): void {
  try {
    Deno.removeSync(list);
  } catch { /* it was none of a broadcast, or can't be */ }
}
