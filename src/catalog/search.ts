/**
 * Which files a person means: by name, folder or glob (fetch), by words (search). Patterns come from the network too;
 * their number and length are limited, and globs never backtrack: see glob.ts.
 */
import { LabError } from "../base/errors.ts";
import { glob, globLiterals } from "./glob.ts";
import { nameFault } from "./names.ts";

/** Most patterns in one request: a person types a few, a script a folder's worth. */
export const MAX_PATTERNS = 1000;

/** Longest pattern in UTF-16 units: as long as the longest name. */
const MAX_PATTERN = 1024;

/** Most UTF-16 units of patterns in one request: as JSON, which takes 6 bytes for some, they stay under a list's limit. */
const MAX_PATTERN_UNITS = 150_000;

/**
 * Tells whether a text has a sign that globs use, so that it may stand for many names.
 *
 * @example
 * ```ts
 * import { isGlob } from "./search.ts";
 * if (!isGlob("*.txt") || isGlob("a.txt")) throw new Error("only the first");
 * ```
 */
export function isGlob(text: string): boolean {
  return /[*?[{]/.test(text);
}

/**
 * A pattern as a name: "./" before and "/" after it, which a shell and a person write, mean nothing.
 *
 * @example
 * ```ts
 * import { nameIn } from "./search.ts";
 * if (nameIn("./docs/") !== "docs" || nameIn("docs/a.txt") !== "docs/a.txt") throw new Error("as it is in an index");
 * ```
 */
export function nameIn(pattern: string): string {
  return pattern.replace(/^\.\//, "").replace(/\/$/, "");
}

/**
 * Letters in a row that are in every name which a glob among patterns or search words finds.
 *
 * @example
 * ```ts
 * import { globParts } from "./search.ts";
 * if (globParts("./week*of/").join() !== "week,of") throw new Error("neither ./ nor the last / need be there");
 * ```
 */
export function globParts(pattern: string): string[] {
  return globLiterals(nameIn(pattern));
}

/**
 * Says why no file can be called what a pattern says: names that break the rules are in no index. Of a glob only what can't
 * stand for anything else is looked at.
 *
 * @returns a short reason, or undefined when there may be such a file.
 * @example
 * ```ts
 * import { patternFault } from "./search.ts";
 * if (patternFault("../x") !== 'it has the part ".."' || patternFault("docs/*.txt") !== undefined) throw new Error("rules");
 * ```
 */
export function patternFault(pattern: string): string | undefined {
  const name = pattern.replace(/^\.\//, "").replace(/(?<=[^/])\/$/, "");
  if (!isGlob(name) || name.startsWith("/")) return nameFault(name);
  if (pattern.length > MAX_PATTERN) return `it has ${pattern.length} characters; the limit is ${MAX_PATTERN}`;
  const part = name.split("/").find((each) => each === "." || each === "..");
  return part === undefined ? undefined : nameFault(part);
}

/**
 * Splits patterns into as many as one request may have: a shell makes thousands of one glob.
 *
 * @example
 * ```ts
 * import { patternBatches } from "./search.ts";
 * if (patternBatches(Array(2500).fill("a")).map((each) => each.length).join() !== "1000,1000,500") throw new Error("split");
 * ```
 */
export function patternBatches(patterns: readonly string[]): string[][] {
  const batches: string[][] = [];
  let units = Infinity;
  for (const pattern of patterns) {
    units += pattern.length;
    if (units > MAX_PATTERN_UNITS || batches.at(-1)!.length === MAX_PATTERNS) {
      batches.push([]);
      units = pattern.length;
    }
    batches.at(-1)!.push(pattern);
  }
  return batches;
}

/**
 * The patterns that match none of some names.
 *
 * @example
 * ```ts
 * import { unmatched } from "./search.ts";
 * if (unmatched(["docs", "*.txt", "b"], ["docs/a.pdf"]).join() !== "*.txt,b") throw new Error("only docs is there");
 * ```
 */
export function unmatched(patterns: readonly string[], names: readonly string[]): string[] {
  const there = new Set<string>();
  for (const name of names) {
    there.add(name);
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) there.add(name.slice(0, at));
  }
  return patterns.filter((pattern) => {
    if (there.has(nameIn(pattern))) return false;
    return !isGlob(pattern) || !names.some(matcher([pattern]));
  });
}

/** Makes the glob for a pattern: without a slash it means the last part at any depth, with one at its end a folder. */
function globOf(pattern: string): (name: string) => boolean {
  if (pattern.endsWith("/")) return glob(pattern + "**");
  const matches = glob(pattern);
  return pattern.includes("/") ? matches : (name) => matches(name.slice(name.lastIndexOf("/") + 1));
}

/** Tells whether the set holds the name, or a folder that it is in. */
function holds(names: ReadonlySet<string>, name: string): boolean {
  if (names.has(name)) return true;
  for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
    if (names.has(name.slice(0, at))) return true;
  }
  return false;
}

/**
 * Compiles patterns: NAME matches itself, a folder's name (with or without "/" at its end) all below it, a GLOB what it
 * says. Without a slash a glob is compared with the last part of the name, else with the whole. Case counts. A name
 * with glob signs in it, like "a[1].txt", always matches itself.
 *
 * Each glob costs at most its length times the name's length per name.
 *
 * @param patterns at most {@linkcode MAX_PATTERNS}, each of at most {@linkcode MAX_PATTERN} units; "./" before is dropped.
 * @throws {LabError} "usage" when there are too many, or one is too long.
 * @example
 * ```ts
 * import { matcher } from "./search.ts";
 * const matches = matcher(["docs", "*.txt"]);
 * if (!matches("docs/a/b.pdf") || !matches("x/y.txt") || matches("z.pdf")) throw new Error("folder and glob");
 * ```
 */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length > MAX_PATTERNS) {
    throw new LabError("usage", `Cannot use ${patterns.length} patterns: limit is ${MAX_PATTERNS}`);
  }
  const literal = new Set<string>();
  const globs: ((name: string) => boolean)[] = [];
  for (const raw of patterns) {
    const pattern = raw.startsWith("./") ? raw.slice(2) : raw;
    if (pattern.length > MAX_PATTERN) {
      throw new LabError(
        "usage",
        `Cannot use a pattern of ${pattern.length} characters: limit is ${MAX_PATTERN}`,
      );
    }
    literal.add(nameIn(raw));
    if (isGlob(pattern)) globs.push(globOf(pattern));
  }
  return (name) => holds(literal, name) || globs.some((matches) => matches(name));
}

/**
 * Compiles a query: each word must occur in the name or in the title, or be a glob that matches the name. Case doesn't
 * count. A glob with spaces may also be the whole query. An empty query finds everything.
 *
 * @param query at most {@linkcode MAX_PATTERN} units.
 * @throws {LabError} "usage" when it is too long.
 * @example
 * ```ts
 * import { searcher } from "./search.ts";
 * const finds = searcher("tls rfc*");
 * if (!finds({ name: "rfc8446.txt", title: "The TLS Protocol" })) throw new Error("title and glob");
 * ```
 */
export function searcher(query: string): (row: { name: string; title: string }) => boolean {
  demandSearchable(query);
  const whole = query.trim().toLowerCase();
  const words = whole.split(/\s+/).filter((word) => word !== "").map((word) => ({
    word,
    matches: isGlob(word) ? matcher([word]) : () => false,
    parts: isGlob(word) ? globParts(word) : [],
  }));
  const matchesWhole = isGlob(whole) && words.length > 1 ? matcher([whole]) : () => false;
  return (row) => {
    const name = row.name.toLowerCase();
    const title = row.title === "" ? "" : row.title.toLowerCase();
    const fits = ({ word, matches, parts }: (typeof words)[number]) => {
      if (title !== "" && title.includes(word)) return true;
      // Of a million names most are told apart by this: whatever a glob matches, or is a part of, has all of them.
      for (const part of parts) if (!name.includes(part)) return false;
      return name.includes(word) || matches(name);
    };
    return words.every(fits) || matchesWhole(name);
  };
}

/**
 * What may be searched for.
 *
 * @throws {LabError} "usage" when it is too long.
 */
export function demandSearchable(query: string): void {
  if (query.length > MAX_PATTERN) {
    throw new LabError("usage", `Cannot search for ${query.length} characters: limit is ${MAX_PATTERN}`);
  }
}
