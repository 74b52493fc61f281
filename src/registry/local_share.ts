/**
 * Broadcast files that lie in the registration server's own share: it can deliver them itself, after the command that
 * sent them has ended. Files elsewhere live as long as their command.
 *
 * Rules: only regular files below the share, looked at when they are taken over; a file that changes afterwards is not
 * delivered, which is for who reads it to see (`size` and `modified`).
 */

import { basename, dirname, relative, SEPARATOR } from "../deps/std_path.ts";
import { LabError } from "../base/errors.ts";
import { printable } from "../catalog/names.ts";
import { Root } from "../storage/root.ts";
import { isoTime } from "../storage/scan.ts";
import type { BroadcastFile, BroadcastStore } from "./broadcast_store.ts";

/** A file of ours, as it was when it was taken over. */
export interface OwnFile {
  /** Name below the root. */
  name: string;
  root: Root;
  size: number;
  /** ISO 8601. */
  modified: string;
}

/** Broadcast files in the registration server's own share. */
export class LocalShare {
  #root: Root | undefined;
  #files = new Map<string, Map<string, OwnFile>>();

  /** @param share absolute path; without one nothing is delivered from here. */
  constructor(share: string | undefined, private store: BroadcastStore) {
    try {
      if (share !== undefined) this.#root = Root.open(share, "read");
    } catch {
      // Not there, or not allowed: there is nothing in it.
    }
  }

  /** Tells whether all files of a broadcast can be had here. */
  has(id: string): boolean {
    return this.#files.has(id);
  }

  /** A file of some broadcast. */
  find(sha256: string, name: string): OwnFile | undefined {
    for (const files of this.#files.values()) {
      const found = files.get(`${sha256} ${name}`);
      if (found) return found;
    }
    return undefined;
  }

  /** Takes up again what was taken over before a restart. */
  async load(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#keep(id, await this.store.files(id));
  }

  /**
   * Takes a broadcast's files over.
   *
   * @param paths absolute paths as they were broadcast: files and folders below the share.
   * @throws {LabError} when one is not below the share, or not as it was told.
   */
  async adopt(id: string, paths: readonly string[]): Promise<void> {
    const root = this.#root;
    if (!root) throw new LabError("not_found", "Cannot deliver from here: this server has no share");
    const folders = new Map(paths.map((path) => [basename(path), folderOf(root, path)]));
    const files = (await this.store.files(id)).map((file) => ({ ...file, here: look(root, file, folders) }));
    await this.store.saveFiles(id, 0, files);
    this.#keep(id, files);
  }

  /** It is not to be had here any longer. */
  forget(id: string): void {
    this.#files.delete(id);
  }

  #keep(id: string, files: readonly BroadcastFile[]): void {
    const root = this.#root;
    if (!root || files.length === 0 || files.some(({ here }) => !here)) return;
    this.#files.set(
      id,
      new Map(files.map(({ name, size, sha256, here }) => [`${sha256} ${name}`, { ...here!, root, size }])),
    );
  }
}

/** The folder that a path lies in, below the root, with a slash at its end; empty for the root itself. */
function folderOf(root: Root, path: string): string {
  const folder = relative(root.path, dirname(path)).replaceAll(SEPARATOR, "/");
  return folder === "" ? "" : `${folder}/`;
}

function look(
  root: Root,
  { name, size }: BroadcastFile,
  folders: ReadonlyMap<string, string>,
): { name: string; modified: string } {
  const folder = folders.get(name.split("/", 1)[0]!);
  if (folder === undefined) {
    throw new LabError("not_found", `Cannot find ${printable(name)} in the share`);
  }
  const below = `${folder}${name}`;
  const info = Deno.lstatSync(root.pathToRead(below));
  if (!info.isFile || info.size !== size) {
    throw new LabError("changed", `${printable(name)} is not what was broadcast`);
  }
  return { name: below, modified: isoTime(info.mtime) };
}
