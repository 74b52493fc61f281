/** Types of the part of `@std/path` that we use, the same for native, POSIX and Windows paths. */

/** The parts of a path. */
export interface ParsedPath {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

/** How globs are read. */
export interface GlobOptions {
  extended?: boolean;
  globstar?: boolean;
  caseInsensitive?: boolean;
}

/** The last part of a path, without the suffix if it ends in it. */
export function basename(path: string, suffix?: string): string;
/** The longest folder that all paths share. */
export function common(paths: string[]): string;
/** The path without its last part. */
export function dirname(path: string): string;
/** The extension with its dot, or nothing. */
export function extname(path: string): string;
/** The path of a `file:` address. */
export function fromFileUrl(url: string | URL): string;
/** A regular expression that matches whole paths like the glob. */
export function globToRegExp(glob: string, options?: GlobOptions): RegExp;
/** Tells whether the path starts at a root. */
export function isAbsolute(path: string): boolean;
/** Tells whether the text holds glob characters. */
export function isGlob(str: string): boolean;
/** Joins and normalizes. */
export function join(path: string | URL, ...paths: string[]): string;
/** Without `.`, `..` and double separators where possible. */
export function normalize(path: string | URL): string;
/** Takes a path apart. */
export function parse(path: string): ParsedPath;
/** How to get from one path to the other. */
export function relative(from: string, to: string): string;
/** An absolute path, from the current folder where needed. */
export function resolve(...pathSegments: string[]): string;
/** The `file:` address of an absolute path. */
export function toFileUrl(path: string): URL;
/** `/` or `\`. */
export const SEPARATOR: "/" | "\\";
/** Matches one or more separators. */
export const SEPARATOR_PATTERN: RegExp;
