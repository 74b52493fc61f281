/**
 * How much work a search may be: whoever answers has one thread, for which everybody else waits. So an answer comes in
 * pages, and for each so many names are looked at as can be in some 20 ms; the next page goes on there. Pure.
 */

import { LabError } from "../base/errors.ts";
import { globParts, isGlob, matcher, searcher } from "./search.ts";

/** Names looked at for one page: about 20 ms of a server's one thread; a rare word goes on in the next page. */
export const NAMES_PER_PAGE = 50_000;

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
