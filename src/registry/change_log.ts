/**
 * What has changed since when: so that who asks again is told what is new and not everything. Pure.
 *
 * Rules: versions count up from 1 for as long as the process lives; each thing stands in the log once, at its latest
 * change; old entries are dropped when they outnumber the things, so the log costs no more than they do.
 */

import { partitionPoint } from "../base/search.ts";

/** Below this many entries tidying up isn't worth it. */
const FEW = 1_024;

/** A log of changes to things that have a key. */
export class ChangeLog {
  #version = 0;
  #latest = new Map<string, number>();
  /** Ascending versions, and the keys that changed then; some have changed again since. */
  #versions: number[] = [];
  #keys: string[] = [];

  /** The latest change's number; 0 before the first. */
  get version(): number {
    return this.#version;
  }

  /** Something about this key has changed. */
  note(key: string): void {
    this.#latest.set(key, ++this.#version);
    this.#versions.push(this.#version);
    this.#keys.push(key);
    if (this.#keys.length > 2 * this.#latest.size + FEW) this.#tidy();
  }

  /** This key is no more; nobody is told. */
  forget(key: string): void {
    this.#latest.delete(key);
  }

  /** The keys that have changed after `version`, each once, in the order of their latest change, with its number. */
  *since(version: number): Generator<{ key: string; version: number }> {
    for (let at = this.#after(version); at < this.#keys.length; at++) {
      const key = this.#keys[at]!;
      if (this.#latest.get(key) === this.#versions[at]) yield { key, version: this.#versions[at]! };
    }
  }

  #after(version: number): number {
    return partitionPoint(this.#versions, (other) => other <= version);
  }

  #tidy(): void {
    const kept = [...this.since(0)];
    this.#versions = kept.map(({ version }) => version);
    this.#keys = kept.map(({ key }) => key);
  }
}
