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
import { rowFault } from "../catalog/row.ts";
import type { MessageOf, WireRow } from "../protocol/messages.ts";
import { Content, type ContentKey, Contents } from "./contents.ts";
import type { Signature } from "./signature.ts";
import { SortedNames } from "./sorted_names.ts";
import type { HoldingsChange } from "./store.ts";

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

/** What one peer holds, by name. One copy of the cookie is all that its contents refer to. */
class Held extends Map<string, Content> {
  constructor(readonly cookie: string) {
    super();
  }
}

/** Who holds what. */
export class Holdings {
  #contents = new Contents();
  #byPeer = new Map<string, Held>();
  #namesByPeer = new Map<string, SortedNames>();
  #rows = 0;
  #version = 0;
  /** Is told of each change, once what was stored is loaded; must not throw. */
  onChange: ((cookie: string, content: Content, isHeld: boolean) => void) | undefined;

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
  /** Contents of all names, in order. */
  all(): Iterable<Content> {
    return this.#contents;
  }
  /** Looks at contents in order; see {@linkcode Contents.scan}. */
  scan(
    from: ContentKey | undefined,
    mayHold: ((signature: Signature) => boolean) | undefined,
    visit: (content: Content) => boolean,
  ): void {
    this.#contents.scan(from, mayHold, visit);
  }
  /** Cookies of those who have announced something. */
  holders(): Iterable<string> {
    return this.#byPeer.keys();
  }
  /** What a peer holds, in no order. */
  heldBy(cookie: string): Iterable<Content> {
    return this.#byPeer.get(cookie)?.values() ?? [];
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
    return this.#contents.under(name);
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
    if (!held) this.#byPeer.set(cookie, held = new Held(cookie));
    const before = held.get(row.name);
    if (before && before.sha256 === row.sha256 && before.size === row.size) {
      if (before.holderCount === 1) this.#describe(before, row);
      return;
    }
    if (before) this.#remove(cookie, row.name);
    this.#version++;
    const content = this.#content(row);
    content.addHolder(held.cookie);
    held.set(content.name, content);
    this.#namesByPeer.get(cookie)?.add(content.name);
    this.#rows++;
    this.onChange?.(held.cookie, content, true);
  }

  #describe(content: Content, row: WireRow): void {
    const { title } = content;
    content.describe(row);
    if (content.title !== title) this.#contents.retitled(content);
  }

  /** The content of a row, made if it's new. */
  #content(row: WireRow): Content {
    const there = this.#contents.find(row);
    if (there) return there;
    const content = new Content(row);
    this.#contents.add(content);
    return content;
  }

  #remove(cookie: string, name: string): void {
    const content = this.#byPeer.get(cookie)?.get(name);
    if (!content) return;
    this.#byPeer.get(cookie)!.delete(name);
    this.#namesByPeer.get(cookie)?.delete(name);
    this.#rows--;
    this.#version++;
    content.removeHolder(cookie);
    this.onChange?.(cookie, content, false);
    if (content.holderCount === 0) this.#contents.delete(content);
  }
}
