/** Finds names that cannot live in one folder on Windows or macOS. State: the keys of files, and of their folders. */
import { nameKey, printable } from "./names.ts";

/**
 * A growing set of valid names that fit beside each other on every platform.
 *
 * @example
 * ```ts
 * import { NameSet } from "./nameset.ts";
 * const names = new NameSet();
 * if (names.add("a/b.txt") !== undefined) throw new Error("fits");
 * if (names.add("A/B.txt") === undefined) throw new Error("the same file on Windows");
 * if (names.add("a") === undefined) throw new Error("a folder already");
 * ```
 */
export class NameSet {
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /**
   * Adds a name, unless it clashes with one that is there.
   *
   * @returns a short reason when it clashes (nothing is added then), else undefined.
   */
  add(name: string): string | undefined {
    const key = nameKey(name);
    if (this.#files.has(key)) {
      return `the name ${printable(name)} is there twice, or differs only in case or accents`;
    }
    if (this.#folders.has(key)) return `the name ${printable(name)} is both a file and a folder`;
    const fresh: string[] = [];
    for (let at = key.lastIndexOf("/"); at > 0; at = key.lastIndexOf("/", at - 1)) {
      const folder = key.slice(0, at);
      if (this.#folders.has(folder)) break; // and so are the folders above it
      if (this.#files.has(folder)) return `a folder of ${printable(name)} is a file too`;
      fresh.push(folder);
    }
    for (const folder of fresh) this.#folders.add(folder);
    this.#files.add(key);
    return undefined;
  }
}
