/**
 * Who delivers which pieces of a broadcast's content: piece i belongs to stripe i mod n, and each stripe has its
 * candidates, the planned parent first. Who is lost, or makes its stripe lag behind the others, gives way to the next;
 * where everything stands still the next is asked beside. Where all candidates of a stripe are lost, those of the others
 * are asked: as long as somebody is left, every piece has somebody who is asked for it.
 */

import { FURTHEST, Lag, type LagLimits } from "./lag.ts";

/** Who delivers a piece now and then is given so many of its longest pauses. */
const PACES = 3;

/**
 * While nothing has come yet it is most often the source that is slow, and it gets slower still when all ask it: that
 * takes so many times the patience. A stripe without its first piece while others move has so many of their longest
 * pauses: its pieces have further to come.
 */
const FIRST_PIECE = 7;

/** Those who ask us are told only so often that we're behind, milliseconds. */
const TELL_AGAIN = 100;

/**
 * Where everything has stood still for as long as it ever did between two pieces, `least` to `most` milliseconds, and at the
 * beginning for `first`, those who ask us are told, and again each `again`: earlier than their patience ends, and than they
 * take for dead who says nothing for 15 s; but not between any two pieces of a slow source, for words cost CPU.
 */
const STILL = { least: 500, most: 5_000, first: 3_000, again: 1_000 };

/** Who says that it waits itself has said so for so many milliseconds: three words, for busy PCs say them late. */
const HELD = 3_000;

/**
 * Who says that it waits itself is given so many times the patience: the fault is further up, and those right below it see to
 * it. But not for ever, for it might be lying, or its disk hang.
 */
const HELD_TIMES = 4;

/** A stripe that is to be told of, and how many PCs are between us and the one who said so first. */
export interface StripeNews {
  stripe: number;
  hops: number;
}

/** What has changed. */
export interface Reinforced {
  /** Stripes that others may be asked for now. */
  changed: number[];
  /** Stripes that are behind: who asks us for them is to be told. */
  behind: StripeNews[];
  /** Stripes of which nothing comes, since all stands still: who asks us for them is to be told of that. */
  still: StripeNews[];
}

/** Somebody who may be asked. */
interface Candidate {
  peer: string;
}

interface Stripe<Holder> {
  /** Its own candidates, then those of the others. */
  list: readonly Holder[];
  /** How many of the candidates are its own. */
  own: number;
  /** Those before this one have had their turn. */
  next: number;
  /** Those who are asked. */
  asked: Holder[];
  /** When the last piece came, or somebody more was asked. */
  gainedAt: number;
  pieceAt: number;
  /** The longest pause between two pieces that turned out to be none: a slow source is no dead one. */
  pace: number;
  /** When those who ask us were last told that it is behind, milliseconds. */
  toldAt: number;
  /** And that nothing comes of it. */
  stillAt: number;
  /** When those who are asked last said that they wait themselves, milliseconds, and what is to go with that news. */
  held: Map<string, { at: number; hops: number }>;
}

/** The stripes of one content. */
export class Parents<Holder extends Candidate> {
  #stripes: Stripe<Holder>[];
  #lost = new Set<string>();
  #innocent = new Set<string>();
  #lag: Lag;
  /** When a piece came last, of any stripe. */
  #movedAt: number;

  /**
   * @param candidates for each stripe those who may be asked, the planned parent first, the source last.
   * @param depths for each stripe, PCs between the source and us; how many candidates there are before the source when absent.
   */
  constructor(
    candidates: readonly (readonly Holder[])[],
    private pieceCount: number,
    now: number,
    options: { depths?: readonly number[]; lag?: LagLimits } = {},
  ) {
    const everybody = candidates.flat();
    this.#stripes = candidates.map((own) => ({
      list: distinct([...own, ...everybody]),
      own: distinct(own).length,
      next: 0,
      asked: [],
      gainedAt: now,
      pieceAt: now,
      pace: 0,
      toldAt: -Infinity,
      stillAt: -Infinity,
      held: new Map(),
    }));
    this.#movedAt = now;
    this.#lag = new Lag(
      options.depths ?? candidates.map((own) => Math.max(0, own.length - 1)),
      now,
      options.lag,
    );
    for (const stripe of this.#stripes) this.#fill(stripe, 1);
  }

  /** How many stripes there are. */
  get count(): number {
    return this.#stripes.length;
  }

  /** Everybody who may be asked now. */
  holders(): Holder[] {
    const asked = this.#stripes.flatMap((stripe) => stripe.asked);
    return distinct(asked);
  }

  /** The pieces that this one may be asked for, of those from `from` on and before `to`. */
  piecesOf(peer: string, from = 0, to = this.pieceCount): number[] {
    const asked = this.#stripes.map((stripe) => stripe.asked.some((holder) => holder.peer === peer));
    const pieces: number[] = [];
    for (let piece = from; piece < to; piece++) {
      if (asked[piece % asked.length]) pieces.push(piece);
    }
    return pieces;
  }

  /** This one serves us last: whatever it doesn't deliver is no fault of its own. */
  servedLast(peer: string): void {
    this.#innocent.add(peer);
  }

  /** Those whose turn came before this one's, and who were lost or left: it is asked instead of them. */
  given(peer: string): string[] {
    const before = this.#stripes.flatMap(({ list, asked }) => {
      if (!asked.some((holder) => holder.peer === peer)) return [];
      return list.slice(0, list.findIndex((holder) => holder.peer === peer)).map((holder) => holder.peer);
    });
    return [...new Set(before)].filter((each) => this.#lost.has(each) || !this.#innocent.has(each));
  }

  /** This one can't be asked any more. */
  lose(peer: string, now: number): void {
    this.#lost.add(peer);
    this.#stripes.forEach((stripe, i) => {
      const left = stripe.asked.filter((holder) => holder.peer !== peer);
      if (left.length === stripe.asked.length) return;
      stripe.asked = left;
      this.#fill(stripe, 1);
      this.#lag.changed(i, now);
    });
  }

  /** This one, whom we ask for a stripe, is behind with it itself. */
  hold(peer: string, stripe: number, hops: number, now: number): void {
    if (this.#stripes[stripe]?.asked.some((holder) => holder.peer === peer)) {
      this.#lag.hold(stripe, hops, now);
    }
  }

  /** This one, whom we ask for a stripe, gets nothing at all itself at the moment. */
  wait(peer: string, { stripe, hops }: StripeNews, now: number): void {
    // In a circle everybody waits for himself; the patience ends, too.
    if (hops >= FURTHEST) return;
    const waiting = this.#stripes[stripe];
    if (waiting?.asked.some((holder) => holder.peer === peer)) {
      waiting.held.set(peer, { at: now, hops: hops + 1 });
    }
  }

  /** A piece has come. */
  gained(piece: number, now: number): void {
    const stripe = this.#stripes[piece % this.count]!;
    stripe.pace = Math.max(stripe.pace, now - stripe.pieceAt);
    stripe.gainedAt = stripe.pieceAt = this.#movedAt = now;
    this.#lag.gained(piece % this.count, now);
  }

  /** Nothing can be asked for at the moment, which is nobody's fault. */
  rest(now: number): void {
    this.#movedAt = now;
    for (const stripe of this.#stripes) stripe.gainedAt = stripe.pieceAt = now;
  }

  /** What came until now came by another way, and quickly; those above us are asked from now on, and to be dialled first. */
  begin(now: number): void {
    this.rest(now);
    this.#lag.begin(now);
    for (const stripe of this.#stripes) stripe.pace = 0;
  }

  /**
   * What is to come of all stripes comes by another way: those who ask us for them are to know that we wait ourselves.
   *
   * @returns the stripes of which they weren't told lately.
   */
  waiting(now: number): Reinforced["behind"] {
    const due: Reinforced["behind"] = [];
    this.#stripes.forEach((stripe, i) => {
      if (now - stripe.toldAt < TELL_AGAIN) return;
      stripe.toldAt = now;
      due.push({ stripe: i, hops: 0 });
    });
    return due;
  }

  /**
   * Looks for stripes that lag behind or stand still. Ask with each piece that comes, and ten times a second.
   *
   * @returns the stripes in which others may be asked now, and some not any more; and what those who ask us are to be told.
   */
  reinforce(now: number, patience: number, isOpen: (stripe: number) => boolean): Reinforced {
    const reinforced: Reinforced = { changed: [], behind: [], still: [] };
    const isQuiet = now - this.#movedAt >= this.#longestPause();
    this.#stripes.forEach((stripe, i) => {
      if (!isOpen(i)) return this.#lag.whole(i);
      const verdict = this.#lag.look(i, now);
      if (verdict.kind === "behind" && now - stripe.toldAt >= TELL_AGAIN) {
        stripe.toldAt = now;
        reinforced.behind.push({ stripe: i, hops: verdict.hops });
      }
      const held = heldBy(stripe, now);
      if (isQuiet && now - stripe.stillAt >= STILL.again) {
        stripe.stillAt = now;
        reinforced.still.push({ stripe: i, hops: held ?? 0 });
      }
      // One who delivers another stripe too lets one wait for the other.
      const isLagging = verdict.kind === "leave" && !this.#isShared(stripe);
      const times = held === undefined ? 1 : HELD_TIMES;
      const isStill = now - this.#movedAt >= times * this.#patience(stripe, patience);
      if (!isLagging && !(isStill && now - stripe.gainedAt >= times * patience)) return;
      stripe.gainedAt = now;
      // The others' candidates may wait for us: only when there is nobody else.
      if (stripe.next >= stripe.own) return;
      const before = stripe.asked;
      if (isLagging) stripe.asked = [];
      this.#fill(stripe, isLagging ? 1 : before.length + 1);
      if (stripe.asked.length === 0) stripe.asked = before;
      this.#lag.changed(i, now);
      reinforced.changed.push(i);
      reinforced.behind.push({ stripe: i, hops: 0 });
    });
    return reinforced;
  }

  #longestPause(): number {
    const pace = Math.max(...this.#stripes.map((stripe) => stripe.pace));
    return pace === 0 ? STILL.first : Math.min(STILL.most, Math.max(STILL.least, pace));
  }

  #isShared(stripe: Stripe<Holder>): boolean {
    const others = this.#stripes.filter((each) => each !== stripe).flatMap(({ asked }) => asked);
    return stripe.asked.some(({ peer }) => others.some((other) => other.peer === peer));
  }

  #patience(stripe: Stripe<Holder>, least: number): number {
    if (stripe.pace > 0) return Math.max(least, PACES * stripe.pace);
    const others = Math.max(...this.#stripes.map(({ pace }) => pace));
    return others > 0 ? Math.max(least, FIRST_PIECE * Math.min(least, others)) : FIRST_PIECE * least;
  }

  /** Reaches on until so many are asked, as far as there are own candidates; beyond them, until one is. */
  #fill(stripe: Stripe<Holder>, count: number): void {
    while (stripe.next < stripe.list.length) {
      if (stripe.asked.length >= (stripe.next < stripe.own ? count : 1)) return;
      const holder = stripe.list[stripe.next++]!;
      if (!this.#lost.has(holder.peer)) stripe.asked.push(holder);
    }
    if (stripe.asked.length > 0) return;
    // Who was left for being slow is better than nobody.
    stripe.asked = stripe.list.filter((holder) => !this.#lost.has(holder.peer));
  }
}

/** How far the news has come that all who are asked wait themselves; undefined where one of them doesn't say so. */
function heldBy({ asked, held }: Stripe<Candidate>, now: number): number | undefined {
  const words = asked.map(({ peer }) => held.get(peer));
  if (words.length === 0 || words.some((word) => !word || now - word.at >= HELD)) return undefined;
  return Math.max(...words.map((word) => word!.hops));
}

function distinct<Holder extends Candidate>(holders: readonly Holder[]): Holder[] {
  return [...new Map(holders.map((holder) => [holder.peer, holder])).values()];
}
