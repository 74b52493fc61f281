/** Tables for people: columns aligned by the width that text has on a terminal. Pure. */

import { unicodeWidth } from "@std/cli";
import { printable } from "../catalog/names.ts";
import type { Colour } from "./terminal.ts";

/** A column of a table or of a CSV. */
export interface Column<R> {
  key: keyof R & string;
  /** The heading; the key when left out. */
  title?: string;
  /** A name that the heading ends with, written as it is: headings are in capitals, and a name in capitals is another name. */
  of?: string;
  /** Numbers stand right, all else left, unless this says otherwise. */
  align?: "left" | "right";
  /** The text of a cell in a table; CSV gets the bare value. */
  format?: (value: R[keyof R & string], row: R) => string;
  /** Never shortened: for what is useless in part, such as an address. */
  fixed?: true;
  /**
   * Never shortened either: where a terminal is too narrow for the whole of it, it follows the table as "PEER: TEXT", once for
   * all rows that say the same. For sentences, such as why something failed.
   */
  below?: true;
  /** Left out where a terminal is too narrow for all columns; the last such column first. */
  minor?: true;
  /** How a terminal with colours shows this cell; as it is when undefined. */
  colour?: (value: R[keyof R & string], row: R) => keyof Colour | undefined;
}

/** No column is made narrower than this, however narrow the terminal. */
const NARROWEST = 8;
const GAP = "  ";

/** How to lay out. */
export interface LayOutOptions {
  /**
   * Columns of the terminal to fit into: by shortening the widest text column, then by leaving minor ones out, and where that
   * isn't enough by a line for each cell. As wide as need be when left out.
   */
  width?: number;
  /** Paints the cells of columns that have a colour. */
  colour?: Colour;
}

/**
 * Lays a table out.
 *
 * @returns the heading and a line per row, without line ends; where it has a line for each cell the heading is empty. Cells are
 *   harmless to a terminal.
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
  options: LayOutOptions = {},
): string[] {
  const { width } = options;
  const below = width === undefined || wholeWidth(rows, columns) <= width
    ? undefined
    : columns.find((column) => column.below && rows.some((row) => cell(row, column) !== ""));
  if (below && width !== undefined) {
    const others = columns.filter((column) => !column.below);
    return [
      ...layOut(rows, others, options),
      "",
      ...textsBelow(rows, { of: others[0]!, column: below, width }),
    ];
  }
  const kept = [...columns];
  while (options.width !== undefined && leastWidth(rows, kept) > options.width) {
    const minor = kept.findLastIndex((column) => column.minor);
    if (minor < 0) return cellByCell(rows, columns, { ...options, width: options.width });
    kept.splice(minor, 1);
  }
  return asTable(rows, kept, options);
}

function titleOf<R>({ title, key, of }: Column<R>): string {
  const heading = (title ?? key).toUpperCase();
  return of === undefined ? heading : `${heading} ${printable(of)}`;
}

function standsRight<R>({ align, key }: Column<R>, rows: readonly R[]): boolean {
  if (align) return align === "right";
  return rows.length > 0 && rows.every((row) => typeof row[key] === "number");
}

/** How wide a table is when nothing is shortened. */
function wholeWidth<R>(rows: readonly R[], columns: readonly Column<R>[]): number {
  return together(columns.map((column) => widestOf(rows, column)));
}

/** How wide a column is when nothing of it is shortened. */
function widestOf<R>(rows: readonly R[], column: Column<R>): number {
  return rows.reduce((w, row) => Math.max(w, unicodeWidth(cell(row, column))), unicodeWidth(titleOf(column)));
}

/** How wide columns are beside each other. */
function together(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
}

/** The texts of a column that has no room in the table; whose they are stands before them. */
function textsBelow<R>(
  rows: readonly R[],
  { of, column, width }: { of: Column<R>; column: Column<R>; width: number },
): string[] {
  const whose = new Map<string, string[]>();
  for (const row of rows) {
    const text = cell(row, column);
    if (text !== "") whose.set(text, [...whose.get(text) ?? [], cell(row, of)]);
  }
  return [...whose].flatMap(([text, names]) =>
    wrapped(`${names.join(", ")}: ${text}`, width - GAP.length).map((line, i) => i === 0 ? line : GAP + line)
  );
}

/** How wide a table is when all is shortened that may be. */
function leastWidth<R>(rows: readonly R[], columns: readonly Column<R>[]): number {
  const widths = columns.map((column) => {
    const whole = widestOf(rows, column);
    return column.fixed || standsRight(column, rows) ? whole : Math.min(whole, NARROWEST);
  });
  return together(widths);
}

/** For a terminal in which no table fits: a line for each cell that says something, an empty one after each row. */
function cellByCell<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  { width, colour }: LayOutOptions & { width: number },
): string[] {
  const titles = columns.map(titleOf);
  const titleWidth = Math.max(...titles.map((title) => unicodeWidth(title)));
  const room = Math.max(1, width - titleWidth - GAP.length);
  const lines = rows.map((row) =>
    columns.flatMap((column, i) => {
      const text = cell(row, column);
      if (text === "") return [];
      const shown = column.fixed ? text : shorten(text, room);
      return [
        pad(titles[i]!, titleWidth) + GAP + (colour ? painted(shown, column, row, colour) : shown),
      ];
    })
  );
  return ["", ...lines.flatMap((each, i) => i === 0 ? each : ["", ...each])];
}

function asTable<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  options: LayOutOptions,
): string[] {
  const cells = rows.map((row) => columns.map((column) => cell(row, column)));
  const titles = columns.map(titleOf);
  const right = columns.map((column) => standsRight(column, rows));
  const widths = titles.map((title, i) =>
    cells.reduce((w, row) => Math.max(w, unicodeWidth(row[i]!)), unicodeWidth(title))
  );
  const shortenable = columns.map((column, i) => !column.fixed && !right[i]);
  if (options.width !== undefined) fit(widths, shortenable, options.width);
  return [titles, ...cells].map((row, n) => {
    const line = row.map((text, i) =>
      pad(shorten(text, widths[i]!), widths[i]!, right[i] ? "right" : "left")
    );
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
  let excess = together(widths) - room;
  for (; excess > 0; excess--) {
    let widest = -1;
    widths.forEach((w, i) => {
      if (shortenable[i] && w > NARROWEST && (widest < 0 || w > widths[widest]!)) widest = i;
    });
    if (widest < 0) return;
    widths[widest]!--;
  }
}

function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - unicodeWidth(text)));
  return align === "right" ? space + text : text + space;
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

/** Breaks a text between words into lines of at most so many columns; a longer word has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line !== "" && unicodeWidth(line) + 1 + unicodeWidth(word) > width) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
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
