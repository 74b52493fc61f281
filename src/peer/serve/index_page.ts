/**
 * A page of a peer's own index. Pure but for what it remembers: the rows of one index in order.
 *
 * Rules: rows come in the order of names; a page stays under its limits of rows, of bytes and of work, so it may hold few rows
 * or none and still have a next one. The cursor is the last name that was looked at.
 */

import { LIMITS } from "../../base/limits.ts";
import { partitionPoint } from "../../base/search.ts";
import type { IndexRow } from "../../catalog/row.ts";
import { filterOf, PageWork, type Search } from "../../catalog/search_work.ts";

/** What is asked for. */
export interface PageQuery extends Search {
  /** The page before's `next`. */
  after?: string | undefined;
}

/** The pages of an index. */
export class IndexPages {
  #of: readonly IndexRow[] | undefined;
  #sorted: readonly IndexRow[] = [];

  /**
   * Makes one page of the files that are there.
   *
   * @param rows the index; a new list whenever it has changed.
   * @param now milliseconds on a clock that never jumps.
   * @param plain names that are looked at where nothing is searched for; for tests.
   * @throws {LabError} "usage" when the patterns or words can't be used.
   */
  page(
    rows: readonly IndexRow[],
    query: PageQuery,
    now: () => number,
    plain?: number,
  ): { rows: IndexRow[]; next: string | undefined } {
    const wants = filterOf(query);
    const sorted = this.#inOrder(rows);
    let at = query.after === undefined ? 0 : firstAfter(sorted, query.after);
    const work = new PageWork(query, now, plain);
    const page: IndexRow[] = [];
    let bytes = 0;
    for (; at < sorted.length && work.more(); at++) {
      const row = sorted[at]!;
      if (!wants(row)) continue;
      bytes += 250 + 3 * (row.name.length + row.title.length);
      if (page.length >= LIMITS.pageRows || (page.length > 0 && bytes > LIMITS.pageBytes)) break;
      page.push(row);
    }
    return { rows: page, next: at < sorted.length ? sorted[at - 1]!.name : undefined };
  }

  #inOrder(rows: readonly IndexRow[]): readonly IndexRow[] {
    if (rows === this.#of) return this.#sorted;
    this.#of = rows;
    return this.#sorted = rows.filter(({ flag }) => flag === 1).sort((a, b) => a.name < b.name ? -1 : 1);
  }
}

/** The first place whose name comes after this one. */
function firstAfter(sorted: readonly IndexRow[], name: string): number {
  return partitionPoint(sorted, (row) => row.name <= name);
}
