/**
 * What this peer can deliver: makes manifests of files that it holds, and reads their pieces. A file that is no longer
 * what the index says is not delivered.
 */

import { createHash } from "node:crypto";
import { type Bytes, concat, toHex } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { type ContentFile, contentTitle, Layout, pieceSizeFor } from "../../catalog/layout.ts";
import { demandContent, encodeManifest } from "../../catalog/manifest.ts";
import { printable } from "../../catalog/names.ts";
import { readAt, readOn, sha256 } from "../../storage/hashing.ts";
import type { PieceHashes } from "../../storage/piece_hashes.ts";
import { fileError, type Root } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import { Turns } from "./turns.ts";

/** A file that can be delivered. */
export interface LocalFile {
  /** Name below its root. */
  name: string;
  root: Root;
  size: number;
  /** ISO 8601; a file with another time has changed. */
  modified: string;
}

/** Finds a file by its content. */
export type LocalFiles = (sha256: string, name: string) => LocalFile | undefined;

/** Manifests kept at once: a fetch of 100,000 small files goes through 50. */
const MOST_CONTENTS = 512;
/** Open files kept for the next piece, and for how long they may lie unused, milliseconds. */
const MOST_OPEN = 32;
const OPEN_FOR = 5_000;

/** Pieces of packs that were read for their hashes and are kept until they are asked for, bytes: two packs of 4 KiB files. */
const KEPT_PIECES = 16 * 1024 * 1024;
/** The files of a pack, once looked at, are believed unchanged for so long, milliseconds: their hash tells in any case. */
const BELIEVED = 2_000;

/** How long files are read for one before others have their turn, milliseconds. */
const TURN = 1_000;

/** Who wants a manifest. */
export interface ManifestAsker {
  /** Tells apart those who take turns: a member's id, or an address. */
  readonly who: string;
  /** True once it wants it no longer. */
  readonly aborted: boolean;
}

/** This PC itself. */
const OURSELVES: ManifestAsker = { who: "", aborted: false };

interface Content {
  /** SHA-256 of its manifest, and of what was asked for. */
  id: string;
  spec: string;
  layout: Layout;
  files: LocalFile[];
  encoded: Bytes;
  /** When the files were last looked at, monotonic milliseconds. */
  looked: number;
}

/** A piece that can be sent: its length in bytes, and how to read it. */
export interface PieceReader {
  length: number;
  fill: (into: Uint8Array, offset: number) => void;
}

/** What this peer can deliver. */
export class ContentStore {
  #contents = new Map<string, Content>();
  #bySpec = new Map<string, string>();
  #encodedBytes = 0;
  #open = new Map<string, { file: Deno.FsFile; used: number }>();
  #kept = new Map<string, Bytes>();
  #keptBytes = 0;
  /** Contents whose files are being read, by what was asked for. */
  #making = new Map<string, Promise<unknown>>();
  #turns = new Turns();

  /** @param mostBytes of manifests; for tests. */
  constructor(
    private files: LocalFiles,
    private pieces: PieceHashes | undefined,
    private clock: Clock,
    private mostBytes: number = LIMITS.manifestsKept,
  ) {}

  /**
   * The manifest of a content made of files that are held here.
   *
   * @param wanted files of the content, in order.
   * @param asker who wants it: to read its files may take long.
   * @returns the manifest's bytes.
   * @throws {LabError} "not_found" or "changed"; "failed" for what makes no content; "interrupted" when the asker has gone.
   */
  async manifest(wanted: readonly ContentFile[], asker: ManifestAsker = OURSELVES): Promise<Bytes> {
    const spec = createHash("sha256").update(JSON.stringify(wanted)).digest("hex");
    while (true) {
      const files = wanted.map((file) => this.#local(file));
      for (const file of files) this.#requireUnchanged(file);
      const known = this.#contents.get(this.#bySpec.get(spec) ?? "");
      if (known) {
        this.#use(known.id, known);
        known.files = files;
        known.looked = this.clock.monotonic();
        return known.encoded;
      }
      const others = this.#making.get(spec);
      if (!others) return await this.#make(spec, wanted, files, asker);
      // It's known then, or they have given it up.
      await others.catch(() => {});
    }
  }

  #make(
    spec: string,
    wanted: readonly ContentFile[],
    files: LocalFile[],
    asker: ManifestAsker,
  ): Promise<Bytes> {
    const pieceSize = pieceSizeFor(wanted.reduce((sum, file) => sum + file.size, 0));
    demandContent(wanted, pieceSize);
    const layout = new Layout(wanted, pieceSize);
    const made = this.#encode(spec, layout, files, asker).finally(() => this.#making.delete(spec));
    this.#making.set(spec, made);
    return made;
  }

  async #encode(
    spec: string,
    layout: Layout,
    files: LocalFile[],
    asker: ManifestAsker,
  ): Promise<Bytes> {
    const pieces: Bytes[] = [];
    const hashes = await this.#hashes(layout, files, pieces, asker);
    const encoded = encodeManifest({ pieceSize: layout.pieceSize, files: [...layout.files], hashes });
    const id = toHex(sha256(encoded));
    for (const [i, bytes] of pieces.entries()) this.#keepPiece(`${id} ${i}`, bytes);
    this.#forget(this.#contents.get(id));
    this.#contents.set(id, {
      id,
      spec,
      layout,
      files,
      encoded,
      looked: this.clock.monotonic(),
    });
    this.#bySpec.set(spec, id);
    this.#encodedBytes += encoded.length;
    this.#makeRoom();
    return encoded;
  }

  /** Tells whether somebody has asked for this content's manifest. */
  has(id: string): boolean {
    return this.#contents.has(id);
  }

  /** What to call a content that was asked for. */
  titleOf(id: string): string | undefined {
    const content = this.#contents.get(id);
    return content && contentTitle(content.layout.files);
  }

  /**
   * Prepares a piece for sending.
   *
   * @returns its length in bytes, and how to read it.
   * @throws {LabError} "not_found" when the content or piece isn't known here, "changed" when its files are not what they were.
   */
  piece(id: string, index: number): PieceReader {
    const content = this.#contents.get(id);
    if (!content || index >= content.layout.pieceCount) {
      throw new LabError("not_found", "This content is not known here; ask for its manifest again");
    }
    this.#use(id, content);
    const piece = content.layout.piece(index);
    const spans = content.layout.spans(piece);
    if (spans.length === 1 || this.clock.monotonic() - content.looked > BELIEVED) {
      for (const span of spans) if (span.length > 0) this.#requireUnchanged(content.files[span.file]!);
    }
    const kept = this.#takeKept(`${id} ${index}`);
    if (kept) {
      return {
        length: kept.length,
        fill: (into, at) => into.set(kept.subarray(at, at + into.length)),
      };
    }
    return {
      length: content.layout.pieceLength(piece),
      fill: (into, offset) => {
        for (const span of spans) {
          const from = Math.max(span.pieceOffset, offset);
          const to = Math.min(span.pieceOffset + span.length, offset + into.length);
          if (from >= to) continue;
          const keep = spans.length === 1;
          this.#read(
            content.files[span.file]!,
            into.subarray(from - offset, to - offset),
            span.fileOffset + from - span.pieceOffset,
            keep,
          );
        }
      },
    };
  }

  /** Puts a content behind all others: it's the last to be forgotten. */
  #use(id: string, content: Content): void {
    this.#contents.delete(id);
    this.#contents.set(id, content);
  }

  #makeRoom(): void {
    for (const content of this.#contents.values()) {
      const isFull = this.#contents.size > MOST_CONTENTS || this.#encodedBytes > this.mostBytes;
      if (!isFull || this.#contents.size === 1) return;
      this.#forget(content);
    }
  }

  #forget(content: Content | undefined): void {
    if (!content) return;
    const { id, spec, encoded } = content;
    this.#contents.delete(id);
    this.#bySpec.delete(spec);
    this.#encodedBytes -= encoded.length;
  }

  /** Closes files that have not been read for a while. */
  tidy(): void {
    for (const { files } of this.#contents.values()) files[0]?.root.refresh();
    const now = this.clock.monotonic();
    for (const [key, { file, used }] of this.#open) {
      if (now - used < OPEN_FOR) continue;
      file.close();
      this.#open.delete(key);
    }
  }

  /** Closes all files. */
  close(): void {
    for (const { file } of this.#open.values()) file.close();
    this.#open.clear();
    this.#kept.clear();
  }

  #local({ name, size, sha256 }: ContentFile): LocalFile {
    const file = this.files(sha256, name);
    if (!file || file.size !== size) {
      throw new LabError(
        "not_found",
        `${printable(name)} with SHA-256 ${sha256.slice(0, 8)}... is not here (any more)`,
      );
    }
    return file;
  }

  #requireUnchanged({ root, name, size, modified }: LocalFile): void {
    const path = root.pathInKnownFolder(name);
    let now: Deno.FileInfo;
    try {
      now = Deno.lstatSync(path);
    } catch (cause) {
      throw fileError(cause, `Cannot read ${printable(name)}`);
    }
    if (!now.isFile || now.size !== size || isoTime(now.mtime) !== modified) {
      throw new LabError(
        "changed",
        `${printable(name)} has changed since it was indexed; try again in a moment`,
      );
    }
  }

  /** @param pieces is given the pieces of a small pack, which had to be read. */
  async #hashes(
    layout: Layout,
    files: LocalFile[],
    pieces: Bytes[],
    asker: ManifestAsker,
  ): Promise<Bytes> {
    const [only] = layout.files;
    if (layout.files.length === 1 && layout.pieceCount > 1) {
      const kept = this.pieces?.get(only!.sha256, only!.size);
      if (kept) return kept;
    }
    // One after the other: the first content can then travel while the next one is being read.
    const asked = this.clock.monotonic();
    await this.#turns.take(asker.who);
    try {
      const isLongAgo = this.clock.monotonic() - asked > BELIEVED;
      if (isLongAgo) { for (const file of files) this.#requireUnchanged(file); }
      return await this.#hashInTurn(layout, files, pieces, asker);
    } finally {
      this.#turns.pass();
    }
  }

  async #hashInTurn(
    layout: Layout,
    files: LocalFile[],
    pieces: Bytes[],
    asker: ManifestAsker,
  ): Promise<Bytes> {
    const hashes: Bytes[] = [];
    const keep = layout.files.length > 1 && layout.totalBytes <= KEPT_PIECES;
    let buffer = new Uint8Array(0);
    let since = this.clock.monotonic();
    for (let i = 0; i < layout.pieceCount; i++) {
      if (asker.aborted) throw new LabError("interrupted", "Nobody wants it any longer");
      const piece = layout.piece(i);
      if (buffer.length === 0 || keep) buffer = new Uint8Array(layout.pieceSize);
      for (const span of layout.spans(piece)) {
        this.#read(
          files[span.file]!,
          buffer.subarray(span.pieceOffset, span.pieceOffset + span.length),
          span.fileOffset,
          false,
        );
      }
      const bytes = buffer.subarray(0, layout.pieceLength(piece));
      hashes.push(sha256(bytes));
      if (keep) pieces.push(bytes);
      // Others are served between two pieces.
      if (i % 4 === 3) await this.clock.sleep(0);
      if (this.clock.monotonic() - since < TURN) continue;
      await this.#turns.giveWay(asker.who);
      since = this.clock.monotonic();
    }
    return concat(hashes);
  }

  #read(local: LocalFile, into: Uint8Array, offset: number, keep: boolean): void {
    const path = local.root.pathOf(local.name);
    // A file that was replaced has another time, and must not be read through the old one's handle.
    const key = `${path}\n${local.modified}`;
    try {
      const opened = this.#open.get(key)?.file;
      const file = opened ?? Deno.openSync(path, { read: true });
      try {
        const read = opened || offset > 0 ? readAt(file, into, offset) : readOn(file, into);
        if (read !== into.length) {
          throw new LabError("changed", `${printable(local.name)} became shorter`);
        }
        if (keep) this.#keep(key, file);
      } finally {
        if (this.#open.get(key)?.file !== file) file.close();
      }
    } catch (cause) {
      throw fileError(cause, `Cannot read ${printable(local.name)}`);
    }
  }

  #keepPiece(key: string, bytes: Bytes): void {
    this.#takeKept(key);
    this.#kept.set(key, bytes);
    this.#keptBytes += bytes.length;
    while (this.#keptBytes > KEPT_PIECES) this.#takeKept(this.#kept.keys().next().value!);
  }

  #takeKept(key: string): Bytes | undefined {
    const bytes = this.#kept.get(key);
    if (bytes && this.#kept.delete(key)) this.#keptBytes -= bytes.length;
    return bytes;
  }

  #keep(key: string, file: Deno.FsFile): void {
    this.#open.delete(key);
    this.#open.set(key, { file, used: this.clock.monotonic() });
    if (this.#open.size <= MOST_OPEN) return;
    const [oldest, entry] = this.#open.entries().next().value!;
    entry.file.close();
    this.#open.delete(oldest);
  }
}
