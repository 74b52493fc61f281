/** From the text of a flag to its value. Each fault is a usage error that names the flag and says what to write. */

import { LabError, messageOf } from "../base/errors.ts";
import { parseDuration, parseHostPort, parseRate, parseSize } from "../base/units.ts";
import { isCode } from "../join/code.ts";
import type { Flag } from "./flags.ts";

/** Of durations that don't say anything else: what is longer was hardly meant. */
const LONGEST = "365d";

/** A usage error: exit code 2. */
export function usage(message: string): LabError {
  return new LabError("usage", message);
}

/**
 * Reads one value of a flag.
 *
 * @param name the flag's name without dashes.
 * @throws {LabError} "usage".
 */
export function readValue(name: string, flag: Flag, text: string): unknown {
  if (flag.choices && !flag.choices.includes(text)) {
    throw usage(`Cannot use "${text}" for --${name}: choose ${listed(flag.choices)}`);
  }
  switch (flag.type) {
    case "string":
      return text;
    case "number":
      return readNumber(name, flag, text);
    case "port":
      return readPort(name, text);
    case "list":
      return readList(name, text);
    case "duration":
      return readDuration(name, flag, text);
    case "rate":
      return named(name, () => parseRate(text));
    case "size":
      return named(name, () => parseSize(text));
    case "hostport":
      // Looked up as the name of a host it would cross the network in clear.
      if (isCode(text)) throw usage(`Cannot use a join code for --${name}: write --join before it`);
      return named(name, () => parseHostPort(text, flag.defaultPort ?? 0));
    case "boolean":
      return text === "true";
    default:
      return flag.type satisfies never;
  }
}

/**
 * A name or pattern as the index has it, from what a person wrote: on Windows people separate folders with backslashes.
 *
 * @param os as `Deno.build.os` has it.
 * @example
 * ```ts
 * import { indexedName } from "./values.ts";
 * if (indexedName("notes\\*.txt", "windows") !== "notes/*.txt") throw new Error("the index has none");
 * ```
 */
export function indexedName(text: string, os: string = Deno.build.os): string {
  return os === "windows" ? text.replaceAll("\\", "/") : text;
}

/** "a, b or c". */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The same fault with the flag's name in front. */
function named<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new LabError("usage", `--${name}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

function readNumber(name: string, flag: Flag, text: string): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = flag;
  const value = /^[+-]?\d{1,16}$/.test(text.trim()) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    const range = flag.max === undefined ? `${min} or more` : `from ${min} to ${max}`;
    throw usage(`Cannot read "${text}" as the number for --${name}: write a whole number, ${range}`);
  }
  return value;
}

function readDuration(name: string, { longest = LONGEST }: Flag, text: string): number {
  const duration = named(name, () => parseDuration(text));
  if (duration > parseDuration(longest)) {
    throw usage(`Cannot use "${text}" for --${name}: write a duration, ${longest} at most`);
  }
  return duration;
}

function readPort(name: string, text: string): number {
  const value = /^\d{1,5}$/.test(text.trim()) ? Number(text) : NaN;
  if (!(value <= 65535)) {
    throw usage(
      `Cannot read "${text}" as the port for --${name}: write a number from 1 to 65535, or 0 for any free one`,
    );
  }
  return value;
}

/** Like a row of CSV: what has a comma in it stands in quotes, which no name has. */
function readList(name: string, text: string): string[] {
  const cell = /\s*(?:"([^"]*)"|([^",]*))\s*(?:,|$)/y;
  const parts: string[] = [];
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) {
      throw usage(`Cannot read ${text} for --${name}: write names with commas between them, or in quotes`);
    }
    const part = (found[1] ?? found[2]!).trim();
    if (part !== "") parts.push(part);
  }
  if (parts.length === 0) {
    throw usage(`Cannot read "${text}" for --${name}: write names with commas between them`);
  }
  return parts;
}
