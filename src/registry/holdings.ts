/**
 * Who holds what: by name, then by content, then the holders. Pure but for its own state; what has to be stored is
 * returned. Pages of it are made in holdings_query.ts.
 *
 * Rules: a content is a name with a SHA-256 and a size, since a holder that lies about the size of a file must not spoil
 * it for the others; it exists as long as somebody holds it; a peer holds one content per name. Rows were claimed by
 * peers: nothing here says that they are true. Whether a holder is active is not known here.
 */

import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { utf8Length } from "../catalog/names.ts";
import { rowFault } from "../catalog/row.ts";
import type { MessageOf, WireRow } from "../protocol/messages.ts";
import { SortedNames } from "./sorted_names.ts";
import type { HoldingsChange } from "./store.ts";

/** A file under a name, and who holds it. */
export interface Content {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** As its first holder says. */
  readonly title: string;
  readonly modified: string;
  /** Bytes of JSON of its row, without holders. */
  readonly bytes: number;
  /** Cookies. */
  readonly holders: ReadonlySet<string>;
}

interface OwnContent extends Content {
  title: string;
  modified: string;
  bytes: number;
  readonly holders: Set<string>;
}

/** What an Announce came to. */
export interface Announcement {
  /** To be stored. */
  change: HoldingsChange;
  /** Rows of the message that were refused. */
  refused: number;
  /** The first of them, and why. */
  firstRefused: { name: string; fault: string } | undefined;
  /** Rows of the peer that are kept now, all in all. */
  rows: number;
}

/** Orders contents of one name: by SHA-256, then by size. */
export function compareContents(a: ContentKey, b: ContentKey): number {
  return a.sha256 < b.sha256 ? -1 : a.sha256 > b.sha256 ? 1 : a.size - b.size;
}

/** What tells contents of one name apart. */
export interface ContentKey {
  sha256: string;
  size: number;
}

/** The first place in the sorted contents of a name that is not below `key`. */
export function contentBound(contents: readonly Content[], key: ContentKey): number {
  let low = 0;
  let high = contents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareContents(contents[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Who holds what. */
export class Holdings {
  #byName = new Map<string, OwnContent[]>();
  #names = new SortedNames();
  #byPeer = new Map<string, Map<string, OwnContent>>();
  #namesByPeer = new Map<string, SortedNames>();
  #rows = 0;
  #version = 0;

  /**
   * @param rowsPerPeer for tests: how many rows one peer may have.
   * @param rowsInAll how many all of them.
   */
  constructor(
    private rowsPerPeer: number = LIMITS.rowsPerPeer,
    private rowsInAll: number = LIMITS.rowsInAll,
  ) {}

  /** Rows of all peers. */
  get rows(): number {
    return this.#rows;
  }
  /** Another number than before whenever something has changed. */
  get version(): number {
    return this.#version;
  }
  /** Contents of all names, in no order. */
  *all(): Generator<Content> {
    for (const contents of this.#byName.values()) yield* contents;
  }
  /** Names that anybody holds, in order. */
  names(): readonly string[] {
    return this.#names.list();
  }
  /** Names that a peer holds, in order. */
  namesOf(cookie: string): readonly string[] {
    const held = this.#byPeer.get(cookie);
    if (!held) return [];
    let names = this.#namesByPeer.get(cookie);
    if (!names) {
      this.#namesByPeer.set(cookie, names = new SortedNames());
      for (const name of held.keys()) names.add(name);
    }
    return names.list();
  }
  /** Contents under a name, by SHA-256. */
  contents(name: string): readonly Content[] {
    return this.#byName.get(name) ?? [];
  }
  /** The content that a peer holds under a name. */
  contentOf(cookie: string, name: string): Content | undefined {
    return this.#byPeer.get(cookie)?.get(name);
  }
  /** Rows of one peer. */
  rowsOf(cookie: string): number {
    return this.#byPeer.get(cookie)?.size ?? 0;
  }

  /** Takes over a row that was stored. */
  load(cookie: string, row: WireRow): void {
    if (!rowFault(row)) this.#put(cookie, row);
  }

  /**
   * A peer announces rows. Those with a fault are left out, one by one; a row with flag 0 counts as gone.
   *
   * @throws {LabError} "busy" when the peer would have too many rows; nothing is changed then.
   */
  announce(message: Pick<MessageOf<"Announce">, "cookie" | "reset" | "rows" | "gone">): Announcement {
    const { cookie, reset } = message;
    const rows = new Map<string, WireRow>();
    const gone = new Set(message.gone);
    let refused = 0;
    let firstRefused: Announcement["firstRefused"];
    for (const row of message.rows) {
      const fault = rowFault(row);
      if (fault !== undefined) {
        refused++;
        firstRefused ??= { name: row.name, fault };
        // Whatever it held under that name, it holds no longer.
        gone.add(row.name);
      } else if (row.flag === 0) gone.add(row.name);
      else rows.set(row.name, row);
    }
    this.#demandRoom(cookie, reset, rows);
    if (reset) this.forget(cookie);
    for (const name of gone) this.#remove(cookie, name);
    for (const row of rows.values()) this.#put(cookie, row);
    const change = { cookie, reset, rows: [...rows.values()], gone: reset ? [] : [...gone] };
    return { change, refused, firstRefused, rows: this.rowsOf(cookie) };
  }

  /** Forgets all that a peer held. */
  forget(cookie: string): void {
    for (const name of this.#byPeer.get(cookie)?.keys() ?? []) this.#remove(cookie, name);
    this.#byPeer.delete(cookie);
    this.#namesByPeer.delete(cookie);
  }

  #demandRoom(cookie: string, reset: boolean, rows: ReadonlyMap<string, WireRow>): void {
    const held = reset ? undefined : this.#byPeer.get(cookie);
    const others = this.#rows - this.rowsOf(cookie);
    let total = held?.size ?? 0;
    for (const name of rows.keys()) if (!held?.has(name)) total++;
    if (total > this.rowsPerPeer) {
      throw new LabError(
        "busy",
        `Cannot take an index of ${total} files: the limit is ${this.rowsPerPeer} per peer; share fewer files, or pack them`,
      );
    }
    if (others + total > this.rowsInAll && total > this.rowsOf(cookie)) {
      throw new LabError(
        "busy",
        `Cannot take an index of ${total} files: all peers together have ${others}, and the limit is ${this.rowsInAll}`,
      );
    }
  }

  #put(cookie: string, row: WireRow): void {
    let held = this.#byPeer.get(cookie);
    if (!held) this.#byPeer.set(cookie, held = new Map());
    const before = held.get(row.name);
    if (before && compareContents(before, row) === 0) {
      if (before.holders.size === 1) describe(before, row);
      return;
    }
    if (before) this.#remove(cookie, row.name);
    this.#version++;
    const content = this.#content(row);
    content.holders.add(cookie);
    held.set(row.name, content);
    this.#namesByPeer.get(cookie)?.add(row.name);
    this.#rows++;
  }

  /** The content of a row, made if it's new. */
  #content(row: WireRow): OwnContent {
    const contents = this.#byName.get(row.name);
    const at = contents ? contentBound(contents, row) : 0;
    const there = contents?.[at];
    if (there && compareContents(there, row) === 0) return there;
    const { name, size, sha256 } = row;
    const content = { name, size, sha256, title: "", modified: "", bytes: 0, holders: new Set<string>() };
    describe(content, row);
    if (contents) {
      contents.splice(at, 0, content);
    } else {
      this.#byName.set(name, [content]);
      this.#names.add(name);
    }
    return content;
  }

  #remove(cookie: string, name: string): void {
    const content = this.#byPeer.get(cookie)?.get(name);
    if (!content) return;
    this.#byPeer.get(cookie)!.delete(name);
    this.#namesByPeer.get(cookie)?.delete(name);
    this.#rows--;
    this.#version++;
    content.holders.delete(cookie);
    if (content.holders.size > 0) return;
    const contents = this.#byName.get(name)!;
    if (contents.length === 1) {
      this.#byName.delete(name);
      this.#names.delete(name);
    } else {
      contents.splice(contentBound(contents, content), 1);
    }
  }
}

function describe(content: OwnContent, row: WireRow): void {
  content.title = row.title;
  content.modified = row.modified;
  content.bytes = utf8Length(JSON.stringify({ ...row, flag: 1, holders: [] }));
}
