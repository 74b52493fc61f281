/**
 * One page of the answer to "who has what". Pure.
 *
 * Rules: rows are sorted by name, then SHA-256, then size; only holders that `holderOf` knows are told, and a row without
 * any is left out; a page stays under its limits of rows, of bytes and of work. A page may hold fewer rows than there is
 * room for, even none, and still have a next one: the end is where `next` is missing.
 */

import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { utf8Length } from "../catalog/names.ts";
import { isGlob, nameIn } from "../catalog/search.ts";
import { filterOf, NAMES_PER_PAGE, PageWork } from "../catalog/search_work.ts";
import type { MessageOf, WireHolder } from "../protocol/messages.ts";
import { compareContents, type Content, type ContentKey } from "./contents.ts";
import type { Holdings } from "./holdings.ts";
import { needsOf } from "./search_needs.ts";
import { lowerBound } from "./sorted_names.ts";

/** What is asked for. */
export interface HoldingsQuery {
  patterns?: readonly string[] | undefined;
  query?: string | undefined;
  /** Cookie of the one holder that counts. */
  from?: string | undefined;
  /** The page before's `next`. */
  after?: string | undefined;
}

/** How much one page may hold, and cost. */
export interface PageLimits {
  rows: number;
  /** Bytes of JSON, the holders' list included. */
  bytes: number;
  /** Names looked at; fewer when each costs more. */
  names: number;
}

/** Holders told in one page: what an RFCIndex may carry. */
const HOLDERS_MAX = 20_000;

const PAGE: PageLimits = { rows: LIMITS.pageRows, bytes: LIMITS.pageBytes, names: NAMES_PER_PAGE };

/**
 * Makes one page.
 *
 * @param holderOf the wire's holder for a cookie; undefined for those who are to be left out.
 * @param now milliseconds on a clock that never jumps.
 * @throws {LabError} "usage" when patterns, query or cursor can't be used.
 */
export function queryPage(
  holdings: Holdings,
  asked: HoldingsQuery,
  holderOf: (cookie: string) => WireHolder | undefined,
  now: () => number,
  limits: PageLimits = PAGE,
): MessageOf<"RFCIndex"> {
  const cursor = asked.after === undefined ? undefined : readCursor(asked.after);
  const wants = filterOf(asked);
  const page = new Page(holderOf, asked.from, limits);
  const work = new PageWork(asked, now, limits.names);
  let last = cursor;
  let next: ContentKey | undefined;
  look(holdings, asked, cursor, (content) => {
    if (cursor && compareContents(content, cursor) <= 0) return true;
    if (!work.more()) next = last;
    else if (wants(content) && !page.add(content)) next = page.last;
    last = content;
    return next === undefined;
  });
  return page.end(next);
}

/** Calls `visit` for contents that may be wanted, in order, from the cursor on, until it says false. */
function look(
  holdings: Holdings,
  asked: HoldingsQuery,
  cursor: ContentKey | undefined,
  visit: (content: Content) => boolean,
): void {
  const { patterns, from } = asked;
  if (from !== undefined) return lookAtOne(holdings, asked, from, cursor, visit);
  if (patterns === undefined || patterns.some(isGlob)) return holdings.scan(cursor, needsOf(asked), visit);
  for (const range of rangesOf(patterns)) {
    let goOn = true;
    const start = { name: range.from, sha256: "", size: 0 };
    if (cursor && cursor.name >= range.to) continue;
    holdings.scan(cursor && compareContents(cursor, start) > 0 ? cursor : start, undefined, (content) => {
      if (content.name >= range.to) return false;
      return goOn = visit(content);
    });
    if (!goOn) return;
  }
}

/** What one peer holds. */
function lookAtOne(
  holdings: Holdings,
  { patterns }: HoldingsQuery,
  from: string,
  cursor: ContentKey | undefined,
  visit: (content: Content) => boolean,
): void {
  const names = holdings.namesOf(from);
  const ranges = patterns === undefined || patterns.some(isGlob) ? [EVERYTHING] : rangesOf(patterns);
  for (const { from: start, to } of ranges) {
    const first = cursor && cursor.name > start ? cursor.name : start;
    for (let at = lowerBound(names, first); at < names.length && names[at]! < to; at++) {
      if (!visit(holdings.contentOf(from, names[at]!)!)) return;
    }
  }
}

/** Names from the one on, below the other. */
interface Range {
  from: string;
  to: string;
}

/** No name begins with U+FFFF, which is no character. */
const EVERYTHING: Range = { from: "", to: "\uffff" };

/** Where the names lie that patterns without globs can mean, in order and apart: each itself, and all below it. */
function rangesOf(patterns: readonly string[]): Range[] {
  const ranges = new Map<string, Range>();
  for (const pattern of patterns) {
    const name = nameIn(pattern);
    ranges.set(name, { from: name, to: `${name}\0` });
    // "0" is what follows "/".
    ranges.set(`${name}/`, { from: `${name}/`, to: `${name}0` });
  }
  const apart: Range[] = [];
  for (const range of [...ranges.values()].sort((a, b) => a.from < b.from ? -1 : 1)) {
    if (apart.length === 0 || range.from >= apart.at(-1)!.to) apart.push({ ...range });
  }
  return apart;
}

/** Collects rows and counts their bytes. */
class Page {
  last: ContentKey | undefined;
  #rows: MessageOf<"RFCIndex">["rows"] = [];
  #holders: WireHolder[] = [];
  /** Place in `#holders`; -1 for those who are left out. */
  #places = new Map<string, number>();
  #bytes = 0;

  constructor(
    private holderOf: (cookie: string) => WireHolder | undefined,
    private from: string | undefined,
    private limits: PageLimits,
  ) {}

  /**
   * Adds a row, unless nobody is there who holds it; false when the page is full. A row that alone would fill more than a
   * page is told with fewer holders.
   */
  add(content: Content): boolean {
    if (this.#rows.length >= this.limits.rows) return false;
    const before = { bytes: this.#bytes, holders: this.#holders.length };
    this.#bytes += content.bytes + 1;
    const places: number[] = [];
    for (const cookie of this.from === undefined ? content.holders : [this.from]) {
      const place = this.#places.get(cookie) ?? this.#place(cookie);
      if (place < 0) continue;
      this.#bytes += String(place).length + 1;
      places.push(place);
      if (this.#isFull()) break;
    }
    if (places.length === 0) {
      this.#bytes = before.bytes;
      return true;
    }
    if (this.#isFull() && this.#rows.length > 0) {
      this.#undo(before);
      return false;
    }
    const { name, title, size, sha256, modified } = content;
    this.#rows.push({ name, title, size, sha256, modified, flag: 1, holders: places });
    this.last = content;
    return true;
  }

  end(next: ContentKey | undefined): MessageOf<"RFCIndex"> {
    const message = { kind: "RFCIndex", holders: this.#holders, rows: this.#rows } as const;
    return next ? { ...message, next: writeCursor(next) } : message;
  }

  #isFull(): boolean {
    return this.#bytes > this.limits.bytes || this.#holders.length >= HOLDERS_MAX;
  }

  #place(cookie: string): number {
    const holder = this.holderOf(cookie);
    const place = holder ? this.#holders.push(holder) - 1 : -1;
    this.#places.set(cookie, place);
    if (holder) this.#bytes += utf8Length(JSON.stringify(holder)) + 1;
    return place;
  }

  /** Takes back what a row that didn't fit has added. */
  #undo(before: { bytes: number; holders: number }): void {
    this.#bytes = before.bytes;
    this.#holders.length = before.holders;
    for (const [cookie, place] of this.#places) if (place >= before.holders) this.#places.delete(cookie);
  }
}

/** A cursor as it travels; opaque to others. */
function writeCursor({ sha256, size, name }: ContentKey): string {
  return `${sha256}:${size}:${name}`;
}

function readCursor(text: string): ContentKey {
  const match = /^([0-9a-f]{64}|g):(\d{1,16}):(.*)$/s.exec(text);
  if (!match) throw new LabError("usage", "Cannot go on with that page: its cursor is not one of ours");
  return { sha256: match[1]!, size: Number(match[2]), name: match[3]! };
}
