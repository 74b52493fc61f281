/**
 * A set of names in order, for lists that come in pages. Changes are collected and worked in when somebody reads: a few
 * by binary insertion, many by one merge, so that announcing 200,000 names costs no more than sorting them once.
 */

import { partitionPoint } from "../base/search.ts";

/** Changes up to this many are worked in one at a time: each moves memory once, a merge walks everything. */
const FEW = 16;

/** The first place in sorted `names` whose name is not below `name`. */
export function lowerBound(names: readonly string[], name: string): number {
  return partitionPoint(names, (other) => other < name);
}

/** A set of names in code-unit order. */
export class SortedNames {
  #names: string[] = [];
  /** Names whose presence is not what `#names` says yet: true to be added, false to be removed. */
  #pending = new Map<string, boolean>();

  /** Adds a name; one that is there already stays. */
  add(name: string): void {
    this.#pending.set(name, true);
  }

  /** Removes a name, if it is there. */
  delete(name: string): void {
    this.#pending.set(name, false);
  }

  /** All names in order; valid until the next change. */
  list(): readonly string[] {
    if (this.#pending.size > FEW) this.#merge();
    else for (const [name, present] of this.#pending) this.#put(name, present);
    this.#pending.clear();
    return this.#names;
  }

  #put(name: string, present: boolean): void {
    const at = lowerBound(this.#names, name);
    const there = this.#names[at] === name;
    if (present && !there) this.#names.splice(at, 0, name);
    if (!present && there) this.#names.splice(at, 1);
  }

  #merge(): void {
    const added = [...this.#pending].filter(([, present]) => present).map(([name]) => name).sort();
    const merged: string[] = [];
    let next = 0;
    for (const name of this.#names) {
      while (next < added.length && added[next]! < name) merged.push(added[next++]!);
      if (this.#pending.get(name) === undefined) merged.push(name);
    }
    while (next < added.length) merged.push(added[next++]!);
    this.#names = merged;
  }
}
