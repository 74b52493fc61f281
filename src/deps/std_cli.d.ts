/** Types of the part of `@std/cli` that we use. */

/** How arguments are to be read. */
export interface ParseOptions {
  /** Put what follows `--` into the field "--" instead of `_`. */
  "--"?: boolean;
  /** Other names of an option. */
  alias?: Record<string, string | readonly string[]>;
  /** Options without a value; `true`: all double-dash options without `=`. */
  boolean?: boolean | string | readonly string[];
  /** Values of options that aren't given. */
  default?: Record<string, unknown>;
  /** Put everything from the first non-option on into `_`. */
  stopEarly?: boolean;
  /** Options whose value stays a text, even if it looks like a number. */
  string?: string | readonly string[];
  /** Options that may be given several times; their value is an array. */
  collect?: string | readonly string[];
  /** Options that `--no-NAME` turns to false. */
  negatable?: string | readonly string[];
  /** Called for each argument that isn't described; `false` leaves it out of the result. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What was read: a field per option, the rest in `_` (numbers where they look like numbers, unless "_" is in `string`). */
export interface Args {
  _: (string | number)[];
  "--"?: string[];
  [name: string]: unknown;
}

/** Reads command-line arguments. Dots in an option's name make nested objects. */
export function parseArgs(args: readonly string[], options?: ParseOptions): Args;
