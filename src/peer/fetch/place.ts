/**
 * Where each fetched file goes. Nothing local is ever overwritten: a file that is there already, by hash, is left as it
 * is; where another file has the name, the new one becomes `name (PEER).ext`.
 */

import { existsSync } from "node:fs";
import { LabError } from "../../base/errors.ts";
import { conflictName, printable } from "../../catalog/names.ts";
import { comparable, FolderView } from "../../storage/folder_view.ts";
import type { Root } from "../../storage/root.ts";
import type { PlacedFile } from "./contents.ts";
import type { WantedFile } from "./select.ts";

/** Tells the SHA-256 of a file below the destination: from the index when it's current, else by reading it. */
export type LocalHash = (name: string, size: number, modified: number) => Promise<string | undefined>;

/** Names tried for one file before giving up. */
const ATTEMPTS = 100;

/**
 * Finds each file's place.
 *
 * @throws {LabError} when a name can't be had at all.
 */
export async function placeFiles(
  files: readonly WantedFile[],
  root: Root,
  hash: LocalHash,
): Promise<PlacedFile[]> {
  const taken = new Set<string>();
  const view = new FolderView(root);
  const placed: PlacedFile[] = [];
  for (const file of files) {
    const key = comparable(file.name);
    if (taken.has(key) || view.has(file.name)) {
      placed.push(await placeBeside(file, root, hash, taken));
    } else {
      taken.add(key);
      placed.push({ ...file, target: file.name, present: false });
    }
  }
  return placed;
}

/** Something has the name, here or among the wanted files themselves. */
async function placeBeside(
  file: WantedFile,
  root: Root,
  hash: LocalHash,
  taken: Set<string>,
): Promise<PlacedFile> {
  const peer = file.holders[0]?.peer ?? "network";
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = attempt === 0 ? file.name : conflictName(file.name, peer, attempt);
    const key = comparable(target);
    if (taken.has(key)) continue;
    const there = look(root, target);
    if (there && !(await isSame(there, file, target, hash))) continue;
    taken.add(key);
    return { ...file, target, present: there !== undefined };
  }
  throw new LabError(
    "failed",
    `Cannot save ${printable(file.name)}: ${ATTEMPTS} files of that name are there already`,
  );
}

/** Most often nothing is there, and an exception costs ten times as much as this look. */
function look(root: Root, target: string): Deno.FileInfo | undefined {
  const path = root.pathOf(target);
  return existsSync(path) ? Deno.lstatSync(path) : undefined;
}

async function isSame(
  there: Deno.FileInfo,
  file: WantedFile,
  target: string,
  hash: LocalHash,
): Promise<boolean> {
  if (!there.isFile || there.size !== file.size) return false;
  return await hash(target, there.size, there.mtime?.getTime() ?? 0) === file.sha256;
}
