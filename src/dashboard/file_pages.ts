/**
 * The files of the lab by page: sorted, searched, and cut into what a window shows, so that neither the page nor the wire
 * ever carries 20,000 rows. Pure: the time is handed in.
 *
 * Rules: the list is made anew only when something has changed, and not more than once in a while, however large it is: at
 * most a twentieth of the time goes into it, for the server answers nobody meanwhile; what was sorted and
 * searched is kept until then.
 */

import type { FileRow, LabView } from "./types.ts";

/** How files may be sorted. */
export const SORTS = ["rarity", "name", "size"] as const;
/** Which files are wanted: those with one holder, those that nobody holds who is here. */
export const ONLY = ["all", "last", "away"] as const;

/** Files that the page can show: with more, a person searches; `rs index` lists them all. */
const FILES_MAX = 100_000;
/** Rows in one answer: more than any window shows. */
export const PAGE_ROWS = 200;
/** Searches kept: a few windows with a few searches each. */
const KEPT = 12;
/** Between two looks at a list that changes all the time, milliseconds; and at least so many times what a look takes. */
const PAUSE = 1_000;
const SHARE = 20;

/** A page that is wanted. */
export interface PageQuery {
  query: string;
  sort: typeof SORTS[number];
  only: typeof ONLY[number];
  offset: number;
  limit: number;
}

/** A page. */
export interface FilePage {
  version: number;
  /** Rows that match, on all pages. */
  total: number;
  offset: number;
  rows: FileRow[];
}

/** The files as a whole. */
export interface FilesSummary {
  version: number;
  total: number;
  /** Held by one PC alone. */
  last: number;
  /** Held only by PCs that are off. */
  away: number;
  /** There are more than the page shows. */
  cut: boolean;
}

interface Found extends FileRow {
  /** Where words are looked for. */
  text: string;
}

/** The files of the lab by page. */
export class FilePages {
  #rows: Found[] = [];
  #summary: FilesSummary = { version: -1, total: 0, last: 0, away: 0, cut: false };
  #lists = new Map<string, Found[]>();
  /** When it may be looked at again. */
  #next = -Infinity;

  /** @param now milliseconds on a clock that never jumps. */
  constructor(private view: Pick<LabView, "files" | "filesVersion">, private now: () => number) {}

  /** How many there are, and a version that changes with them. */
  summary(): FilesSummary {
    this.#refresh();
    return this.#summary;
  }

  /** A window of the files that fit, in the order asked for; PAGE_ROWS at most. */
  page({ query, sort, only, offset, limit }: PageQuery): FilePage {
    this.#refresh();
    const list = this.#list(query.toLowerCase().trim(), sort, only);
    const rows = list.slice(offset, offset + Math.min(limit, PAGE_ROWS)).map(({ text: _, ...row }) => row);
    return { version: this.#summary.version, total: list.length, offset, rows };
  }

  #refresh(): void {
    const version = this.view.filesVersion();
    if (version === this.#summary.version || this.now() < this.#next) return;
    const began = this.now();
    const rows: Found[] = [];
    const summary = { version, total: 0, last: 0, away: 0, cut: false };
    for (const row of this.view.files()) {
      summary.total++;
      if (row.holders === 1) summary.last++;
      if (row.holders === 0) summary.away++;
      if (rows.length < FILES_MAX) rows.push({ ...row, text: `${row.name}\n${row.title}`.toLowerCase() });
      else summary.cut = true;
    }
    this.#rows = rows.sort((a, b) => compare(a.text, b.text));
    this.#summary = summary;
    this.#lists.clear();
    const now = this.now();
    this.#next = now + Math.max(PAUSE, SHARE * (now - began));
  }

  #list(query: string, sort: PageQuery["sort"], only: PageQuery["only"]): Found[] {
    const key = `${sort} ${only} ${query}`;
    let list = this.#lists.get(key);
    if (!list) {
      const words = query.split(/\s+/).filter((word) => word !== "");
      list = this.#rows.filter((row) =>
        isWanted(row, only) && words.every((word) => row.text.includes(word))
      );
      // Sorting is stable: equals stay in the order of their names.
      if (sort === "rarity") list.sort((a, b) => a.holders - b.holders);
      if (sort === "size") list.sort((a, b) => b.size - a.size);
      if (this.#lists.size >= KEPT) this.#lists.delete(this.#lists.keys().next().value!);
      this.#lists.set(key, list);
    }
    return list;
  }
}

function isWanted({ holders }: FileRow, only: PageQuery["only"]): boolean {
  return only === "all" || holders === (only === "last" ? 1 : 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
