/**
 * How much work a search may be: whoever answers has one thread, for which everybody else waits. So an answer comes in
 * pages, and for each so many names are looked at as can be in some 20 ms, and no more than for 25 ms; the next page goes on
 * there. Pure: the time is handed in.
 */

import { LabError } from "../base/errors.ts";
import { globParts, isGlob, matcher, searcher } from "./search.ts";

/** Names looked at for one page: about 20 ms of a server's one thread; a rare word goes on in the next page. */
export const NAMES_PER_PAGE = 50_000;

/**
 * A page that takes longer than this, milliseconds, ends: names that a glob almost matches cost more than most, and a slow
 * PC takes twice as long for all. Its rows are written out yet, and whoever asks sees less than 50 in nearly all cases.
 */
export const PAGE_MS = 25;

/** All globs of a query, UTF-16 units: a thousand of usual length; comparing costs their length for each name. */
export const GLOBS_MAX = 32 * 1024;

/** What is searched for. */
export interface Search {
  patterns?: readonly string[] | undefined;
  query?: string | undefined;
}

/**
 * Tells of a row whether patterns and words find it.
 *
 * @throws {LabError} "usage" when there are too many patterns or too long ones.
 */
export function filterOf({ patterns, query }: Search): (row: { name: string; title: string }) => boolean {
  const globs = patterns?.filter(isGlob).reduce((sum, pattern) => sum + pattern.length, 0) ?? 0;
  if (globs > GLOBS_MAX) {
    throw new LabError(
      "usage",
      `Cannot compare with ${globs} characters of globs: the limit is ${GLOBS_MAX}`,
    );
  }
  const matches = patterns === undefined ? () => true : matcher(patterns);
  const finds = query === undefined ? () => true : searcher(query);
  return (row) => matches(row.name) && finds(row);
}

/**
 * How many names may be looked at for one page of a search: 20 at least, so that it comes to an end.
 *
 * @param plain so many where nothing is searched for.
 * @example
 * ```ts
 * import { namesAtOnce } from "./search_work.ts";
 * if (namesAtOnce({ patterns: ["*a*b"] }, 1_000) >= 1_000) throw new Error("a glob costs its length");
 * ```
 */
export function namesAtOnce(search: Search, plain = NAMES_PER_PAGE): number {
  return Math.max(20, Math.floor(plain * 20 / costOf(search)));
}

/** The work on one page. */
export class PageWork {
  #names: number;
  /** Names between two looks at the time, which costs as much as a plain name does. */
  #stride: number;
  #looked = 0;
  #until: number;

  /**
   * @param now milliseconds on a clock that never jumps.
   * @param plain as in {@linkcode namesAtOnce}.
   */
  constructor(search: Search, private now: () => number, plain?: number) {
    this.#names = namesAtOnce(search, plain);
    this.#stride = Math.max(1, Math.floor(this.#names / 1_000));
    this.#until = now() + PAGE_MS;
  }

  /** Tells whether one more name may be looked at: the first one always. */
  more(): boolean {
    const looked = this.#looked++;
    if (looked >= this.#names) return false;
    return looked === 0 || looked % this.#stride !== 0 || this.now() < this.#until;
  }
}

/**
 * How dear it is to look at one name: 20 for a plain one. A glob without letters in a row, as `?*[0-9]`, costs as much again:
 * nothing tells beforehand that a name can't match.
 */
function costOf({ patterns = [], query = "" }: Search): number {
  const globs = patterns.filter(isGlob);
  const vague = [...globs, ...query.split(/\s+/).filter(isGlob)].filter((each) =>
    globParts(each).length === 0
  );
  return 20 + 20 * vague.length + globs.reduce((sum, pattern) => sum + pattern.length, 0) + query.length;
}
