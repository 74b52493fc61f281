/**
 * Pieces of a content. A content is one file, or several packed end to end in the order of the list; it is cut into
 * pieces of one size, the last one shorter. Pieces know nothing of files, so that 10,000 small files travel as well
 * as one large one. Invariant: the spans of all pieces, in order, cover every byte of every file exactly once.
 */
import { LabError } from "../base/errors.ts";
import { partitionPoint } from "../base/search.ts";

/** Number of a piece, from 0; comes from {@linkcode Layout.piece} and nowhere else. */
export type PieceIndex = number & { readonly __piece: unique symbol };

/** A file of a content. */
export interface ContentFile {
  name: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the whole file, lower-case hexadecimal. */
  sha256: string;
}

/** What to call a content: its file, or how many there are. */
export function contentTitle(files: readonly Pick<ContentFile, "name">[]): string {
  const [first] = files;
  if (first === undefined) return "nothing";
  return files.length === 1 ? first.name : `${files.length} files (${first.name}, ...)`;
}

/** A run of bytes that lies in one piece and in one file. */
export interface Span {
  /** Index into the layout's files. */
  file: number;
  /** Where the run starts in the file, bytes. */
  fileOffset: number;
  /** Bytes, at least 1. */
  length: number;
  /** Where the run starts in the piece, bytes. */
  pieceOffset: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Smallest piece: 256 KiB at 1 Gbit/s is 2 ms, enough to hide a request's way there. */
export const MIN_PIECE_SIZE = 256 * KIB;
/** Largest piece: 4 MiB at 100 Mbit/s is 0.3 s, little to lose when a source dies. */
export const MAX_PIECE_SIZE = 4 * MIB;

/**
 * Chooses the size of a content's pieces, in bytes.
 *
 * | content           | piece   | pieces      | hashes        |
 * |-------------------|---------|-------------|---------------|
 * | up to 64 MiB      | 256 KiB | 0 ... 256   | up to 8 KiB   |
 * | below 512 MiB     | 512 KiB | 129 ... 1024 | up to 32 KiB |
 * | below 2 GiB       | 1 MiB   | 512 ... 2048 | up to 64 KiB |
 * | below 4 GiB       | 2 MiB   | 1024 ... 2048 | up to 64 KiB |
 * | 4 GiB and above   | 4 MiB   | 1024 and up | 8 KiB per GiB |
 *
 * @param totalBytes sum of the files' sizes.
 * @returns a power of two from {@linkcode MIN_PIECE_SIZE} to {@linkcode MAX_PIECE_SIZE}.
 * @example
 * ```ts
 * import { pieceSizeFor } from "./layout.ts";
 * if (pieceSizeFor(2 * 2 ** 30) !== 2 * 2 ** 20) throw new Error("1024 pieces of 2 MiB");
 * ```
 */
export function pieceSizeFor(totalBytes: number): number {
  if (totalBytes <= 64 * MIB) return MIN_PIECE_SIZE;
  if (totalBytes < 512 * MIB) return 512 * KIB;
  if (totalBytes < 2 * GIB) return MIB;
  if (totalBytes < 4 * GIB) return 2 * MIB;
  return MAX_PIECE_SIZE;
}

/** Where each file starts, and at the end the total. */
function startsOf(files: readonly ContentFile[]): Float64Array {
  const starts = new Float64Array(files.length + 1);
  files.forEach((file, i) => {
    if (!Number.isSafeInteger(file.size) || file.size < 0) {
      throw new LabError(
        "failed",
        `Cannot lay out a file of ${file.size} bytes: not a whole number below 2^53`,
      );
    }
    const end = starts[i]! + file.size;
    if (!Number.isSafeInteger(end)) {
      throw new LabError("failed", "Cannot lay out 2^53 bytes or more in one content");
    }
    starts[i + 1] = end;
  });
  return starts;
}

/**
 * Where the pieces of a content lie in its files. Immutable; asks nothing about the disk.
 *
 * @example
 * ```ts
 * import { Layout } from "./layout.ts";
 * const sha256 = "0".repeat(64);
 * const layout = new Layout([{ name: "a", size: 3, sha256 }, { name: "b", size: 6, sha256 }], 4);
 * const spans = layout.spans(layout.piece(0));
 * if (layout.pieceCount !== 3 || spans.length !== 2 || spans[1]?.pieceOffset !== 3) throw new Error("3 + 1 bytes");
 * ```
 */
export class Layout {
  readonly files: readonly ContentFile[];
  /** Bytes of every piece but the last. */
  readonly pieceSize: number;
  /** Sum of the files' sizes, below 2^53. */
  readonly totalBytes: number;
  /** 0 when all files are empty. */
  readonly pieceCount: number;
  readonly #starts: Float64Array;

  /**
   * @param files in the order in which they are packed; must not change afterwards.
   * @param pieceSize bytes; by default what {@linkcode pieceSizeFor} says.
   * @throws {LabError} "failed" when a size is not a whole number, or the sum reaches 2^53.
   * @throws {RangeError} when the piece size is not a whole number of at least 1.
   */
  constructor(files: readonly ContentFile[], pieceSize?: number) {
    this.files = files;
    this.#starts = startsOf(files);
    this.totalBytes = this.#starts[files.length]!;
    this.pieceSize = pieceSize ?? pieceSizeFor(this.totalBytes);
    if (!Number.isSafeInteger(this.pieceSize) || this.pieceSize < 1) {
      throw new RangeError(`Cannot cut pieces of ${this.pieceSize} bytes`);
    }
    this.pieceCount = Math.ceil(this.totalBytes / this.pieceSize);
  }

  /**
   * Makes a number from outside a piece of this content.
   *
   * @throws {RangeError} when there is no such piece.
   */
  piece(i: number): PieceIndex {
    if (!Number.isInteger(i) || i < 0 || i >= this.pieceCount) {
      throw new RangeError(`Cannot find piece ${i}: the content has ${this.pieceCount}`);
    }
    return i as PieceIndex;
  }

  /** Bytes of a piece: the piece size, but for the last one. */
  pieceLength(i: PieceIndex): number {
    return Math.min(this.pieceSize, this.totalBytes - i * this.pieceSize);
  }

  /** The runs of files that make up a piece, in order; empty files have none. */
  spans(i: PieceIndex): Span[] {
    const start = i * this.pieceSize;
    const length = this.pieceLength(i);
    const spans: Span[] = [];
    let done = 0;
    for (let file = this.#fileAt(start); done < length; file++) {
      const fileOffset = start + done - this.#starts[file]!;
      const run = Math.min(length - done, this.files[file]!.size - fileOffset);
      if (run === 0) continue;
      spans.push({ file, fileOffset, length: run, pieceOffset: done });
      done += run;
    }
    return spans;
  }

  /**
   * The pieces that hold bytes of a file, both ends included; undefined for an empty file.
   *
   * @throws {RangeError} when there is no such file.
   */
  piecesOf(fileIndex: number): { first: number; last: number } | undefined {
    const file = this.files[fileIndex];
    if (!file) throw new RangeError(`Cannot find file ${fileIndex}: the content has ${this.files.length}`);
    if (file.size === 0) return undefined;
    const start = this.#starts[fileIndex]!;
    return {
      first: Math.floor(start / this.pieceSize),
      last: Math.floor((start + file.size - 1) / this.pieceSize),
    };
  }

  /** The last file that starts at or before the offset: it has the byte, for those before it in that place are empty. */
  #fileAt(offset: number): number {
    return partitionPoint(this.#starts, (start) => start <= offset) - 1;
  }
}
