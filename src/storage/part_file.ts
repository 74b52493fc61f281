/**
 * A content that is being fetched: one file, or several packed end to end, in a part file on the destination's own
 * volume. Pieces are written where they belong; after a crash they are checked again, not trusted. Only when all of them
 * are there is the content given its names.
 */

import { existsSync } from "node:fs";
import { type Bytes, sameBytes, toHex } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { type ContentFile, Layout, type PieceIndex } from "../catalog/layout.ts";
import { printable } from "../catalog/names.ts";
import { readAt, sha256, wholeSha256, writeAt } from "./hashing.ts";
import { fileError, type Root } from "./root.ts";

/** Files up to this size have their whole SHA-256 checked before they get their name; larger ones by the next scan. */
export const CHECK_WHOLE_MAX = 64 * 1024 * 1024;

/** What a part file holds, and where it goes. */
export interface PartSpec {
  /** Names the part file: made from what the content is, so that a later run finds it again. */
  key: string;
  files: ContentFile[];
  pieceSize: number;
  /** SHA-256 of each piece, end to end. */
  hashes: Bytes;
  /** Final name of each file below the root: differs from the content's own where another file has that name. */
  targets: string[];
  /** Modification time to give each file, milliseconds since 1970; 0 leaves it at now. */
  modified: number[];
  /** True for a file that has its place already: its bytes are taken from there, and it's left alone at the end. */
  present: boolean[];
}

/** A part file, open for writing. */
export class PartFile {
  readonly layout: Layout;
  #file: Deno.FsFile;

  private constructor(private root: Root, readonly spec: PartSpec, readonly path: string, file: Deno.FsFile) {
    this.layout = new Layout(spec.files, spec.pieceSize);
    this.#file = file;
  }

  /** Name of the part file of a content. */
  static pathFor(root: Root, key: string): string {
    return root.ownPath(`${key}.part`);
  }

  /**
   * Opens the part file, making it if need be. Several workers may have it open.
   *
   * @throws {LabError} when the destination can't be written.
   */
  static open(root: Root, spec: PartSpec): PartFile {
    const path = PartFile.pathFor(root, spec.key);
    try {
      return new PartFile(root, spec, path, Deno.openSync(path, { read: true, write: true, create: true }));
    } catch (cause) {
      throw fileError(cause, `Cannot write to ${root.path}`);
    }
  }

  /** Copies files that are in their places already into the part file, so that their pieces need not travel. */
  seed(): void {
    let offset = 0;
    for (const [i, file] of this.spec.files.entries()) {
      const path = this.spec.present[i] ? this.#presentPath(i) : undefined;
      if (path !== undefined) this.#seedOne(path, file.size, offset);
      offset += file.size;
    }
  }

  /** Where a file is that was in its place already; undefined when it has gone since. */
  #presentPath(i: number): string | undefined {
    try {
      return this.root.pathToRead(this.spec.targets[i]!);
    } catch {
      return undefined;
    }
  }

  #seedOne(path: string, size: number, offset: number): void {
    const source = Deno.openSync(path, { read: true });
    try {
      const buffer = new Uint8Array(Math.min(size, 1024 * 1024));
      for (let at = 0; at < size; at += buffer.length) {
        const n = readAt(source, buffer.subarray(0, size - at), at);
        writeAt(this.#file, buffer.subarray(0, n), offset + at);
      }
    } finally {
      source.close();
    }
  }

  /** Bytes that the part file spans now: what lies beyond was never written. */
  span(): number {
    return Math.min(this.#file.statSync().size, this.layout.totalBytes);
  }

  /** Checks a piece that an earlier run may have left on disk. */
  holds(index: number, buffer: Bytes): boolean {
    const piece = this.layout.piece(index);
    const bytes = buffer.subarray(0, this.layout.pieceLength(piece));
    return readAt(this.#file, bytes, index * this.spec.pieceSize) === bytes.length &&
      this.#isRight(piece, bytes);
  }

  /**
   * Verifies a piece that has arrived and writes it in its place.
   *
   * @returns false when its hash is wrong; nothing is written then.
   * @throws {LabError} "disk_full" and the like.
   */
  accept(index: number, bytes: Uint8Array): boolean {
    const piece = this.layout.piece(index);
    if (bytes.length !== this.layout.pieceLength(piece) || !this.#isRight(piece, bytes)) return false;
    try {
      writeAt(this.#file, bytes, index * this.spec.pieceSize);
    } catch (cause) {
      throw fileError(cause, `Cannot write ${printable(this.spec.files[0]!.name)} to ${this.root.path}`);
    }
    return true;
  }

  /**
   * All pieces are there: gives the files their names and closes the part file.
   *
   * @param options.checkWhole checks the SHA-256 of a large file too, because its holders disagreed.
   * @returns the final path of each file.
   * @throws {LabError} "integrity" when a file isn't what its manifest claims; the part file is then removed.
   */
  finish(options: { checkWhole: boolean }): string[] {
    try {
      return this.spec.files.length === 1 ? [this.#finishOne(options.checkWhole)] : this.#unpack();
    } catch (cause) {
      if (cause instanceof LabError && cause.code === "integrity") this.discard();
      throw fileError(cause, `Cannot put ${printable(this.spec.files[0]!.name)} in its place`);
    } finally {
      this.close();
    }
  }

  /** Closes the part file and leaves it for a later run. Safe to call twice. */
  close(): void {
    try {
      this.#file.close();
    } catch { /* closed before */ }
  }

  /** Removes the part file. */
  discard(): void {
    this.close();
    try {
      Deno.removeSync(this.path);
    } catch { /* gone already */ }
  }

  #isRight(piece: PieceIndex, bytes: Uint8Array): boolean {
    return sameBytes(sha256(bytes), this.spec.hashes.subarray(32 * piece, 32 * piece + 32));
  }

  #finishOne(checkWhole: boolean): string {
    const claim = this.spec.files[0]!;
    if (this.layout.pieceCount === 1) this.#checkClaim(claim, toHex(this.spec.hashes));
    else if (claim.size <= CHECK_WHOLE_MAX || checkWhole) {
      this.#checkClaim(claim, wholeSha256(this.path, claim.size));
    }
    this.#file.truncateSync(claim.size);
    this.#file.syncDataSync();
    this.close();
    return this.#name(this.path, 0);
  }

  #unpack(): string[] {
    const paths: string[] = [];
    const window = new ReadWindow(this.#file);
    let offset = 0;
    for (const [i, claim] of this.spec.files.entries()) {
      const there = this.spec.present[i] ? this.#presentPath(i) : undefined;
      if (there !== undefined) {
        offset += claim.size;
        paths.push(there);
        continue;
      }
      const bytes = window.at(offset, claim.size);
      offset += claim.size;
      this.#checkClaim(claim, toHex(sha256(bytes)));
      paths.push(this.#write(bytes, i));
    }
    this.discard();
    return paths;
  }

  /** Writes one file of a pack under a name of ours, then gives it its own. */
  #write(bytes: Bytes, i: number): string {
    const temporary = this.root.ownPath(`${this.spec.key}-${i}.tmp`);
    try {
      Deno.writeFileSync(temporary, bytes);
      return this.#name(temporary, i);
    } catch (cause) {
      // Its bytes are in the part file still.
      if (existsSync(temporary)) Deno.removeSync(temporary);
      throw cause;
    }
  }

  #checkClaim(claim: ContentFile, seen: string): void {
    if (seen !== claim.sha256) {
      throw new LabError(
        "integrity",
        `Cannot keep ${printable(claim.name)}: its SHA-256 is ${seen.slice(0, 12)}..., not the claimed ${
          claim.sha256.slice(0, 12)
        }...`,
      );
    }
  }

  #name(temporary: string, i: number): string {
    const target = this.spec.targets[i]!;
    const path = this.root.pathToWrite(target);
    const modified = new Date(this.spec.modified[i]!);
    if (modified.getTime() > 0) Deno.utimeSync(temporary, modified, modified);
    if (!takeName(temporary, path)) {
      throw new LabError(
        "failed",
        `Cannot finish ${printable(target)}: another file took that name meanwhile; run it again`,
      );
    }
    return path;
  }
}

/** Reads a file from front to back in large parts, and hands out small ones. */
class ReadWindow {
  #buffer: Bytes = new Uint8Array(2 * 1024 * 1024);
  #start = 0;
  #filled = 0;

  constructor(private file: Deno.FsFile) {}

  /** Bytes at an offset; valid until the next call. */
  at(offset: number, length: number): Bytes {
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    if (offset < this.#start || offset + length > this.#start + this.#filled) {
      this.#start = offset;
      this.#filled = readAt(this.file, this.#buffer, offset);
    }
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/**
 * Gives a file its final name, unless something has it already. A hard link never replaces anything, and costs no look
 * beforehand; where the volume has none (FAT), it's a look and a rename.
 *
 * @returns false when the name is taken.
 */
function takeName(temporary: string, path: string): boolean {
  try {
    Deno.linkSync(temporary, path);
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists || existsSync(path)) return false;
    if (cause instanceof Deno.errors.NotFound) throw cause;
    Deno.renameSync(temporary, path);
    return true;
  }
  Deno.removeSync(temporary);
  return true;
}
