/**
 * From the words of a command line to a command and its typed values; strict, so that a typing mistake never passes
 * for a wish. It goes in two steps: the words are brought into one shape first (each flag with its value in one word,
 * all flags before all positionals), where every mistake gets its own sentence; `parseArgs` of `@std/cli` then reads
 * that shape, in which none of its guesses can go wrong.
 *
 * Rules: flags may stand anywhere; `--` ends them. A flag that wants a value takes the next word even if that is `-`
 * or `-5`, but never one with two dashes. Names that look like numbers stay texts.
 *
 * On Windows, where a closing quotation mark after a backslash closes nothing, a path that swallowed what came after it is
 * told as that.
 */

import { parseArgs } from "@std/cli";
import { isCode } from "../join/code.ts";
import { camel, type Flag, type Flags, GLOBAL_FLAGS, type GlobalValues, SHORT } from "./flags.ts";
import { nearest } from "./nearest.ts";
import type { Command, Positional, ProgramSpec } from "./spec.ts";
import { indexedName, readValue, usage } from "./values.ts";

/** What a command line asks for. */
export type Parsed =
  | {
    kind: "run";
    command: Command;
    args: string[];
    /** By camelCase name; the command's and the global ones. */
    flags: Record<string, unknown> & GlobalValues;
    /** Names of the flags that were written. */
    given: Set<string>;
  }
  /** `command` is missing for the overview. */
  | { kind: "help"; command?: Command }
  | { kind: "version" }
  /** Nothing was said: the overview, but as a mistake. */
  | { kind: "nothing" };

/** Global flags as far as they can be told before, or without, a correct command line. */
export interface Peeked {
  json: boolean;
  quiet: boolean;
  debug: boolean;
  help: boolean;
  version: boolean;
}

/** Looks for global flags in a command line that may be wrong elsewhere; never throws. */
export function peek(args: readonly string[]): Peeked {
  const end = args.indexOf("--");
  const words = end < 0 ? args : args.slice(0, end);
  const has = (...names: string[]) => names.some((name) => words.includes(name));
  return {
    json: has("--json"),
    quiet: has("--quiet"),
    debug: has("--log-level=debug") ||
      words.some((word, i) => word === "--log-level" && words[i + 1] === "debug"),
    help: has("--help", "-h"),
    version: has("--version", "-V"),
  };
}

/**
 * Reads a command line.
 *
 * @param program the table to read it by.
 * @param args what the person typed, without the baked argument.
 * @param os as `Deno.build.os` has it.
 * @throws {LabError} "usage" with one sentence that says what to do.
 */
export function parse(program: ProgramSpec, args: readonly string[], os: string = Deno.build.os): Parsed {
  const peeked = peek(args);
  const { name, rest } = splitCommand(program, args, peeked);
  if (name === undefined) {
    if (peeked.version) return { kind: "version" };
    return { kind: peeked.help ? "help" : "nothing" };
  }
  if (name === "help") return helpOn(program, rest);
  if (peeked.version) return { kind: "version" };
  const command = find(program, name);
  if (peeked.help) return { kind: "help", command };
  return readCommand(program, command, rest, os);
}

function helpOn(program: ProgramSpec, rest: readonly string[]): Parsed {
  const topic = rest.find((word) => !word.startsWith("-"));
  return topic === undefined ? { kind: "help" } : { kind: "help", command: find(program, topic) };
}

function find(program: ProgramSpec, name: string): Command {
  const command = program.commands.find((c) => c.name === name);
  if (command) return command;
  demandNoCode(name);
  const near = nearest(name, program.commands.filter((c) => !c.hidden).map((c) => c.name));
  throw usage(
    `Unknown command "${name}": ${near ? `did you mean "${program.name} ${near}"?` : seeHelp(program.name)}`,
  );
}

function seeHelp(what: string): string {
  return `see "${what} --help"`;
}

/** The first word that is neither a global flag nor the value of one is the command. */
function splitCommand(program: ProgramSpec, args: readonly string[], peeked: Peeked) {
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--") break;
    if (!word.startsWith("-")) return { name: word, rest: [...args.slice(0, i), ...args.slice(i + 1)] };
    const { name, value } = splitWord(word);
    const flag = lookUp(GLOBAL_FLAGS, name);
    if (!flag && !(peeked.help || peeked.version)) {
      const isKnown = program.commands.some(({ flags }) => lookUp(flags ?? {}, name) !== undefined);
      if (!isKnown || !word.startsWith("--")) throw unknownFlag(word, name, GLOBAL_FLAGS, program.name);
      throw usage(`Cannot use ${word} before the command: write "${program.name} COMMAND ${word}"`);
    }
    if (flag && flag.type !== "boolean" && value === undefined) i++;
  }
  return { name: undefined, rest: [] };
}

function readCommand(program: ProgramSpec, command: Command, words: readonly string[], os: string): Parsed {
  const table: Flags = { ...command.flags, ...GLOBAL_FLAGS };
  const title = `${program.name} ${command.name}`;
  const { flagWords, positionals, given } = normalise(words, table, title);
  const names = Object.keys(table);
  const booleans = names.filter((name) => table[name]!.type === "boolean");
  const valued = names.filter((name) => table[name]!.type !== "boolean");
  const raw = parseArgs([...flagWords, "--", ...positionals], {
    boolean: booleans,
    negatable: booleans,
    string: ["_", ...valued],
    collect: valued,
    default: Object.fromEntries(booleans.map((name) => [name, table[name]!.default === "true"])),
  });
  const args = asMeant(raw._.map(String), command, os);
  checkExclusions(table, given);
  checkPositionals(command, title, args, given);
  const flags: Record<string, unknown> = {};
  for (const name of booleans) flags[camel(name)] = raw[name] === true;
  for (const name of os === "windows" ? valued : []) {
    for (const text of raw[name] as string[]) demandClosedQuotes(table[name]!.value ?? "", text);
  }
  for (const name of valued) flags[camel(name)] = convert(name, table[name]!, raw[name] as string[]);
  return { kind: "run", command, args, flags: flags as typeof flags & GlobalValues, given };
}

/** What stands for a path, or for a name that the index may have: on Windows neither holds a quotation mark. */
const PATHS = /^(?:PATH|DIR|FILE|NAME\|GLOB)/;

/** Positionals as they are meant. */
function asMeant(args: readonly string[], { positionals = [] }: Command, os: string): string[] {
  return args.map((arg, i) => {
    const spec = positionals[i] ?? positionals.at(-1);
    if (os !== "windows" || !spec) return arg;
    demandClosedQuotes(spec.name, arg);
    return spec.indexed ? indexedName(arg, os) : arg;
  });
}

/**
 * Windows makes of `--out "share\my lab\" --rs pc1` one word from `share` to its end, as the backslash takes the meaning
 * from the quotation mark; PowerShell hands on `'share\my lab\'` just so.
 */
function demandClosedQuotes(value: string, text: string): void {
  if (!PATHS.test(value) || !text.includes('"')) return;
  throw usage(
    `Cannot use ${text}: no name on Windows has a quotation mark; leave out the \\ in front of a closing one`,
  );
}

/** Brings the words into one shape, and refuses what isn't in the table. */
function normalise(words: readonly string[], table: Flags, title: string) {
  const flagWords: string[] = [];
  const positionals: string[] = [];
  const given = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "--") {
      positionals.push(...words.slice(i + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      positionals.push(word);
      continue;
    }
    const { name, value } = splitWord(word);
    const flag = lookUp(table, name);
    if (!flag) throw unknownFlag(word, name, table, title);
    given.add(plain(name, table));
    if (flag.type === "boolean") {
      if (value !== undefined) throw usage(`Cannot give --${name} a value: leave out "=${value}"`);
      flagWords.push(`--${name}`);
    } else {
      flagWords.push(`--${name}=${value ?? wantValue(name, flag, words[++i])}`);
      if (value === "") throw needsValue(name, flag);
    }
  }
  return { flagWords, positionals, given };
}

/** Name and value of `--name=value`, `--name` or `-h`. */
function splitWord(word: string): { name: string; value: string | undefined } {
  if (!word.startsWith("--")) return { name: SHORT[word.slice(1)] ?? word, value: undefined };
  const equals = word.indexOf("=");
  if (equals < 0) return { name: word.slice(2), value: undefined };
  return { name: word.slice(2, equals), value: word.slice(equals + 1) };
}

/** The flag of that name; `no-NAME` is found where NAME is on at first. */
function lookUp(table: Flags, name: string): Flag | undefined {
  if (Object.hasOwn(table, name)) return table[name];
  const positive = plain(name, table);
  return positive === name ? undefined : table[positive];
}

/** The name in the table that `no-NAME` speaks of. */
function plain(name: string, table: Flags): string {
  const positive = name.startsWith("no-") ? name.slice(3) : name;
  const isOn = Object.hasOwn(table, positive) && table[positive]!.default === "true" &&
    table[positive]!.type === "boolean";
  return isOn ? positive : name;
}

function wantValue(name: string, flag: Flag, next: string | undefined): string {
  const isFlag = next?.startsWith("--") || (next?.startsWith("-") && Object.hasOwn(SHORT, next.slice(1)));
  if (next === undefined || next === "" || isFlag) throw needsValue(name, flag);
  return next;
}

function needsValue(name: string, flag: Flag) {
  return usage(`Cannot use --${name} without a value: write --${name} ${flag.value ?? "VALUE"}`);
}

function unknownFlag(word: string, name: string, table: Flags, title: string) {
  if (!word.startsWith("--")) {
    return usage(
      `Unknown flag ${word} for "${title}": flags have two dashes; put -- before a name that begins with one`,
    );
  }
  const listed = Object.entries(table).filter(([, flag]) => !flag.hidden)
    .map(([key, flag]) => flag.default === "true" && flag.type === "boolean" ? `no-${key}` : key);
  const near = nearest(name, listed);
  return usage(`Unknown flag --${name} for "${title}": ${near ? `did you mean --${near}?` : seeHelp(title)}`);
}

function convert(name: string, flag: Flag, texts: readonly string[]): unknown {
  if (texts.length > 1 && !flag.repeatable) {
    throw usage(`Cannot use --${name} ${texts.length} times: write it once`);
  }
  const wanted = texts.length === 0 && flag.default !== undefined ? [flag.default] : texts;
  const values = wanted.map((text) => readValue(name, flag, text));
  return flag.repeatable ? values.flat() : values[0];
}

function checkExclusions(table: Flags, given: ReadonlySet<string>): void {
  for (const name of given) {
    const other = table[name]?.excludes?.find((excluded) => given.has(excluded));
    if (other === undefined) continue;
    const shown = [name, other].map((n) => table[n]?.default === "true" ? `--no-${n}` : `--${n}`);
    throw usage(`Cannot use ${shown.join(" and ")} together: leave one out`);
  }
}

/** How many positionals there may be, and which are missing. */
function checkPositionals(
  command: Command,
  title: string,
  args: readonly string[],
  given: ReadonlySet<string>,
) {
  const specs = command.positionals ?? [];
  const instead = specs.find((spec) => spec.unless !== undefined && given.has(spec.unless));
  if (instead && args.length > 0) {
    throw usage(`Cannot use --${instead.unless} together with "${args[0]}": leave one out`);
  }
  if (args.includes("")) {
    throw usage(`Cannot use an empty argument with "${title}": write a name or leave it out`);
  }
  const missing = instead ? undefined : specs.filter((spec) => spec.required)[args.length];
  if (missing) throw usage(`Missing ${missing.name} for "${title}": ${whatToWrite(missing, command)}`);
  const last = specs.at(-1);
  if (!last?.many && args.length > specs.length) throw tooMany(title, specs, args);
}

/** A join code in the wrong place isn't repeated: what goes to stderr ends up in other people's sight. */
function demandNoCode(word: string): void {
  if (isCode(word)) throw usage("A join code stands where none belongs: write --join before it");
}

function whatToWrite(missing: Positional, command: Command): string {
  const or = missing.unless === undefined ? "" : `, or --${missing.unless}`;
  const example = command.examples[0]?.[0];
  return `say ${missing.help}${or}` + (example ? `, for example "${example}"` : "");
}

function tooMany(title: string, specs: readonly Positional[], args: readonly string[]) {
  const extra = args[specs.length]!;
  demandNoCode(extra);
  if (specs.length === 0) return usage(`Cannot use "${extra}" with "${title}": it takes no arguments`);
  return usage(`Too many arguments for "${title}", from "${extra}" on: put quotes around a name with spaces`);
}
