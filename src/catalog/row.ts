/** One row of the index: a file that a share holds, or held. The shape is fixed by the CSV contract. */
import { isSha256 } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { nameFault } from "./names.ts";

/** A file of a share, as its index tells it. */
export interface IndexRow {
  /** Relative to the share, "/" between its parts; follows the rules of names.ts. */
  name: string;
  /** The file's own title where it has one, else empty. */
  title: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the whole file, lower-case hexadecimal. */
  sha256: string;
  /** Last change, ISO 8601 in UTC, with or without milliseconds: 2026-01-02T03:04:05.678Z */
  modified: string;
  /** 1 present, 0 gone. */
  flag: 0 | 1;
}

/** Longest title in UTF-16 units. */
export const MAX_TITLE = LIMITS.title;

/** What a title may not hold: controls, lone surrogates, line separators, bidi overrides and isolates, BOM. */
export const NOT_IN_TITLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufeff]/u;

const MODIFIED = /^\d{4}-(\d\d)-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

function isModified(text: string): boolean {
  const found = MODIFIED.exec(text);
  if (!found) return false;
  const year = Number(text.slice(0, 4));
  const month = Number(found[1]);
  const day = Number(found[2]);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return month >= 1 && month <= 12 && day >= 1 && day <= days;
}

/**
 * Says what is wrong with a row, whoever made it: types are checked too, for rows that come from JSON.
 *
 * @returns a short reason, or undefined when every field is fine.
 * @example
 * ```ts
 * import { rowFault } from "./row.ts";
 * const row = {
 *   name: "a.txt", title: "", size: 3, sha256: "0".repeat(64), modified: "2026-01-02T03:04:05Z", flag: 1,
 * } as const;
 * if (rowFault(row) !== undefined) throw new Error("fine");
 * if (rowFault({ ...row, size: -1 }) === undefined) throw new Error("refused");
 * ```
 */
export function rowFault(row: IndexRow): string | undefined {
  if (typeof row.name !== "string") return "name is not text";
  const fault = nameFault(row.name);
  if (fault !== undefined) return `name: ${fault}`;
  if (typeof row.title !== "string") return "title is not text";
  if (row.title.length > MAX_TITLE) {
    return `title has ${row.title.length} characters; the limit is ${MAX_TITLE}`;
  }
  if (NOT_IN_TITLE.test(row.title)) return "title has a control character";
  if (!Number.isSafeInteger(row.size) || row.size < 0) return "size is not a whole number of bytes";
  if (typeof row.sha256 !== "string" || !isSha256(row.sha256)) {
    return "sha256 is not 64 lower-case hexadecimal digits";
  }
  if (typeof row.modified !== "string" || !isModified(row.modified)) {
    return "modified is not an ISO 8601 time in UTC";
  }
  if (row.flag !== 0 && row.flag !== 1) return "flag is neither 0 nor 1";
  return undefined;
}

/**
 * Orders by code units, like "<": the same on every machine, whatever its language.
 *
 * @returns below 0, 0 or above 0, for Array.prototype.sort.
 */
export function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
