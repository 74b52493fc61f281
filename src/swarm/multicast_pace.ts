/**
 * How fast blocks go out by multicast. Nothing slows down who sends datagrams but what receivers say they have lost: so the
 * rate grows as long as hardly anything is, and falls to what came through when it is. Pure: the time is a parameter.
 *
 * Most receivers count, not the worst: a PC on a slow link gets what it lost from others, and keeps nobody waiting
 * (compare RFC 5740, which follows the slowest). As many as a quarter may lose more than is looked at.
 */

import type { BlockTally } from "./blocks.ts";

/** Bytes per second at first: a 100 Mbit/s link's own queue slows us down from there, a faster one is soon filled. */
const FIRST = 25e6;
/**
 * Where it would have to be slower than this, and than half of what we have sent, multicast leads nowhere: all would wait for
 * what a few can take. Where our own link is as slow, all wait in any case.
 */
const LEAST = 3e6;
/** Blocks of a receiver from which on it is said what part of them is lost: of ten one is no tenth. */
const ENOUGH = 60;
/** More than any link of today's labs. */
const MOST = 1.25e9;
/** Between two looks, milliseconds: receivers tell at most every 200. */
const LOOK = 200;
/** After a change for the slower its effect is waited for, milliseconds. */
const SETTLE = 600;
/** A part of blocks lost above which it goes slower. */
const TOLERATED = 0.02;
/** Slowing down has helped where no more than this part of the loss is left. */
const CURED = 0.6;
/** A part of blocks lost, whatever the rate, with which multicast leads nowhere: most pieces lack a block then. */
const HOPELESS = 0.25;
/** Growth from one look to the next. */
const GROWTH = 1.25;
/** As many as this part of the receivers may lose more. */
const IGNORED = 0.25;

/** The pace of one broadcast. */
export class MulticastPace {
  #rate = FIRST;
  #bytes = 0;
  #lookedAt: number;
  #heldUntil = -Infinity;
  /** When what was sent has left at this rate, milliseconds. */
  #dueAt: number;
  #heard = new Map<string, { now: BlockTally; before: BlockTally }>();
  /** Losses up to here are no reason to go slower: that was tried, and cured nothing. */
  #tolerated = TOLERATED;
  /** The rate before the last change for the slower, and what was lost then. */
  #slowed: { from: number; lost: number } | undefined;
  /** The most that was sent from one look to the next, bytes per second. */
  #best = 0;
  #isHopeless = false;

  /** @param now monotonic milliseconds. */
  constructor(now: number) {
    this.#lookedAt = this.#dueAt = now;
  }

  /** Bytes per second. */
  get rate(): number {
    return this.#rate;
  }

  /** True when most lose much however slow it is. */
  get isHopeless(): boolean {
    return this.#isHopeless;
  }

  /** A receiver tells how it goes; undefined when it doesn't listen any more. */
  heard(receiver: string, now: BlockTally | undefined): void {
    if (!now) return void this.#heard.delete(receiver);
    const before = this.#heard.get(receiver)?.before ?? { got: 0, lost: 0 };
    this.#heard.set(receiver, { now, before });
  }

  /**
   * Bytes are about to be sent.
   *
   * @returns milliseconds to wait before that.
   */
  take(bytes: number, now: number): number {
    if (now - this.#lookedAt >= LOOK) this.#look(now);
    this.#bytes += bytes;
    // What wasn't sent while something else held us up is not made up for at once.
    this.#dueAt = Math.max(this.#dueAt, now - LOOK / 20) + bytes * 1000 / this.#rate;
    return Math.max(0, this.#dueAt - now);
  }

  /** Something else than the network held us up until now: what was sent meanwhile says nothing of it. */
  paused(now: number): void {
    this.#lookedAt = now;
    this.#bytes = 0;
  }

  #look(now: number): void {
    const sent = this.#bytes * 1000 / (now - this.#lookedAt);
    this.#bytes = 0;
    this.#lookedAt = now;
    this.#best = Math.max(this.#best, sent);
    if (now < this.#heldUntil) return;
    const lost = this.#lost();
    if (lost === undefined) return;
    if (lost <= this.#tolerated) {
      this.#slowed = undefined;
      // Where the network holds us up, a higher rate would mean nothing.
      if (sent > 0.7 * this.#rate) this.#rate = Math.min(MOST, this.#rate * GROWTH);
      return;
    }
    if (this.#slowed && lost > CURED * this.#slowed.lost) return this.#tolerate(lost);
    const from = this.#rate;
    this.#slowed = { from, lost };
    this.#rate = Math.min(from, sent) * (1 - lost) * 0.95;
    this.#isHopeless = this.#rate < Math.min(LEAST, this.#best / 2);
    this.#heldUntil = now + SETTLE;
  }

  /** A radio, or a bad cable, loses as much at any rate: then it goes as fast as before, and what is lost is had from others. */
  #tolerate(lost: number): void {
    this.#isHopeless = lost > HOPELESS;
    this.#tolerated = 1.5 * lost;
    this.#rate = this.#slowed!.from;
    this.#slowed = undefined;
  }

  /** The part of blocks that counts, of those who have told anything new. */
  #lost(): number | undefined {
    const parts: number[] = [];
    for (const each of this.#heard.values()) {
      const got = each.now.got - each.before.got;
      const lost = Math.max(0, each.now.lost - each.before.lost);
      if (got + lost < ENOUGH) continue;
      each.before = each.now;
      parts.push(lost / (got + lost));
    }
    parts.sort((a, b) => a - b);
    return parts[Math.floor((parts.length - 1) * (1 - IGNORED))];
  }
}
