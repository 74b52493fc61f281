/**
 * From paths that a person named to files that can be offered: looked at, hashed, under names that every peer accepts. For
 * `send` and `broadcast` alike; the paths may lie outside the share.
 */

import { basename, resolve } from "@std/path";
import { LabError } from "../base/errors.ts";
import type { Scanned } from "../catalog/index.ts";
import { MAX_PIECE_SIZE, pieceSizeFor } from "../catalog/layout.ts";
import { nameFault, printable } from "../catalog/names.ts";
import { hashFile } from "../storage/hashing.ts";
import { fileError, Root } from "../storage/root.ts";
import { isoTime, ShareScanner } from "../storage/scan.ts";
import type { HashedFile } from "./broadcast/hashed_file.ts";
import type { PeerContext } from "./context.ts";
import { ContentStore, type LocalFile } from "./serve/content_store.ts";

/** A file to be sent. */
export interface SendFile extends LocalFile {
  /** The name under which it is offered. */
  offered: string;
  /** A provisional name in its place while it is `hashing`. */
  sha256: string;
  /** It is hashed while it travels. */
  hashing?: HashedFile;
}

/** Pieces' hashes of the files of one command, kept nowhere. */
const NO_CACHE = { get: () => undefined, put: () => {} };

/**
 * Reads and hashes what is to be sent; folders keep their tree below their own name.
 *
 * @param paths files or folders, as the person named them; reading them must have been granted.
 * @throws {LabError} when something can't be read or has a name that no peer would accept.
 */
export async function filesToSend(paths: readonly string[]): Promise<SendFile[]> {
  const files: SendFile[] = [];
  const said = new Map(paths.map((path) => [resolve(path), path]));
  for (const [absolute, path] of said) files.push(...await filesOf(absolute, path));
  if (files.length === 0) {
    throw new LabError("not_found", `Cannot send ${paths.join(", ")}: there is no file in it`);
  }
  demandNames(files);
  return files;
}

/**
 * Looks whether what was named is there and may be sent, before anybody is asked for anything.
 *
 * @throws {LabError} as {@linkcode fileToSend} does.
 */
export function demandThere(paths: readonly string[]): void {
  for (const path of paths) fileToSend(resolve(path), path);
}

/** Two files under one name would be one at the receiver, and nobody could say which. */
function demandNames(files: readonly SendFile[]): void {
  const names = new Set<string>();
  for (const { offered } of files) {
    if (names.has(offered)) {
      throw new LabError(
        "failed",
        `Cannot send two files that would both be called ${printable(offered)} there: ` +
          "send them one after the other, or the folder that holds them",
      );
    }
    names.add(offered);
  }
}

async function filesOf(absolute: string, said: string): Promise<SendFile[]> {
  const file = fileToSend(absolute, said);
  if (!file) return await filesInFolder(absolute, basename(absolute));
  const { name, size } = file;
  const { sha256 } = await hashFile(absolute, size, pieceSizeFor(size), new Uint8Array(MAX_PIECE_SIZE));
  return [{ ...file, offered: name, sha256 }];
}

/**
 * Looks at a single file.
 *
 * @param said the path as the person named it.
 * @returns undefined for a folder.
 * @throws {LabError} when it can't be read or has a name that no peer would accept.
 */
export function fileToSend(absolute: string, said: string): LocalFile | undefined {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(absolute);
  } catch (cause) {
    throw fileError(cause, `Cannot send ${said}`);
  }
  const name = basename(absolute);
  const fault = nameFault(name);
  if (fault) throw new LabError("name_refused", `Cannot send ${printable(said)}: ${fault}; rename it first`);
  if (info.isDirectory) return undefined;
  if (!info.isFile) throw new LabError("failed", `Cannot send ${said}: it is neither a file nor a folder`);
  return { name, root: Root.ofFile(absolute), size: info.size, modified: isoTime(info.mtime) };
}

async function filesInFolder(absolute: string, name: string): Promise<SendFile[]> {
  const root = Root.open(absolute, "read");
  const found: Scanned[] = [];
  const { skipped } = await new ShareScanner(root, NO_CACHE, []).scan((file) => found.push(file));
  const [first] = skipped;
  if (first) {
    throw new LabError(
      "name_refused",
      `Cannot send ${
        printable(`${name}/${first.name}`)
      }: ${first.reason}; rename it, or move it out of that folder`,
    );
  }
  return found.map(({ name: below, size, modified, sha256 }) => ({
    name: below,
    offered: `${name}/${below}`,
    root,
    size,
    modified,
    sha256,
  }));
}

/** Makes files that are to be sent deliverable. */
export function contentsOf(files: readonly SendFile[], context: PeerContext): ContentStore {
  const byName = new Map(files.map((file) => [file.offered, file]));
  return new ContentStore(
    (sha256, name) => {
      const file = byName.get(name);
      return file?.sha256 === sha256 ? file : undefined;
    },
    undefined,
    context.clock,
  );
}
