/**
 * A large file that is broadcast while it is being hashed: read once from its beginning to its end, its pieces served as
 * soon as their hash is known. Reading and hashing take turns with the connections, half a mebibyte at a time.
 */

import { createHash } from "node:crypto";
import { type Bytes, toHex } from "../../base/bytes.ts";
import { afterThisTurn, type Clock } from "../../base/clock.ts";
import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import type { ContentFile } from "../../catalog/layout.ts";
import { sameFiles } from "../../catalog/manifest.ts";
import { printable } from "../../catalog/names.ts";
import { readAt } from "../../storage/hashing.ts";
import { fileError } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import type { LocalFile, PieceReader } from "../serve/content_store.ts";
import { HashFeed } from "./hash_feed.ts";

/** Bytes read and hashed in one go, about 1 ms: longer, and those who are served would notice. Divides every piece size. */
const SLICE = 256 * 1024;

/**
 * For so long this thread reads it itself, milliseconds, which is faster than to have another do it: 64 MiB with nothing beside
 * it took 0.11 s, and 0.14. Until PCs have been greeted and listen there is little else to do, and what is known by then is
 * not to be told while pieces flow.
 */
const HEAD_START = 300;

/** Between two looks whether the file is still the same, milliseconds. */
const LOOK = 500;

/** A file that is hashed while it is broadcast. */
export class HashedFile {
  readonly feed: HashFeed;
  #path: string;
  #served: Deno.FsFile;
  #hashing: Promise<void>;
  #stop = false;
  #began: number;
  #looked = -Infinity;

  /**
   * Opens the file and begins to hash it.
   *
   * @param file as it was just seen.
   * @param o.id provisional name of its content, 32 random bytes, hexadecimal.
   * @param o.offered the name under which it is offered.
   * @param o.gate is waited for before each slice: for tests.
   * @throws {LabError} when it can't be read.
   */
  constructor(
    private file: LocalFile,
    private o: { id: string; offered: string; clock: Clock; gate?: (offset: number) => Promise<void> },
  ) {
    this.feed = new HashFeed(o.id, { name: o.offered, size: file.size });
    this.#path = file.root.pathToRead(file.name);
    this.#served = this.#open();
    this.#began = o.clock.monotonic();
    this.#hashing = this.#hash().catch((cause) => this.#fail(cause));
  }

  /** Tells whether a content is this file, by its provisional name or the final one. */
  has(content: string): boolean {
    return content === this.feed.id || content === this.feed.closing?.content;
  }

  /** A piece of it, by its provisional name or the final one; undefined when another content is asked for. */
  piece(content: string, index: number): PieceReader | undefined {
    const { layout, known } = this.feed;
    if (!this.has(content)) return undefined;
    if (index >= known) throw new LabError("not_found", "This piece is not hashed yet");
    this.#requireUnchanged();
    return {
      length: layout.pieceLength(layout.piece(index)),
      fill: (into, offset) => {
        if (readAt(this.#served, into, index * layout.pieceSize + offset) !== into.length) {
          throw this.#changed();
        }
      },
    };
  }

  /** Its manifest, once it is closed, for those who ask by its SHA-256. */
  manifest(files: readonly ContentFile[]): Bytes | undefined {
    const { file, closing, manifest } = this.feed;
    return closing && sameFiles(files, [{ ...file, sha256: closing.sha256 }]) ? manifest : undefined;
  }

  /** Ends the hashing, and closes the file. */
  async close(): Promise<void> {
    this.#stop = true;
    await this.#hashing;
    this.feed.fail(new LabError("interrupted", "The broadcast has ended"));
    this.#served.close();
  }

  async #hash(): Promise<void> {
    const { layout } = this.feed;
    const file = this.#open();
    let reading: Promise<Bytes> | undefined;
    try {
      const whole = createHash("sha256");
      // One is read while the other is hashed.
      let [now, next] = [new Uint8Array(SLICE), new Uint8Array(SLICE)];
      reading = this.#read(file, now, 0);
      for (let i = 0, at = 0; i < layout.pieceCount; i++) {
        const piece = createHash("sha256");
        for (const end = at + layout.pieceLength(layout.piece(i)); at < end;) {
          const slice: Bytes = await reading;
          if (this.#stop || this.feed.fault) return;
          at += slice.length;
          reading = this.#read(file, next, at);
          [now, next] = [next, now];
          whole.update(slice);
          piece.update(slice);
        }
        this.#requireUnchanged();
        this.feed.add(i, [piece.digest("hex")]);
      }
      if ((await reading).length > 0 || await file.read(now.subarray(0, 1)) !== null) throw this.#changed();
      this.#looked = -Infinity;
      this.#requireUnchanged();
      this.feed.close({ sha256: toHex(whole.digest()) });
    } finally {
      await reading?.catch(() => {});
      file.close();
    }
  }

  /** Reads on; nothing at the end of the file. */
  async #read(file: Deno.FsFile, into: Bytes, at: number): Promise<Bytes> {
    await this.o.gate?.(at);
    const isEarly = this.o.clock.monotonic() - this.#began < HEAD_START;
    // By itself it would let nobody have a turn.
    if (isEarly) await new Promise<void>((resolve) => afterThisTurn(resolve));
    const wanted = into.subarray(0, Math.min(into.length, this.file.size - at));
    for (let filled = 0; filled < wanted.length && !this.#stop;) {
      const rest = wanted.subarray(filled);
      const n = isEarly ? file.readSync(rest) : await file.read(rest);
      if (n === null) throw this.#changed();
      filled += n;
    }
    return wanted;
  }

  #open(): Deno.FsFile {
    try {
      return Deno.openSync(this.#path, { read: true });
    } catch (cause) {
      throw fileError(cause, `Cannot read ${printable(this.file.name)}`);
    }
  }

  /** @throws {LabError} "changed", which ends the broadcast as long as it isn't closed. */
  #requireUnchanged(): void {
    const now = this.o.clock.monotonic();
    if (now - this.#looked < LOOK) return;
    this.#looked = now;
    let info: Deno.FileInfo | undefined;
    try {
      info = Deno.lstatSync(this.#path);
    } catch { /* gone: it has changed */ }
    const isSame = info?.isFile && info.size === this.file.size &&
      isoTime(info.mtime) === this.file.modified;
    if (isSame) return;
    const fault = this.#changed();
    this.feed.fail(fault);
    throw fault;
  }

  #changed(): LabError {
    return new LabError(
      "changed",
      `${printable(this.o.offered)} changed while it was broadcast: nobody gets it under its name; ` +
        "broadcast it again when nobody writes to it any more",
    );
  }

  #fail(cause: unknown): void {
    const said = `Cannot read ${printable(this.file.name)}: ${messageOf(cause)}`;
    this.feed.fail(cause instanceof LabError ? cause : new LabError(codeOf(cause), said, { cause }));
  }
}
