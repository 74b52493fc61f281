/** Tables for people: columns aligned by the width that text has on a terminal. Pure. */

import { unicodeWidth } from "@std/cli";
import { printable } from "../catalog/names.ts";
import type { Colour } from "./terminal.ts";

/** A column of a table or of a CSV. */
export interface Column<R> {
  key: keyof R & string;
  /** The heading; the key when left out. */
  title?: string;
  /** Numbers stand right, all else left, unless this says otherwise. */
  align?: "left" | "right";
  /** The text of a cell in a table; CSV gets the bare value. */
  format?: (value: R[keyof R & string], row: R) => string;
  /** Never shortened: for what is useless in part, such as an address. */
  fixed?: true;
  /** How a terminal with colours shows this cell; as it is when undefined. */
  colour?: (value: R[keyof R & string], row: R) => keyof Colour | undefined;
}

/** No column is made narrower than this, however narrow the terminal. */
const NARROWEST = 8;
const GAP = "  ";

/**
 * Lays a table out.
 *
 * @param options.width columns to fit into, by shortening the widest text column; as wide as need be when left out.
 * @param options.colour paints the cells of columns that have a colour.
 * @returns the heading and a line per row, without line ends; cells are harmless to a terminal.
 * @example
 * ```ts
 * import { layOut } from "./table.ts";
 * const lines = layOut([{ name: "a.txt", size: 5 }, { name: "日本.iso", size: 1200 }], [{ key: "name" }, { key: "size" }]);
 * if (lines.join("|") !== "NAME      SIZE|a.txt        5|日本.iso  1200") throw new Error(lines.join("|"));
 * ```
 */
export function layOut<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  options: { width?: number; colour?: Colour } = {},
): string[] {
  const cells = rows.map((row) => columns.map((column) => cell(row, column)));
  const titles = columns.map((column) => (column.title ?? column.key).toUpperCase());
  const right = columns.map((column) => {
    if (column.align) return column.align === "right";
    return rows.length > 0 && rows.every((row) => typeof row[column.key] === "number");
  });
  const widths = titles.map((title, i) =>
    cells.reduce((w, row) => Math.max(w, unicodeWidth(row[i]!)), unicodeWidth(title))
  );
  const shortenable = columns.map((column, i) => !column.fixed && !right[i]);
  if (options.width !== undefined) fit(widths, shortenable, options.width);
  return [titles, ...cells].map((row, n) => {
    const line = row.map((text, i) => pad(shorten(text, widths[i]!), widths[i]!, right[i]!));
    line.push(line.pop()?.trimEnd() ?? "");
    const source = rows[n - 1];
    if (source === undefined || !options.colour) return line.join(GAP).trimEnd();
    return line.map((text, i) => painted(text, columns[i]!, source, options.colour!)).join(GAP).trimEnd();
  });
}

function painted<R>(text: string, { key, colour }: Column<R>, row: R, paint: Colour): string {
  const shade = colour?.(row[key], row);
  return shade === undefined ? text : paint[shade](text);
}

function cell<R>(row: R, column: Column<R>): string {
  const value = row[column.key];
  if (column.format) return printable(column.format(value, row), Infinity);
  return value === undefined || value === null ? "" : printable(String(value), Infinity);
}

/** Takes what is too much, a column of the terminal at a time, from the widest that may be shortened. */
function fit(widths: number[], shortenable: readonly boolean[], room: number): void {
  let excess = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (widths.length - 1) - room;
  for (; excess > 0; excess--) {
    let widest = -1;
    widths.forEach((w, i) => {
      if (shortenable[i] && w > NARROWEST && (widest < 0 || w > widths[widest]!)) widest = i;
    });
    if (widest < 0) return;
    widths[widest]!--;
  }
}

function pad(text: string, width: number, right: boolean): string {
  const space = " ".repeat(Math.max(0, width - unicodeWidth(text)));
  return right ? space + text : text + space;
}

/**
 * Shortens a text in its middle, since a file's name says most at both ends.
 *
 * @param width columns that the answer may take up, at least 1.
 */
export function shorten(text: string, width: number): string {
  if (unicodeWidth(text) <= width) return text;
  const letters = Array.from(new Intl.Segmenter().segment(text), (s) => s.segment);
  const tailRoom = Math.floor((width - 1) / 3);
  const tail = take(letters.toReversed(), tailRoom).toReversed().join("");
  const head = take(letters, width - 1 - unicodeWidth(tail)).join("");
  return `${head}…${tail}`;
}

/** The first letters that fit into so many columns. */
function take(letters: readonly string[], room: number): string[] {
  const taken: string[] = [];
  let used = 0;
  for (const letter of letters) {
    used += unicodeWidth(letter);
    if (used > room) break;
    taken.push(letter);
  }
  return taken;
}

/**
 * Rows as CSV by RFC 4180 with a heading. A cell that Excel would run as a formula gets an apostrophe in front, as in
 * index.csv.
 */
export function toCsv<R>(rows: readonly R[], columns: readonly Column<R>[]): string {
  const lines = rows.map((row) => columns.map((column) => csvCell(row[column.key])));
  return [columns.map((column) => csvCell(column.title ?? column.key)), ...lines]
    .map((line) => line.join(",") + "\r\n").join("");
}

function csvCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = guard(String(value));
  return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Where Excel would see a formula start, full-width signs included; the same places as in `catalog/csv.ts`. */
const RISKY_START = /(^|;[ "]*)(?=[=+\-@\t\r'\uff1d\uff0b\uff0d\uff20])/g;

function guard(text: string): string {
  return text.replace(RISKY_START, "$1'");
}
