/**
 * A content that is being fetched: one file, or several packed end to end, in a part file on the destination's own
 * volume. Pieces are written where they belong; after a crash they are checked again, not trusted. Only when all of them
 * are there is the content given its names.
 */

import { statSync } from "node:fs";
import { type Bytes, concat, sameBytes, toHex } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { Layout, type PieceIndex } from "../catalog/layout.ts";
import { printable } from "../catalog/names.ts";
import { readAt, sha256, wholeSha256, writeAt } from "./hashing.ts";
import type { CheckWhole, PartSpec } from "./part_spec.ts";
import { fileError, type Root } from "./root.ts";
import { checkClaim, giveName, unpack } from "./unpack.ts";

/** Files up to this size are small: their whole is hashed in a tenth of a second. */
const CHECK_WHOLE_MAX = 64 * 1024 * 1024;

/** A part file, open for writing. */
export class PartFile {
  readonly layout: Layout;
  #file: Deno.FsFile;
  #hashes: Bytes;

  private constructor(private root: Root, readonly spec: PartSpec, readonly path: string, file: Deno.FsFile) {
    this.layout = new Layout(spec.files, spec.pieceSize);
    this.#file = file;
    this.#hashes = spec.hashes;
  }

  /** Hashes of pieces that come after those that are known. */
  learn(hashes: Bytes): void {
    this.#hashes = concat([this.#hashes, hashes]);
  }

  /** Tells whether a piece's hash is known by now. */
  knows(index: number): boolean {
    return 32 * index < this.#hashes.length;
  }

  /** The file's SHA-256, where it wasn't known before. */
  claim(sha256: string): void {
    this.spec.files[0]!.sha256 = sha256;
  }

  /** Name of the part file of a content. */
  static pathFor(root: Root, key: string): string {
    return root.ownPath(`${key}.part`);
  }

  /** Removes the part file of a content, if there is one, that won't be fetched as it was. */
  static remove(root: Root, key: string): void {
    try {
      Deno.removeSync(PartFile.pathFor(root, key));
    } catch { /* there is none, or it stays until it is old */ }
  }

  /**
   * Opens the part file, making it if need be. Several workers may have it open.
   *
   * @throws {LabError} when the destination can't be written.
   */
  static open(root: Root, spec: PartSpec): PartFile {
    const path = PartFile.pathFor(root, spec.key);
    try {
      if (isPlaced(path)) Deno.removeSync(path);
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
    if (!this.knows(index)) return false;
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
   * @param checkWhole whether the claimed SHA-256 of a single file is checked before it gets its name.
   * @returns the final path of each file.
   * @throws {Unplaced} when some of several could not be put in their places; the part file stays.
   * @throws {LabError} "integrity" when a file isn't what its manifest claims; the part file is then removed.
   */
  finish(checkWhole: CheckWhole): string[] {
    try {
      return this.spec.files.length === 1 ? [this.#finishOne(checkWhole)] : this.#unpackAll();
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
    return sameBytes(sha256(bytes), this.#hashes.subarray(32 * piece, 32 * piece + 32));
  }

  #finishOne(checkWhole: CheckWhole): string {
    const claim = this.spec.files[0]!;
    if (this.layout.pieceCount === 1) checkClaim(claim, toHex(this.#hashes));
    else if (checkWhole === "always" || (checkWhole === "small" && claim.size <= CHECK_WHOLE_MAX)) {
      checkClaim(claim, wholeSha256(this.path, claim.size));
    }
    this.#file.truncateSync(claim.size);
    this.#file.syncDataSync();
    this.close();
    return giveName(this.root, this.path, {
      target: this.spec.targets[0]!,
      modified: this.spec.modified[0]!,
    });
  }

  #unpackAll(): string[] {
    const present = (i: number) => this.spec.present[i] ? this.#presentPath(i) : undefined;
    const paths = unpack(this.root, this.spec, this.#file, present);
    this.discard();
    return paths;
  }
}

/**
 * Whether a part file has its final name, too: who was killed between the two, or could not remove the first, leaves both,
 * and to write into one is to write into the other. Another version of a file has the same part file.
 */
function isPlaced(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.nlink > 1;
}
