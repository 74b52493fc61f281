/**
 * The piece hashes of a file that is hashed while it travels: known in order, from the first piece on, until it is closed
 * or has failed. The broadcaster fills one as it reads; each receiver fills its own with what the broadcaster tells it.
 *
 * Invariants: what is known stays as it is; a closed feed makes the manifest that it was closed with; after the end,
 * closed or failed, nothing changes.
 */

import { type Bytes, concat, fromHex, sameBytes, toHex } from "../../base/bytes.ts";
import { LabError, RemoteProtocolError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { Layout, pieceSizeFor } from "../../catalog/layout.ts";
import { encodeManifest } from "../../catalog/manifest.ts";
import { printable } from "../../catalog/names.ts";
import { sha256 as hashOf } from "../../storage/hashing.ts";

const HASH_BYTES = 32;

/** What a file turned out to be, once it was hashed to its end. */
export interface Closing {
  /** SHA-256 of the file, hexadecimal. */
  sha256: string;
  /** SHA-256 of its manifest: the name of the content. */
  content: string;
}

/** Piece hashes that become known one after the other. */
export class HashFeed {
  readonly layout: Layout;
  #hashes: Bytes = new Uint8Array(0);
  #known = 0;
  #closing: (Closing & { encoded: Bytes }) | undefined;
  #fault: LabError | undefined;
  #waiting = new Set<() => void>();

  /**
   * @param id provisional name of the content, hexadecimal: random, 32 bytes.
   * @param file its name as it is offered, and its size in bytes.
   * @throws {LabError} "failed" when the manifest would be larger than any may be, or there is nothing to be hashed.
   */
  constructor(readonly id: string, readonly file: { name: string; size: number }) {
    this.layout = new Layout([{ ...file, sha256: id }], pieceSizeFor(file.size));
    if (this.layout.pieceCount === 0 || this.layout.pieceCount * HASH_BYTES > LIMITS.manifest) {
      throw new LabError(
        "failed",
        `Cannot take ${printable(file.name)}: a file of ${file.size} bytes is not hashed while it travels`,
      );
    }
  }

  /** Pieces whose hash is known: this many, from the first on. */
  get known(): number {
    return this.#known;
  }
  /** Set once it is hashed to its end, and right. */
  get closing(): Closing | undefined {
    return this.#closing && { sha256: this.#closing.sha256, content: this.#closing.content };
  }
  /** Why it won't be closed. */
  get fault(): LabError | undefined {
    return this.#fault;
  }
  get isOver(): boolean {
    return this.#closing !== undefined || this.#fault !== undefined;
  }
  /** The manifest, once it is closed. */
  get manifest(): Bytes | undefined {
    return this.#closing?.encoded;
  }

  /** A copy of the hashes of some pieces that are known, end to end. */
  hashes(from = 0, to = this.#known): Bytes {
    return this.#hashes.slice(from * HASH_BYTES, Math.min(to, this.#known) * HASH_BYTES);
  }

  /** The same as they travel: at most as many as a message may have. */
  page(from: number): string[] {
    const to = Math.min(this.#known, from + LIMITS.hashesPerMessage);
    return Array.from({ length: to - from }, (_, i) => toHex(this.hashes(from + i, from + i + 1)));
  }

  /**
   * Takes the hashes of the next pieces; those that are known already must be the same.
   *
   * @param at piece that the first of them belongs to.
   * @param hashes hexadecimal.
   * @throws {RemoteProtocolError} when there is a gap before them, they are too many, or others were told before.
   */
  add(at: number, hashes: readonly string[]): void {
    if (this.#fault) return;
    const end = at + hashes.length;
    if (at > this.#known || end > this.layout.pieceCount) {
      throw new RemoteProtocolError(
        `Hashes of the pieces ${at} to ${end} of ${this.layout.pieceCount}, where piece ${this.#known} was due`,
      );
    }
    const told = concat(hashes.map(fromHex));
    const before = Math.min(end, this.#known) - at;
    if (!sameBytes(told.subarray(0, before * HASH_BYTES), this.hashes(at, at + before))) {
      throw new RemoteProtocolError(`Other hashes of the pieces ${at} to ${end} than were told before`);
    }
    if (end <= this.#known) return;
    this.#makeRoom(end * HASH_BYTES);
    this.#hashes.set(told, at * HASH_BYTES);
    this.#known = end;
    this.#wake();
  }

  /**
   * The file was hashed to its end.
   *
   * @param closing what it is said to be; fails the feed when the hashes make another manifest.
   * @throws {LabError} "integrity" in that case.
   */
  close({ sha256, content }: { sha256: string; content?: string }): void {
    if (this.#fault) return;
    const encoded = this.#known === this.layout.pieceCount ? this.#encode(sha256) : undefined;
    const made = encoded && toHex(hashOf(encoded));
    if (!encoded || !made || (content !== undefined && content !== made)) {
      const fault = new LabError(
        "integrity",
        `${
          printable(this.file.name)
        } is not what its sender says: its pieces' hashes don't make the content that ` +
          "it was closed with; nothing of it is kept, broadcast it again",
      );
      this.fail(fault);
      throw fault;
    }
    if (this.#closing) return;
    this.#closing = { sha256, content: made, encoded };
    this.#wake();
  }

  /** It won't be closed. */
  fail(reason: LabError): void {
    if (this.isOver) return;
    this.#fault = reason;
    this.#wake();
  }

  /** Waits until more is known than `known`, or it is over. */
  async more(known: number): Promise<void> {
    while (this.#known <= known && !this.isOver) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /**
   * Waits for its end.
   *
   * @throws {LabError} why it won't be closed.
   */
  async closed(): Promise<Closing> {
    await this.more(Infinity);
    if (this.closing) return this.closing;
    throw this.#fault;
  }

  #encode(sha256: string): Bytes {
    const files = [{ ...this.file, sha256 }];
    return encodeManifest({ pieceSize: this.layout.pieceSize, files, hashes: this.hashes() });
  }

  /** Memory grows with what has come, not with the size that was claimed. */
  #makeRoom(bytes: number): void {
    if (bytes <= this.#hashes.length) return;
    const most = this.layout.pieceCount * HASH_BYTES;
    const larger = new Uint8Array(Math.min(most, Math.max(bytes, 2 * this.#hashes.length)));
    larger.set(this.#hashes);
    this.#hashes = larger;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
