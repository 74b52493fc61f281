/**
 * Flags as data, and the types that their values get. A command says what it takes in a table; the parser, the help
 * and the type of `ctx.flags` all come from that table.
 */

import type { HostPort } from "../base/units.ts";

/** The value that each type of flag turns into. */
interface TypeMap {
  /** Any text that is not empty. */
  string: string;
  /** A whole number, at least `min` (0 unless said) and at most `max`. */
  number: number;
  boolean: boolean;
  /** "90", "90s", "10m", "2h": milliseconds. */
  duration: number;
  /** "50MB/s", "100mbit": bytes per second. */
  rate: number;
  /** "128kB", "2MB": bytes. */
  size: number;
  hostport: HostPort;
  /** Texts with commas between them; one that has a comma itself stands in double quotes. */
  list: string[];
  /** 0 to 65535; 0 stands for any free port. */
  port: number;
}

/** One flag, known by its name without dashes. Names don't start with `no-`: a boolean that is on at first gets that. */
export interface Flag {
  type: keyof TypeMap;
  help: string;
  /** Stands for the value in the help, such as `PORT`; for everything but booleans. */
  value?: string;
  /** Used when the flag isn't given, written as a person would type it. "true" on a boolean: only `--no-NAME` is listed. */
  default?: string;
  /** Shown in the help as the default, where it isn't a fixed text; `{share}` and `{data}` stand for the folders. */
  shownDefault?: string;
  /** The only values allowed. */
  choices?: readonly string[];
  /** May be given several times; the value is an array, empty when it isn't given. */
  repeatable?: true;
  /** Accepted, but not listed in the help. */
  hidden?: true;
  /** Port of a `hostport` that names none; without it the port has to be written. */
  defaultPort?: number;
  min?: number;
  max?: number;
  /** The longest `duration`, written as a person would type it; a year unless said. */
  longest?: string;
  /** Flags that make no sense beside this one. */
  excludes?: readonly string[];
}

/** Flags by name. Write it `as const satisfies Flags` so that the values' types are known. */
export type Flags = Readonly<Record<string, Flag>>;

/** `http-port` becomes `httpPort`. */
export type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

type Single<F extends Flag> = F extends { choices: readonly (infer C)[] } ? C : TypeMap[F["type"]];
type Value<F extends Flag> = F["type"] extends "boolean" ? boolean
  : F extends { repeatable: true } ? (F["type"] extends "list" ? string[] : Single<F>[])
  : F extends { default: string } ? Single<F>
  : Single<F> | undefined;

/** What a command is handed for its flags: names in camelCase, values by type, undefined where nothing was given. */
export type FlagValues<F extends Flags> = { [K in keyof F & string as Camel<K>]: Value<F[K]> };

/** Flags that every command takes. */
export const GLOBAL_FLAGS = {
  help: { type: "boolean", help: "show this help" },
  version: { type: "boolean", help: "show the version" },
  json: { type: "boolean", help: "one JSON object per line on standard output" },
  quiet: { type: "boolean", help: "nothing but results and errors" },
  "log-level": {
    type: "string",
    value: "LEVEL",
    choices: ["debug", "info", "warn", "error"],
    help: "debug, info, warn or error",
  },
  "log-file": {
    type: "string",
    value: "PATH",
    help: "keep the log in this file too, 5 files of 5 MB at most",
  },
} as const satisfies Flags;

/** Values of {@linkcode GLOBAL_FLAGS}. */
export type GlobalValues = FlagValues<typeof GLOBAL_FLAGS>;

/** One-letter names, and the flags that they stand for. */
export const SHORT: Readonly<Record<string, string>> = { h: "help", V: "version" };

/** The name under which a command finds a flag's value. */
export function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
