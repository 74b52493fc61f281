/**
 * Contents that are being received and passed on at the same time: a piece that somebody below us asks for before we have
 * it is sent the moment it has been verified. So nothing is asked twice, and no time is lost in telling who has what.
 *
 * A content is read through a handle of its own, from the part file; the handle stays good when the file gets its name.
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { Bytes } from "../../base/bytes.ts";
import { LabError } from "../../base/errors.ts";
import { type ContentFile, contentTitle, type Layout } from "../../catalog/layout.ts";
import { encodeManifest } from "../../catalog/manifest.ts";
import { readAt } from "../../storage/hashing.ts";
import type { Exchange } from "../../transport/exchange.ts";
import type { PieceReader } from "../serve/content_store.ts";
import { Askers } from "./askers.ts";

/** How long a content is passed on after it is whole, milliseconds: those who come late find it in the index by then. */
const KEEP = 60_000;
/** How long a question about a content that we haven't begun waits for us to begin it, milliseconds. */
const BEGIN_WAIT = 10_000;

/** Who asks for a piece. */
export type Asker = Pick<Exchange, "aborted" | "onEnd">;

interface Relayed {
  layout: Layout;
  file: Deno.FsFile;
  held: Uint8Array;
  waiting: Map<number, Set<() => void>>;
  spec: string;
  /** The manifest; not there yet where the file is being hashed. */
  encoded: Bytes | undefined;
  endsAt: number;
}

/** Contents that are received and passed on at once. */
export class Relay {
  #contents = new Map<string, Relayed>();
  #beginning = new Set<() => void>();
  #expected = 0;

  /** Those who ask for what we pass on. */
  readonly askers: Askers;

  constructor(private clock: Clock) {
    this.askers = new Askers(clock);
  }

  /** A broadcast is being received: contents that are not known yet may soon be. Call what it returns when it is over. */
  expect(): () => void {
    this.#expected++;
    return () => {
      this.#expected--;
      this.#wakeAll();
    };
  }

  /** A content has a part file now. */
  begin(id: string, part: { path: string; layout: Layout; hashes: Bytes | undefined }): void {
    const { layout, hashes } = part;
    const before = this.#contents.get(id);
    if (before) {
      before.endsAt = Infinity;
      // What is whole can be read as before. Else there may be another part file now.
      if (before.held.every((held) => held === 1)) return;
      before.file.close();
      before.file = Deno.openSync(part.path, { read: true });
      before.held.fill(0);
      return;
    }
    this.#contents.set(id, {
      layout,
      file: Deno.openSync(part.path, { read: true }),
      held: new Uint8Array(layout.pieceCount),
      waiting: new Map(),
      spec: specOf(layout.files),
      encoded: hashes && encodeManifest({ pieceSize: layout.pieceSize, files: [...layout.files], hashes }),
      endsAt: Infinity,
    });
    this.#wakeAll();
  }

  /** A content that was begun under a provisional name has its own now, and goes by both. */
  named(id: string, closed: { content: string; files: readonly ContentFile[]; encoded: Bytes }): void {
    const content = this.#contents.get(id);
    if (!content || this.#contents.has(closed.content)) return;
    content.spec = specOf(closed.files);
    content.encoded = closed.encoded;
    this.#contents.set(closed.content, content);
    this.#wakeAll();
  }

  /** Pieces are on disk and verified. */
  hold(id: string, pieces: readonly number[]): void {
    const content = this.#contents.get(id);
    if (!content) return;
    for (const piece of pieces) {
      content.held[piece] = 1;
      const waiting = content.waiting.get(piece);
      content.waiting.delete(piece);
      for (const wake of waiting ?? []) wake();
    }
  }

  /** A file that is whole here already is passed on under this name too, for a while. */
  lend(id: string, part: { path: string; layout: Layout }): void {
    this.begin(id, { ...part, hashes: undefined });
    this.hold(id, Array.from({ length: part.layout.pieceCount }, (_, piece) => piece));
    this.end(id);
  }

  /** The content is whole, or given up: it is passed on for a while yet, as far as it is held. */
  end(id: string): void {
    const content = this.#contents.get(id);
    if (!content) return;
    content.endsAt = this.clock.monotonic() + KEEP;
    // Nobody waits for what won't come.
    wakeAll(content);
  }

  /** The manifest of a content that we are receiving. */
  manifest(files: readonly ContentFile[]): Bytes | undefined {
    const spec = specOf(files);
    return [...this.#contents.values()].find((content) => content.spec === spec)?.encoded;
  }

  /** Tells whether a content is being received here, or was a moment ago. */
  has(id: string): boolean {
    return this.#contents.has(id);
  }

  /** What to call a content that is passed on. */
  titleOf(id: string): string | undefined {
    const content = this.#contents.get(id);
    return content && contentTitle(content.layout.files);
  }

  /** Tells whether somebody waits for a piece before this one. */
  isWaitedFor(id: string, before: number): boolean {
    const waiting = this.#contents.get(id)?.waiting ?? [];
    return [...waiting].some(([piece, sleepers]) => piece < before && sleepers.size > 0);
  }

  /**
   * Waits for a piece, if its content is being received here or is about to be.
   *
   * @param isPlanned it is asked for in a broadcast whose plan names us: we may just not have heard of it yet, since PCs
   * hear of it one after another.
   * @returns undefined when it isn't ours to pass on.
   */
  async piece(
    id: string,
    index: number,
    asker: Asker,
    isPlanned = false,
  ): Promise<PieceReader | undefined> {
    const content = this.#contents.get(id) ?? await this.#begun(id, asker, isPlanned);
    if (!content) return undefined;
    if (content.endsAt !== Infinity) content.endsAt = this.clock.monotonic() + KEEP;
    if (index >= content.layout.pieceCount) throw new LabError("not_found", "There is no such piece");
    if (!content.held[index]) await this.#whenHeld(content, index, asker);
    const at = index * content.layout.pieceSize;
    return {
      length: content.layout.pieceLength(content.layout.piece(index)),
      fill: (into, offset) => {
        if (this.#contents.get(id) !== content) {
          throw new LabError("not_found", "This content was given up here");
        }
        if (readAt(content.file, into, at + offset) !== into.length) {
          throw new LabError("changed", "The part file became shorter");
        }
      },
    };
  }

  /** Closes what has been passed on for long enough. */
  tidy(): void {
    this.askers.tidy();
    const now = this.clock.monotonic();
    for (const [id, content] of this.#contents) {
      if (now > content.endsAt) this.#drop(id, content);
    }
  }

  /** Closes everything. */
  close(): void {
    for (const [id, content] of this.#contents) this.#drop(id, content);
    this.#wakeAll();
  }

  #drop(id: string, content: Relayed): void {
    this.#contents.delete(id);
    // It may go by another name, too.
    if (content.endsAt === -Infinity) return;
    content.file.close();
    content.endsAt = -Infinity;
    wakeAll(content);
  }

  async #begun(id: string, asker: Asker, isPlanned: boolean): Promise<Relayed | undefined> {
    const deadline = this.clock.monotonic() + BEGIN_WAIT;
    while ((isPlanned || this.#expected > 0) && !asker.aborted && this.clock.monotonic() < deadline) {
      await this.#pause(this.#beginning, asker, deadline - this.clock.monotonic());
      const content = this.#contents.get(id);
      if (content) return content;
    }
    return undefined;
  }

  async #whenHeld(content: Relayed, index: number, asker: Asker): Promise<void> {
    while (!content.held[index]) {
      if (content.endsAt !== Infinity) throw new LabError("not_found", "This content was given up here");
      const waiting = content.waiting.get(index) ?? new Set();
      content.waiting.set(index, waiting);
      await this.#pause(waiting, asker, Infinity);
      if (asker.aborted) throw new LabError("interrupted", "No longer wanted");
    }
  }

  /** Waits to be woken, at most so long. */
  async #pause(sleepers: Set<() => void>, asker: Asker, most: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = Number.isFinite(most) ? this.clock.after(most, () => wake()) : () => {};
      const wake = () => {
        cancel();
        sleepers.delete(wake);
        stopHearing();
        resolve();
      };
      sleepers.add(wake);
      let stopHearing = () => {};
      stopHearing = asker.onEnd(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#beginning]) wake();
  }
}

function wakeAll(content: Relayed): void {
  for (const waiting of content.waiting.values()) for (const wake of [...waiting]) wake();
}

/** What two contents of the same files have in common, whatever their manifests: names, sizes and SHA-256, in this order. */
export function specOf(files: readonly ContentFile[]): string {
  const list = files.map(({ name, size, sha256 }) => [name, size, sha256]);
  return createHash("sha256").update(JSON.stringify(list)).digest("hex");
}
