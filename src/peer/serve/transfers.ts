/**
 * What a serve is taking in and giving out at this moment, for `peer status` and the menu. Pure but for the clock.
 *
 * What comes in is told by those who receive it, from beginning to end. What goes out is only known piece by piece: it is
 * under way for as long as pieces are asked for.
 */

import type { Clock } from "../../base/clock.ts";

/** A transfer that is under way. */
export interface Transfer {
  direction: "in" | "out";
  /** A file, or several that travel as one. */
  name: string;
  /** Who sends or receives it; several holders have no one name. */
  peer?: string;
  bytes: number;
  /** Of what goes out nobody knows how much will be asked for. */
  total?: number;
  /** Bytes per second. */
  rate: number;
  /** Holders that have delivered. */
  sources?: number;
}

/** How far something is that comes in. */
export type Incoming = Pick<Transfer, "name" | "bytes" | "rate" | "sources"> & { total: number };

/** After the last piece something counts as under way for so long, milliseconds. */
const QUIET = 5_000;
/** What was sent longer ago than this says nothing about the rate, milliseconds. */
const LATELY = 3_000;
/** Pieces that were sent within so long of each other are counted as one, milliseconds: there may be thousands a second. */
const SPAN = 200;
/** Transfers that are told: a broadcast goes to a few PCs from each, a file that all want goes to many. */
const MOST_TOLD = 100;
/** Looked through for what is over when there are more: many PCs that ask for a piece each. */
const MOST_KEPT = 1_000;

interface Outgoing {
  name: string;
  peer: string;
  bytes: number;
  began: number;
  /** What was sent of late. */
  lately: { at: number; bytes: number }[];
}

/** The transfers of a serve. */
export class Transfers {
  #incoming = new Set<Map<string, Transfer>>();
  #outgoing = new Map<string, Outgoing>();

  constructor(private clock: Clock) {}

  /**
   * Something is being received.
   *
   * @param peer who sends it, where it is one.
   * @returns how to tell how far it is, and that it is over, however it ended.
   */
  receiving(peer?: string): { progress: (incoming: Incoming) => void; end: () => void } {
    const files = new Map<string, Transfer>();
    this.#incoming.add(files);
    return {
      progress: ({ name, bytes, total, rate, sources }) => {
        if (bytes >= total) return void files.delete(name);
        files.set(name, {
          ...{ direction: "in", name, bytes, total, rate },
          ...(peer === undefined ? {} : { peer }),
          ...(sources === undefined ? {} : { sources }),
        });
      },
      end: () => this.#incoming.delete(files),
    };
  }

  /** A piece has been sent. */
  sent(peer: string, name: string, bytes: number): void {
    const now = this.clock.monotonic();
    const key = JSON.stringify([peer, name]);
    let outgoing = this.#outgoing.get(key);
    if (!outgoing) {
      if (this.#outgoing.size >= MOST_KEPT) this.#tidy(now);
      outgoing = { name, peer, bytes: 0, began: now, lately: [] };
      this.#outgoing.set(key, outgoing);
    }
    outgoing.bytes += bytes;
    const last = outgoing.lately.at(-1);
    if (last && now - last.at < SPAN) last.bytes += bytes;
    else outgoing.lately = [...outgoing.lately.filter(({ at }) => now - at < LATELY), { at: now, bytes }];
  }

  /** Forgets what is over. To be called now and then: nobody may ever ask for the list. */
  tidy(): void {
    this.#tidy(this.clock.monotonic());
  }

  /** How many are remembered that go out. */
  get outgoing(): number {
    return this.#outgoing.size;
  }

  /** What is under way, what comes in first. */
  list(): Transfer[] {
    const now = this.clock.monotonic();
    this.#tidy(now);
    const incoming = [...this.#incoming].flatMap((files) => [...files.values()]);
    const outgoing = [...this.#outgoing.values()].map(({ name, peer, bytes, began, lately }): Transfer => {
      const recent = lately.reduce((sum, each) => now - each.at < LATELY ? sum + each.bytes : sum, 0);
      const seconds = Math.min(LATELY, Math.max(now - began, 1_000)) / 1000;
      return { direction: "out", name, peer, bytes, rate: Math.round(recent / seconds) };
    });
    return [...incoming, ...outgoing].slice(0, MOST_TOLD);
  }

  #tidy(now: number): void {
    for (const [key, { lately }] of this.#outgoing) {
      if (now - lately.at(-1)!.at >= QUIET) this.#outgoing.delete(key);
    }
  }
}
