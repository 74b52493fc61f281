/**
 * How much of the file each of our receivers has on its disk, seen from outside: blocks of the part file whose first and
 * last bytes are those of the source. The content is random, so what hasn't been written can't look like it.
 */

import { join } from "@std/path";
import { FILE, SOURCE, type Stage } from "./stage.ts";

/** The least size of a piece. */
const BLOCK = 262_144;
const PROBE = 64;
const PART = /^\.labswarm-.*\.part$/;

/** Looks at part files. */
export class Held {
  #source: { first: Uint8Array; last: Uint8Array }[] = [];
  #held = new Map<number, Set<number>>();

  constructor(private stage: Stage) {
    using file = Deno.openSync(stage.file(SOURCE));
    for (let at = 0; at < stage.size; at += BLOCK) {
      const end = Math.min(at + BLOCK, stage.size);
      this.#source.push({ first: probe(file, at), last: probe(file, end - PROBE) });
    }
  }

  /** Share of the file that a host has, 0 to 1. */
  share(host: number): number {
    return this.#look(host).size / this.#source.length;
  }

  /** Share of the file that these hosts have together. */
  together(hosts: readonly number[]): number {
    const all = new Set<number>();
    for (const host of hosts) for (const block of this.#look(host)) all.add(block);
    return all.size / this.#source.length;
  }

  #look(host: number): ReadonlySet<number> {
    const held = this.#held.get(host) ?? new Set<number>();
    this.#held.set(host, held);
    const path = partOf(this.stage.share(host));
    if (path === undefined) return held;
    try {
      using file = Deno.openSync(path);
      for (const [block, { first, last }] of this.#source.entries()) {
        if (held.has(block)) continue;
        const at = block * BLOCK;
        const end = Math.min(at + BLOCK, this.stage.size);
        if (same(probe(file, end - PROBE), last) && same(probe(file, at), first)) held.add(block);
      }
    } catch (error) {
      // It has just got its name; the next look finds that.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return held;
  }
}

/** The part file, or the file itself once it has its name. */
function partOf(share: string): string | undefined {
  for (const { name } of Deno.readDirSync(share)) {
    if (name === FILE || PART.test(name)) return join(share, name);
  }
  return undefined;
}

function probe(file: Deno.FsFile, at: number): Uint8Array {
  const bytes = new Uint8Array(PROBE);
  file.seekSync(at, Deno.SeekMode.Start);
  file.readSync(bytes);
  return bytes;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
