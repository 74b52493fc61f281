/**
 * SHA-256 of files: of the whole, and of each piece, in one reading and on one thread. (The runtime's digest on a thread of
 * its own is faster by half, but copies each piece: it left 100 MB more behind after a file of 1 GB.)
 */

import { createHash } from "node:crypto";
import { type Bytes, toHex } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import { fileError, requirePermission } from "./root.ts";

/** What one reading of a file yields. */
export interface FileHashes {
  /** SHA-256 of the whole, hexadecimal. */
  sha256: string;
  /** SHA-256 of each piece, end to end; undefined for a file of one piece or none: it's that of the whole. */
  pieces: Bytes | undefined;
  /** Up to 8 KiB from its beginning: a view into the buffer for a file of one piece, so to be looked at at once. */
  head: Bytes;
}

/** SHA-256 of bytes. */
export function sha256(bytes: Uint8Array): Bytes {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/**
 * Fills the buffer from the file at an offset.
 *
 * @returns bytes read: less than asked for only at the end of the file.
 */
export function readAt(file: Deno.FsFile, into: Uint8Array, offset: number): number {
  file.seekSync(offset, Deno.SeekMode.Start);
  return readOn(file, into);
}

/** Fills the buffer from where the file stands; as {@linkcode readAt}. */
export function readOn(file: Deno.FsFile, into: Uint8Array): number {
  let at = 0;
  while (at < into.length) {
    const n = file.readSync(at === 0 ? into : into.subarray(at));
    if (n === null) break;
    at += n;
  }
  return at;
}

/** Writes all bytes at an offset. */
export function writeAt(file: Deno.FsFile, bytes: Uint8Array, offset: number): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  let at = 0;
  while (at < bytes.length) at += file.writeSync(at === 0 ? bytes : bytes.subarray(at));
}

/**
 * Reads a file once and hashes it.
 *
 * @param size its size in bytes, as just seen; a file that turns out shorter or longer is refused as changed.
 * @param pieceSize bytes per piece.
 * @throws {LabError} "changed", "not_found", "not_permitted" or "failed".
 */
export async function hashFile(
  path: string,
  size: number,
  pieceSize: number,
  buffer: Bytes,
): Promise<FileHashes> {
  requirePermission(path, "read");
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (cause) {
    throw fileError(cause, `Cannot read ${path}`);
  }
  try {
    const whole = createHash("sha256");
    const pieceCount = Math.ceil(size / pieceSize);
    const pieces = pieceCount > 1 ? new Uint8Array(32 * pieceCount) : undefined;
    let head: Bytes = new Uint8Array(0);
    for (let offset = 0, i = 0; offset < size; offset += pieceSize, i++) {
      const part = buffer.subarray(0, Math.min(pieceSize, size - offset));
      if (readAt(file, part, offset) !== part.length) throw changed(path);
      // Ten thousand copies of small files' heads would lie around until they are collected.
      if (i === 0) head = pieces ? part.slice(0, 8192) : part.subarray(0, 8192);
      whole.update(part);
      pieces?.set(sha256(part), 32 * i);
      // Others get their turn now and then, and a file that changes is not read to its end.
      if (i % 16 === 15 && (await file.stat()).size !== size) throw changed(path);
    }
    if (readAt(file, buffer.subarray(0, 1), size) !== 0) throw changed(path);
    return { sha256: toHex(whole.digest()), pieces, head };
  } catch (cause) {
    throw fileError(cause, `Cannot read ${path}`);
  } finally {
    file.close();
  }
}

/**
 * SHA-256 of a file, or of its first bytes, hexadecimal.
 *
 * @param size how many bytes; the whole file when absent.
 */
export function wholeSha256(path: string, size = Infinity): string {
  const file = Deno.openSync(path, { read: true });
  try {
    const hash = createHash("sha256");
    const buffer = new Uint8Array(1024 * 1024);
    for (let at = 0; at < size;) {
      const n = readAt(file, buffer.subarray(0, Math.min(buffer.length, size - at)), at);
      hash.update(buffer.subarray(0, n));
      at += n;
      if (n < buffer.length) break;
    }
    return toHex(hash.digest());
  } finally {
    file.close();
  }
}

function changed(path: string): LabError {
  return new LabError("changed", `Cannot index ${path}: it changed while it was read`);
}
