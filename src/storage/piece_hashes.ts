/**
 * The piece hashes of the files in the share, kept in the data folder so that a holder can hand out a manifest at once:
 * pieces/<SHA-256 of the file>, the hashes end to end. They are a cache: what is missing or damaged is computed again,
 * and a wrong one only makes fetchers drop this source, since they check every piece.
 */

import { join } from "@std/path";
import { type Bytes, isSha256 } from "../base/bytes.ts";
import { pieceSizeFor } from "../catalog/layout.ts";
import { requirePermission } from "./root.ts";

/** The cache in one data folder. */
export class PieceHashes {
  readonly folder: string;
  constructor(dataFolder: string) {
    this.folder = join(dataFolder, "pieces");
  }

  /** Keeps the hashes of a file's pieces; a full disk only means that they are computed again. */
  put(sha256: string, hashes: Bytes): void {
    try {
      requirePermission(this.folder, "write");
      Deno.mkdirSync(this.folder, { recursive: true });
      const path = join(this.folder, sha256);
      Deno.writeFileSync(`${path}.new`, hashes);
      Deno.renameSync(`${path}.new`, path);
    } catch { /* a cache: see above */ }
  }

  /** The hashes of a file of `size` bytes, if they are here and of the right length. */
  get(sha256: string, size: number): Bytes | undefined {
    try {
      requirePermission(this.folder, "read");
      const hashes = Deno.readFileSync(join(this.folder, sha256));
      return hashes.length === 32 * Math.ceil(size / pieceSizeFor(size)) ? hashes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Removes one. */
  remove(sha256: string): void {
    try {
      requirePermission(this.folder, "write");
      Deno.removeSync(join(this.folder, sha256));
    } catch { /* it was not there */ }
  }

  /** Removes those of files that the share no longer holds. */
  keepOnly(wanted: ReadonlySet<string>): void {
    try {
      requirePermission(this.folder, "write");
      for (const entry of Deno.readDirSync(this.folder)) {
        if (!isSha256(entry.name) || !wanted.has(entry.name)) Deno.removeSync(join(this.folder, entry.name));
      }
    } catch { /* nothing there yet */ }
  }
}
