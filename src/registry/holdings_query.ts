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
import { isGlob, matcher, searcher } from "../catalog/search.ts";
import type { MessageOf, WireHolder } from "../protocol/messages.ts";
import { compareContents, type Content, type ContentKey, type Holdings } from "./holdings.ts";
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

/** Names looked at for one page: about 20 ms of this server's one thread; a rare word goes on in the next page. */
export const NAMES_PER_PAGE = 50_000;

/** All globs of a query, UTF-16 units: a thousand of usual length; comparing costs their length for each name. */
export const GLOBS_MAX = 32 * 1024;

/** Holders told in one page: what an RFCIndex may carry. */
const HOLDERS_MAX = 20_000;

const PAGE: PageLimits = { rows: LIMITS.pageRows, bytes: LIMITS.pageBytes, names: NAMES_PER_PAGE };

/** A place between two contents: the last one that was dealt with. */
interface Cursor extends ContentKey {
  name: string;
}

/** Above every SHA-256 and size: a cursor with these is past all contents of its name. */
const PAST: ContentKey = { sha256: "g", size: 0 };

/**
 * Makes one page.
 *
 * @param holderOf the wire's holder for a cookie; undefined for those who are to be left out.
 * @throws {LabError} "usage" when patterns, query or cursor can't be used.
 */
export function queryPage(
  holdings: Holdings,
  asked: HoldingsQuery,
  holderOf: (cookie: string) => WireHolder | undefined,
  limits: PageLimits = PAGE,
): MessageOf<"RFCIndex"> {
  const cursor = asked.after === undefined ? undefined : readCursor(asked.after);
  const wants = filterOf(asked);
  const page = new Page(holderOf, asked.from, limits);
  let budget = Math.max(20, Math.floor(limits.names * 20 / costOf(asked)));
  const names = candidates(holdings, asked, cursor?.name ?? "", budget + 1);
  let at = cursor ? lowerBound(names, cursor.name) : 0;
  for (; at < names.length; at++) {
    const name = names[at]!;
    if (budget-- <= 0) return page.end({ name: names[at - 1]!, ...PAST });
    for (const content of contentsUnder(holdings, name, asked.from)) {
      if (cursor && name === cursor.name && compareContents(content, cursor) <= 0) continue;
      if (wants(content) && !page.add(content)) return page.end(page.last);
    }
  }
  return page.end(undefined);
}

/** Collects rows and counts their bytes. */
class Page {
  last: Cursor | undefined;
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

  end(next: Cursor | undefined): MessageOf<"RFCIndex"> {
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

/**
 * The names that may match, in order: for patterns without globs those that can, else all of them.
 *
 * @param start names before this one don't matter.
 * @param most no more names of one folder than this are needed.
 */
function candidates(
  holdings: Holdings,
  { patterns, from }: HoldingsQuery,
  start: string,
  most: number,
): readonly string[] {
  const all = from === undefined ? holdings.names() : holdings.namesOf(from);
  if (patterns === undefined || patterns.some(isGlob)) return all;
  const found = new Set<string>();
  for (const literal of new Set(patterns.map((raw) => raw.replace(/^\.\//, "").replace(/\/$/, "")))) {
    if (holdings.contents(literal).length > 0) found.add(literal);
    const folder = `${literal}/`;
    const first = lowerBound(all, start > folder ? start : folder);
    for (let at = first; at < first + most && all[at]?.startsWith(folder); at++) found.add(all[at]!);
  }
  return [...found].sort();
}

function contentsUnder(holdings: Holdings, name: string, from: string | undefined): Iterable<Content> {
  if (from === undefined) return holdings.contents(name);
  const content = holdings.contentOf(from, name);
  return content ? [content] : [];
}

function filterOf({ patterns, query }: HoldingsQuery): (content: Content) => boolean {
  const globs = patterns?.filter(isGlob).reduce((sum, pattern) => sum + pattern.length, 0) ?? 0;
  if (globs > GLOBS_MAX) {
    throw new LabError(
      "usage",
      `Cannot compare with ${globs} characters of globs: the limit is ${GLOBS_MAX}`,
    );
  }
  const matches = patterns === undefined ? () => true : matcher(patterns);
  const finds = query === undefined ? () => true : searcher(query);
  return (content) => matches(content.name) && finds(content);
}

/** How dear it is to look at one name: 20 for a plain one. */
function costOf({ patterns, query }: HoldingsQuery): number {
  const globs = patterns?.filter(isGlob).reduce((sum, pattern) => sum + pattern.length, 0) ?? 0;
  return 20 + globs + (query?.length ?? 0);
}

/** A cursor as it travels; opaque to others. */
function writeCursor({ sha256, size, name }: Cursor): string {
  return `${sha256}:${size}:${name}`;
}

function readCursor(text: string): Cursor {
  const match = /^([0-9a-f]{64}|g):(\d{1,16}):(.*)$/s.exec(text);
  if (!match) throw new LabError("usage", "Cannot go on with that page: its cursor is not one of ours");
  return { sha256: match[1]!, size: Number(match[2]), name: match[3]! };
}
