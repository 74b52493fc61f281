/**
 * The lock file of one executable. `deno compile` embeds every npm package that its lock file lists, whether the
 * program uses it or not; deno.lock also lists those that only tests use, 20 MB of them. So each program is compiled
 * against the part of deno.lock that it reaches: same versions, same hashes.
 */

/** The part of a lock file that we look at. */
interface LockFile {
  specifiers: Record<string, string>;
  npm: Record<string, { dependencies?: string[]; optionalDependencies?: string[] }>;
}

/** A lock file that doesn't hold what the program uses. */
export class LockMismatch extends Error {
  override name = "LockMismatch";
}

/**
 * The text of a lock file with nothing but the packages that these specifiers lead to.
 *
 * @param lock text of deno.lock, version 5.
 * @param specifiers as the modules import them, such as "npm:deno-std@1.3.1/csv/mod.js".
 * @throws {LockMismatch} when the lock file doesn't know one of them.
 *
 * @example
 * ```ts
 * import { lockOf } from "./lock.ts";
 * const whole = '{"version":"5","specifiers":{"npm:a@1.0.0":"1.0.0"},"npm":{"a@1.0.0":{},"b@2.0.0":{}}}';
 * if (lockOf(whole, ["npm:a@1.0.0/x.js"]).includes("b@2")) throw new Error();
 * ```
 */
export function lockOf(lock: string, specifiers: Iterable<string>): string {
  const whole: LockFile = JSON.parse(lock);
  const kept: LockFile = { specifiers: {}, npm: {} };
  const waiting: string[] = [];
  for (const specifier of specifiers) {
    const bare = withoutPath(specifier);
    const version = whole.specifiers[bare];
    if (version === undefined) throw new LockMismatch(`deno.lock doesn't know ${bare}: run deno task lock`);
    kept.specifiers[bare] = version;
    waiting.push(`${bare.slice("npm:".length, bare.lastIndexOf("@"))}@${version}`);
  }
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    if (kept.npm[key]) continue;
    const entry = whole.npm[key];
    if (!entry) throw new LockMismatch(`deno.lock doesn't hold ${key}: run deno task lock`);
    kept.npm[key] = entry;
    for (const name of [...entry.dependencies ?? [], ...entry.optionalDependencies ?? []]) {
      waiting.push(keyOf(whole, name));
    }
  }
  return JSON.stringify({ ...whole, specifiers: sorted(kept.specifiers), npm: sorted(kept.npm) }, null, 2) +
    "\n";
}

/** "npm:@a/b@1.0.0/c.js" is of "npm:@a/b@1.0.0". */
function withoutPath(specifier: string): string {
  return /^npm:\/?((?:@[^/]+\/)?[^/]+)/.exec(specifier)?.[0].replace("npm:/", "npm:") ?? specifier;
}

/** A dependency is listed with its version only where the lock file holds several of that name. */
function keyOf(lock: LockFile, name: string): string {
  if (lock.npm[name]) return name;
  const key = Object.keys(lock.npm).find((each) => each.startsWith(`${name}@`));
  if (key === undefined) throw new LockMismatch(`deno.lock doesn't hold ${name}: run deno task lock`);
  return key;
}

function sorted<T>(entries: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => a < b ? -1 : 1));
}
