/**
 * Which files travel as one content. A file above {@linkcode PACK_FILE_MAX} is a content of its own: its piece borders,
 * and so what an interrupted fetch has on disk, never depend on its neighbours. Small ones are packed together, for a
 * manifest and its round trips cost more than they do. Rule: files whose names clash on Windows or macOS never share a
 * pack, for a manifest with both would be refused.
 */
import type { ContentFile } from "./layout.ts";
import { NameSet } from "./nameset.ts";
import { byName } from "./row.ts";

/** Largest file that is packed with others, bytes: 1 MiB takes 0.1 s at 100 Mbit/s, more than its own content costs. */
export const PACK_FILE_MAX = 1024 * 1024;
/** Most files in a pack: a manifest of some 300 KB. */
const PACK_MAX_FILES = 2000;
/** Most bytes in a pack: 256 pieces of 256 KiB. */
const PACK_MAX_BYTES = 64 * 1024 * 1024;

/** Rounds over what clashes, before it goes alone: a thousand spellings of one name must not take a million steps. */
const MAX_ROUNDS = 8;

/** When a pack is full; a single file always fits. */
export interface PackLimits {
  /** Files, at least 1; default {@linkcode PACK_MAX_FILES}. */
  files?: number;
  /** Bytes; default {@linkcode PACK_MAX_BYTES}. */
  bytes?: number;
}

/** Fills packs in order; leaves over what clashes with a file of its pack. */
function fill(files: readonly ContentFile[], maxFiles: number, maxBytes: number) {
  const full: ContentFile[][] = [];
  const left: ContentFile[] = [];
  let pack: ContentFile[] = [];
  let names = new NameSet();
  let bytes = 0;
  for (const file of files) {
    if (pack.length > 0 && (pack.length >= maxFiles || bytes + file.size > maxBytes)) {
      full.push(pack);
      pack = [];
      names = new NameSet();
      bytes = 0;
    }
    if (names.add(file.name) !== undefined) {
      left.push(file);
      continue;
    }
    pack.push(file);
    bytes += file.size;
  }
  if (pack.length > 0) full.push(pack);
  return { full, left };
}

/**
 * Divides files into contents. The same files give the same contents, whatever their order.
 *
 * @param files with valid names; of any sizes.
 * @returns every file exactly once: big ones alone, small ones together, each content sorted by name, and the
 * contents sorted by their first name.
 * @example
 * ```ts
 * import { packs } from "./pack.ts";
 * const file = (name: string, size: number) => ({ name, size, sha256: "0".repeat(64) });
 * const contents = packs([file("b", 1), file("big", 2 ** 30), file("a", 1)]);
 * if (contents.map((files) => files.map((f) => f.name).join()).join(" ") !== "a,b big") throw new Error("two");
 * ```
 */
export function packs(files: readonly ContentFile[], limits: PackLimits = {}): ContentFile[][] {
  const { files: maxFiles = PACK_MAX_FILES, bytes: maxBytes = PACK_MAX_BYTES } = limits;
  // The hash decides between two files of one name, so that the order they came in doesn't.
  const sorted = files.toSorted((a, b) => byName(a, b) || byName({ name: a.sha256 }, { name: b.sha256 }));
  const contents = sorted.filter((file) => file.size > PACK_FILE_MAX).map((file) => [file]);
  let small = sorted.filter((file) => file.size <= PACK_FILE_MAX);
  for (let round = 0; round < MAX_ROUNDS && small.length > 0; round++) {
    const { full, left } = fill(small, maxFiles, maxBytes);
    contents.push(...full);
    small = left;
  }
  for (const file of small) contents.push([file]);
  return contents.sort((a, b) => byName(a[0]!, b[0]!));
}
