/** Which files are RFCs, and the list of files as the course's own programs read it. Pure. */

import { stringify } from "@std/csv";
import { guardCell } from "./csv.ts";

/** Text comes before other forms of the same RFC. */
const FORMS = ["txt", "", "html", "xml", "pdf", "ps"];
const RFC_FILE = /(?:^|\/)rfc[ _-]?0*(\d{1,6})(?:\.(txt|html|xml|pdf|ps))?$/i;

/**
 * The number of the RFC that a file is by its name.
 *
 * @example
 * ```ts
 * import { rfcNumber } from "./rfc.ts";
 * if (rfcNumber("notes/rfc0793.txt") !== 793 || rfcNumber("rfcs.txt") !== undefined) throw new Error("793 expected");
 * ```
 */
export function rfcNumber(name: string): number | undefined {
  const digits = RFC_FILE.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The file that is the RFC of a number; text rather than another form, then the first by name. */
export function findRfc<T extends { name: string }>(rows: readonly T[], number: number): T | undefined {
  const form = ({ name }: T) => FORMS.indexOf((RFC_FILE.exec(name)?.[2] ?? "").toLowerCase());
  return rows.filter(({ name }) => rfcNumber(name) === number)
    .toSorted((a, b) => form(a) - form(b) || (a.name < b.name ? -1 : 1))[0];
}

/** A row of the list. */
export interface ListedFile {
  name: string;
  title: string;
  /** Bytes. */
  size: number;
  /** Who has it: where to ask for it. */
  address: string;
  port: number;
}

/** The list as CSV: `rfc,name,title,size,ip,port`; `rfc` is empty for other files. */
export function listFiles(rows: readonly ListedFile[]): string {
  const lines = rows.map(({ name, title, size, address, port }) => [
    String(rfcNumber(name) ?? ""),
    guardCell(name),
    guardCell(title),
    String(size),
    address,
    String(port),
  ]);
  return stringify([["rfc", "name", "title", "size", "ip", "port"], ...lines], { headers: false });
}
