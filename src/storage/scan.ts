/**
 * Looks through a share: which files are there, what changed since the last look. Only what is new or changed (another
 * size or time) is read and hashed. Links are never followed; names that break the rules are left out and said.
 */

import { join } from "@std/path";
import { LabError, messageOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Scanned } from "../catalog/index.ts";
import { MAX_PIECE_SIZE, pieceSizeFor } from "../catalog/layout.ts";
import { MAX_PARTS, nameFault } from "../catalog/names.ts";
import { titleOf } from "../catalog/title.ts";
import { hashFile } from "./hashing.ts";
import type { PieceHashes } from "./piece_hashes.ts";
import { OWN_PREFIX, type Root } from "./root.ts";

/** A file or folder that can't be shared, and why. */
export interface Skipped {
  name: string;
  reason: string;
}

/** What one look found. */
export interface ScanResult {
  /** Names that were there at the last look, and no longer are. */
  gone: string[];
  skipped: Skipped[];
  /** Files that are there now. */
  files: number;
}

interface Seen {
  path: string;
  size: number;
  modified: string;
}

/** Looks through one share again and again. */
export class ShareScanner {
  #root: Root;
  #pieces: Pick<PieceHashes, "get" | "put">;
  #known = new Map<string, Scanned>();
  #buffer = new Uint8Array(MAX_PIECE_SIZE);

  constructor(root: Root, pieces: Pick<PieceHashes, "get" | "put">, known: Iterable<Scanned>) {
    this.#root = root;
    this.#pieces = pieces;
    for (const file of known) this.#known.set(file.name, file);
  }

  /**
   * Looks once.
   *
   * @param changed is handed each file that is new or changed, as soon as it has been hashed.
   */
  async scan(changed: (file: Scanned) => void): Promise<ScanResult> {
    const skipped: Skipped[] = [];
    const seen = new Map<string, Seen>();
    this.#walk(this.#root.path, "", 0, seen, skipped);
    const gone = [...this.#known.keys()].filter((name) => !seen.has(name));
    for (const name of gone) this.#known.delete(name);
    for (const [name, file] of seen) {
      const before = this.#known.get(name);
      if (
        before && before.size === file.size && before.modified === file.modified && this.#hasPieces(before)
      ) continue;
      try {
        const scanned = await this.#hash(name, file);
        this.#known.set(name, scanned);
        changed(scanned);
      } catch (cause) {
        skipped.push({ name, reason: messageOf(cause) });
        if (this.#known.delete(name)) gone.push(name);
      }
    }
    return { gone, skipped, files: this.#known.size };
  }

  #hasPieces({ sha256, size }: Scanned): boolean {
    return size <= pieceSizeFor(size) || this.#pieces.get(sha256, size) !== undefined;
  }

  async #hash(name: string, { path, size, modified }: Seen): Promise<Scanned> {
    const { sha256, pieces, head } = await hashFile(path, size, pieceSizeFor(size), this.#buffer);
    const after = Deno.lstatSync(path);
    if (!after.isFile || after.size !== size || isoTime(after.mtime) !== modified) {
      throw new LabError("changed", "it changed while it was read; the next scan looks again");
    }
    if (pieces) this.#pieces.put(sha256, pieces);
    const title = /\.txt$/i.test(name) ? titleOf(name, new TextDecoder().decode(head)) : "";
    return { name, title, size, sha256, modified };
  }

  #walk(folder: string, prefix: string, depth: number, seen: Map<string, Seen>, skipped: Skipped[]): void {
    let entries: Deno.DirEntry[];
    try {
      entries = [...Deno.readDirSync(folder)];
      if (hidesFolder(folder, entries)) skipped.push({ name: prefix || ".", reason: HIDDEN });
    } catch (cause) {
      skipped.push({ name: prefix || ".", reason: messageOf(cause) });
      return;
    }
    for (const entry of entries) {
      if (entry.name.toLowerCase().startsWith(OWN_PREFIX)) continue;
      const name = prefix + entry.name;
      const path = join(folder, entry.name);
      const fault = entry.isSymlink ? "links are not followed" : nameFault(name);
      if (fault) skipped.push({ name, reason: fault });
      else if (entry.isDirectory && depth < MAX_PARTS) this.#walk(path, `${name}/`, depth + 1, seen, skipped);
      else if (entry.isFile) this.#note(name, path, seen, skipped);
    }
  }

  #note(name: string, path: string, seen: Map<string, Seen>, skipped: Skipped[]): void {
    if (seen.size >= LIMITS.rowsPerPeer) {
      if (seen.size === LIMITS.rowsPerPeer) {
        skipped.push({ name, reason: `a share holds ${LIMITS.rowsPerPeer} files at most` });
      }
      return;
    }
    try {
      const { size, mtime } = Deno.lstatSync(path);
      seen.set(name, { path, size, modified: isoTime(mtime) });
    } catch (cause) {
      skipped.push({ name, reason: messageOf(cause) });
    }
  }
}

const HIDDEN = "a folder in it has a name that is not UTF-8; rename that one, for here it can't be seen";

/**
 * Tells whether a folder has one more below it than the runtime lists, which leaves out what isn't UTF-8. On Linux most file
 * systems count them: a folder has two links of its own, and one of each that lies in it. Files aren't counted.
 */
function hidesFolder(path: string, entries: readonly Deno.DirEntry[]): boolean {
  if (Deno.build.os !== "linux") return false;
  const folders = (list: readonly Deno.DirEntry[]) => list.filter(({ isDirectory }) => isDirectory).length;
  const links = () => Deno.lstatSync(path).nlink ?? 0;
  const before = links();
  if (before <= 2 + folders(entries)) return false;
  // One may have been made or removed between the two looks.
  const again = folders([...Deno.readDirSync(path)]);
  return before > 2 + again && links() === before;
}

/** The first and the last moment that fit into the index, milliseconds since 1970: years have four digits there. */
const TIMES = { first: Date.UTC(-1, 12), last: Date.UTC(10_000, 0) - 1 };

/** A file time as the index writes it; what doesn't fit is told as the nearest that does. */
export function isoTime(time: Date | null): string {
  const ms = time?.getTime() ?? 0;
  return new Date(Math.min(Math.max(ms, TIMES.first), TIMES.last)).toISOString();
}
