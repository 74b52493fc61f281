/**
 * All contents in order, by name, then SHA-256, then size: in blocks, so that putting one among a million moves a few
 * hundred; each block knows which words can't be in it. Pure but for its own state.
 *
 * Rules: no two contents are equal in all three; a block is never empty; a signature covers at least what is in its block.
 */

import { Signature } from "./signature.ts";
import type { WireRow } from "../protocol/messages.ts";
import { partitionPoint } from "../base/search.ts";
import { utf8Length } from "../catalog/names.ts";

/** Contents of a block before it is cut in two. */
const BLOCK_MAX = 512;
/** A block with fewer is joined with the next one, if that has room. */
const BLOCK_FEW = 64;

/** What tells contents apart. */
export interface ContentKey {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

/** A file under a name, and who holds it. */
export class Content implements ContentKey {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** As its first holder says. */
  title = "";
  modified = "";
  /** 0: not counted yet. Most contents are on no page before they change or go. */
  #bytes = 0;
  /** One cookie, as most files of a campus have one holder and a set costs more than all else; or several. */
  #held: string | Set<string> | undefined;

  constructor(row: WireRow) {
    this.name = row.name;
    this.size = row.size;
    this.sha256 = row.sha256;
    this.describe(row);
  }

  /** Cookies of the holders. */
  get holders(): Iterable<string> {
    if (this.#held === undefined) return [];
    return typeof this.#held === "string" ? [this.#held] : this.#held;
  }
  get holderCount(): number {
    if (this.#held === undefined) return 0;
    return typeof this.#held === "string" ? 1 : this.#held.size;
  }

  isHeldBy(cookie: string): boolean {
    return typeof this.#held === "object" ? this.#held.has(cookie) : this.#held === cookie;
  }

  addHolder(cookie: string): void {
    if (this.#held === undefined) this.#held = cookie;
    else if (typeof this.#held !== "string") this.#held.add(cookie);
    else if (this.#held !== cookie) this.#held = new Set([this.#held, cookie]);
  }

  removeHolder(cookie: string): void {
    if (this.#held === cookie) this.#held = undefined;
    if (typeof this.#held !== "object") return;
    this.#held.delete(cookie);
    if (this.#held.size === 1) this.#held = [...this.#held][0]!;
  }

  /** Takes title and time from a holder's row. */
  describe(row: WireRow): void {
    this.title = row.title;
    this.modified = row.modified;
    this.#bytes = 0;
  }

  /** Bytes of JSON of its row, without holders. */
  get bytes(): number {
    const { name, title, size, sha256, modified } = this;
    return this.#bytes ||= utf8Length(
      JSON.stringify({ name, title, size, sha256, modified, flag: 1, holders: [] }),
    );
  }
}

/** Orders contents. */
export function compareContents(a: ContentKey, b: ContentKey): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.sha256 < b.sha256 ? -1 : a.sha256 > b.sha256 ? 1 : a.size - b.size;
}

/** The first place in sorted contents that is not below `key`. */
function bound(contents: readonly ContentKey[], key: ContentKey): number {
  return partitionPoint(contents, (other) => compareContents(other, key) < 0);
}

class Block {
  signature = new Signature();
  /** Contents that the signature covers although they are gone. */
  stale = 0;

  constructor(public contents: Content[]) {
    this.sign();
  }

  sign(): void {
    this.stale = 0;
    this.signature.clear();
    for (const content of this.contents) this.cover(content);
  }

  cover({ name, title }: Content): void {
    this.signature.add(name.toLowerCase());
    if (title !== "") this.signature.add(title.toLowerCase());
  }
}

/** Contents in order. */
export class Contents {
  #blocks: Block[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  *[Symbol.iterator](): Generator<Content> {
    for (const { contents } of this.#blocks) yield* contents;
  }

  /** The content with this key. */
  find(key: ContentKey): Content | undefined {
    const contents = this.#blocks[this.#blockFor(key)]?.contents;
    const found = contents?.[bound(contents, key)];
    return found && compareContents(found, key) === 0 ? found : undefined;
  }

  /** Those under a name, in order. */
  under(name: string): Content[] {
    const found: Content[] = [];
    this.scan({ name, sha256: "", size: 0 }, undefined, (content) => {
      if (content.name !== name) return false;
      found.push(content);
      return true;
    });
    return found;
  }

  /** Adds a content that isn't there yet. */
  add(content: Content): void {
    this.#size++;
    const at = this.#blockFor(content);
    const block = this.#blocks[at];
    if (!block) return void this.#blocks.push(new Block([content]));
    block.contents.splice(bound(block.contents, content), 0, content);
    block.cover(content);
    if (block.contents.length <= BLOCK_MAX) return;
    const half = new Block(block.contents.splice(BLOCK_MAX / 2));
    // What was cut off leaves an array of the old length behind.
    block.contents = block.contents.slice();
    block.sign();
    this.#blocks.splice(at + 1, 0, half);
  }

  /** A content has another title. */
  retitled(content: Content): void {
    this.#blocks[this.#blockFor(content)]?.cover(content);
  }

  delete(content: Content): void {
    const at = this.#blockFor(content);
    const block = this.#blocks[at];
    const place = block ? bound(block.contents, content) : -1;
    if (!block || block.contents[place] !== content) return;
    this.#size--;
    block.contents.splice(place, 1);
    if (block.contents.length === 0) return void this.#blocks.splice(at, 1);
    this.#joinNext(at);
    if (++block.stale > BLOCK_MAX / 2) block.sign();
  }

  /**
   * Calls `visit` for contents in order, from the first that isn't below `from`, until it says false. Blocks that `mayHold`
   * says no to are passed over.
   */
  scan(
    from: ContentKey | undefined,
    mayHold: ((signature: Signature) => boolean) | undefined,
    visit: (content: Content) => boolean,
  ): void {
    let at = from ? this.#blockFor(from) : 0;
    let place = from && this.#blocks[at] ? bound(this.#blocks[at]!.contents, from) : 0;
    for (; at < this.#blocks.length; at++, place = 0) {
      const { contents, signature } = this.#blocks[at]!;
      if (mayHold && !mayHold(signature)) continue;
      for (; place < contents.length; place++) if (!visit(contents[place]!)) return;
    }
  }

  /** Place of the block that the key is in, or belongs in: the last one that begins at or below it. */
  #blockFor(key: ContentKey): number {
    const after = partitionPoint(this.#blocks, ({ contents }) => compareContents(contents[0]!, key) <= 0);
    return Math.max(0, after - 1);
  }

  #joinNext(at: number): void {
    const block = this.#blocks[at]!;
    const next = this.#blocks[at + 1];
    if (!next || block.contents.length >= BLOCK_FEW) return;
    if (block.contents.length + next.contents.length > BLOCK_MAX / 2) return;
    block.contents.push(...next.contents);
    block.sign();
    this.#blocks.splice(at + 1, 1);
  }
}
