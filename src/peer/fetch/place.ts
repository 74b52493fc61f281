/**
 * Where each fetched file goes. Nothing local is ever overwritten: a file that is there already, by hash, is left as it
 * is; where another file has the name, the new one becomes `name (PEER).ext`, and where a file has the name of its folder,
 * that folder becomes `folder (PEER)`.
 */

import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { conflictName, nameFault, printable } from "../../catalog/names.ts";
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
 * @param refused is told of each file that can't have one, and why.
 */
export async function placeFiles(
  files: readonly WantedFile[],
  root: Root,
  hash: LocalHash,
  refused: (file: WantedFile, error: LabError) => void,
): Promise<PlacedFile[]> {
  const taken = new Set<string>();
  const view = new FolderView(root);
  const placed: PlacedFile[] = [];
  const faultOf = folderFaults(root);
  const folderOf = folderNames(root, taken);
  for (const file of files) {
    const slash = file.name.lastIndexOf("/");
    const name = slash < 0 ? file.name : folderOf(file.name.slice(0, slash), file) + file.name.slice(slash);
    const key = comparable(name);
    const fault = renamedFault(file.name, name) ?? faultOf(name) ?? clash(key, taken);
    if (fault) {
      refused(file, fault);
    } else if (isTaken(key, taken) || view.has(name)) {
      const beside = await placeBeside(file, name, root, hash, taken);
      if (beside instanceof LabError) refused(file, beside);
      else placed.push(beside);
    } else {
      take(key, taken);
      placed.push({ ...file, target: name, present: false });
    }
  }
  return placed;
}

/** Tells what a file's folder has to be called; looks at each folder once. */
function folderNames(root: Root, taken: ReadonlySet<string>): (folder: string, file: WantedFile) => string {
  const names = new Map<string, string>();
  const nameOf = (folder: string, peer: string): string => {
    const slash = folder.lastIndexOf("/");
    const name = slash < 0 ? folder : known(folder.slice(0, slash), peer) + folder.slice(slash);
    // What lies there is refused.
    if (nameFault(name) !== undefined) return name;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const free = attempt === 0 ? name : conflictName(name, peer, attempt);
      if (!taken.has(comparable(free)) && !look(root, free)?.isFile) return free;
    }
    return name;
  };
  const known = (folder: string, peer: string): string => {
    const key = `${peer}\n${folder}`;
    const name = names.get(key) ?? nameOf(folder, peer);
    names.set(key, name);
    return name;
  };
  return (folder, file) => known(folder, peerOf(file));
}

/** Why a file can't have the name that it gets by its folder's new name: that is longer. */
function renamedFault(was: string, name: string): LabError | undefined {
  const fault = name === was ? undefined : nameFault(name);
  if (fault === undefined) return undefined;
  return new LabError(
    "name_refused",
    `Cannot save ${
      printable(was)
    }: a file has its folder's name, and under another one ${fault}; rename that file and try again`,
  );
}

/** By whom a file is called that can't have its own name. */
function peerOf({ holders }: WantedFile): string {
  return holders[0]?.peer ?? "network";
}

/**
 * Finds each file's place when it takes its name whoever has it now, as in a lead's broadcast. What has the name, or that
 * of a folder above it, is moved away when the file is whole, not before.
 */
export async function placeInstead(
  files: readonly WantedFile[],
  root: Root,
  hash: LocalHash,
  refused: (file: WantedFile, error: LabError) => void,
): Promise<PlacedFile[]> {
  const taken = new Set<string>();
  const view = new FolderView(root);
  const placed: PlacedFile[] = [];
  const faultOf = folderFaults(root, { filesGiveWay: true });
  for (const file of files) {
    const key = comparable(file.name);
    const fault = faultOf(file.name) ?? clash(key, taken);
    if (!fault && isTaken(key, taken)) {
      // Names that are one on some systems: the second file of the broadcast must not push the first away.
      const beside = await placeBeside(file, file.name, root, hash, taken);
      if (beside instanceof LabError) refused(file, beside);
      else placed.push(beside);
      continue;
    }
    take(key, taken);
    const there = view.has(file.name) ? look(root, file.name) : undefined;
    if (fault) refused(file, fault);
    else if (there?.isDirectory) {
      refused(
        file,
        new LabError(
          "failed",
          `Cannot save ${printable(file.name)}: a folder has that name; rename it and try again`,
        ),
      );
    } else {
      const present = there !== undefined && await isSame(there, file, file.name, hash);
      placed.push({ ...file, target: file.name, present });
    }
  }
  return placed;
}

/** Notes a file's name, and with a slash at its end the name of each folder above it. */
function take(key: string, taken: Set<string>): void {
  taken.add(key);
  for (let at = key.lastIndexOf("/"); at > 0; at = key.lastIndexOf("/", at - 1)) {
    taken.add(key.slice(0, at + 1));
  }
}

/** Another wanted file, or a folder of one, has the name. */
function isTaken(key: string, taken: ReadonlySet<string>): boolean {
  return taken.has(key) || taken.has(`${key}/`);
}

/** Another wanted file has the name of a folder that this one needs. */
function clash(key: string, taken: ReadonlySet<string>): LabError | undefined {
  for (let at = key.lastIndexOf("/"); at > 0; at = key.lastIndexOf("/", at - 1)) {
    const folder = key.slice(0, at);
    if (!taken.has(folder)) continue;
    return new LabError(
      "failed",
      `Cannot save ${printable(key)}: ${printable(folder)} is fetched as a file too`,
    );
  }
  return undefined;
}

/** Something has the name, here or among the wanted files themselves. */
async function placeBeside(
  file: WantedFile,
  name: string,
  root: Root,
  hash: LocalHash,
  taken: Set<string>,
): Promise<PlacedFile | LabError> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const target = attempt === 0 ? name : conflictName(name, peerOf(file), attempt);
    const key = comparable(target);
    if (isTaken(key, taken)) continue;
    const there = look(root, target);
    if (there && !(await isSame(there, file, target, hash))) continue;
    take(key, taken);
    return { ...file, target, present: there !== undefined };
  }
  return new LabError(
    "failed",
    `Cannot save ${printable(file.name)}: ${ATTEMPTS} files of that name are there already`,
  );
}

/** What has the name, a broken link too. */
function look(root: Root, target: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(root.pathOf(target));
  } catch {
    return undefined;
  }
}

/**
 * Tells why nothing can be written to a file's folder; looks at each folder once.
 *
 * @param options.filesGiveWay a file in the place of a folder will be moved away.
 */
function folderFaults(
  root: Root,
  options: { filesGiveWay?: boolean } = {},
): (name: string) => LabError | undefined {
  const faults = new Map<string, LabError | undefined>();
  return (name) => {
    const folder = name.slice(0, Math.max(0, name.lastIndexOf("/")));
    if (!faults.has(folder)) faults.set(folder, folderFault(root, folder, options));
    return faults.get(folder);
  };
}

/** Why nothing can be written to a folder: a file, or a link that leads out, stands in its way. */
function folderFault(
  root: Root,
  folder: string,
  { filesGiveWay = false }: { filesGiveWay?: boolean },
): LabError | undefined {
  const parts = folder === "" ? [] : folder.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const name = parts.slice(0, depth).join("/");
    const there = look(root, name);
    if (!there || (filesGiveWay && there.isFile)) return undefined;
    try {
      if (Deno.statSync(root.pathToRead(name)).isDirectory) continue;
    } catch (cause) {
      return new LabError(codeOf(cause), `Cannot save to ${printable(folder)}: ${messageOf(cause)}`, {
        cause,
      });
    }
    return new LabError(
      "failed",
      `Cannot save to ${printable(folder)}: ${
        printable(name)
      } is a file, not a folder; rename it and try again`,
    );
  }
  return undefined;
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
