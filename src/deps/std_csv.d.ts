/** Types of the part of `@std/csv` that we use. */

/** How CSV text is to be read. */
export interface ParseOptions {
  /** Default `,`. */
  separator?: string;
  /** Lines that start with this character are skipped. */
  comment?: string;
  /** Drop spaces at the start of a cell. */
  trimLeadingSpace?: boolean;
  /** Let quotes stand in unquoted cells. */
  lazyQuotes?: boolean;
  /** Cells that each row must have; 0: as many as the first; less: any number. */
  fieldsPerRecord?: number;
  /** Leave out the first row; rows become records unless `columns` is absent and this is false. */
  skipFirstRow?: boolean;
  /** Names of the columns; rows become records. */
  columns?: readonly string[];
}

/** Records by column name, with the names of the first row. Throws SyntaxError. */
export function parse(
  input: string,
  options: ParseOptions & { skipFirstRow: true },
): Record<string, string>[];
/** Records by the given column names. Throws SyntaxError. */
export function parse<C extends string>(
  input: string,
  options: ParseOptions & { columns: readonly C[] },
): Record<C, string>[];
/** Rows of cells. Throws SyntaxError. */
export function parse(
  input: string,
  options?: Omit<ParseOptions, "columns" | "skipFirstRow"> & { skipFirstRow?: false },
): string[][];

/** Which columns to write, and how. */
export interface StringifyOptions {
  /** Write a header row; default true when there are columns. */
  headers?: boolean;
  /** Default `,`. */
  separator?: string;
  /** Columns in order: property names, indices or paths. Needed for records. */
  columns?: readonly (string | number | readonly (string | number)[] | {
    header?: string;
    prop: string | number | readonly (string | number)[];
  })[];
  /** Start with a byte order mark. */
  bom?: boolean;
}

/** CSV text with CRLF line ends of rows or records. */
export function stringify(
  data: readonly (readonly unknown[])[] | readonly Readonly<Record<string, unknown>>[],
  options?: StringifyOptions,
): string;
