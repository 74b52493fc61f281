/**
 * Who delivers which pieces of a broadcast's content: piece i belongs to stripe i mod n, and each stripe has its
 * candidates, the planned parent first. One who is lost gives way to the next; beside one who stalls the next is asked too.
 * Where all candidates of a stripe are lost, those of the others are asked: as long as somebody is left, every piece has
 * somebody who is asked for it.
 */

import type { Holder } from "../../catalog/merge.ts";

/** Who delivers a piece now and then is given so many of its longest pauses. */
const PACES = 3;

/**
 * While nothing has come yet it is most often the source that is slow, and it gets slower still when all ask it: that
 * takes so many times the patience.
 */
const FIRST_PIECE = 7;

/** The stripes of one content. */
export class Stripes {
  /** For each stripe its own candidates, then those of the others. */
  #candidates: readonly (readonly Holder[])[];
  /** For each stripe, how many of its candidates are its own. */
  #own: readonly number[];
  /** For each stripe, how many of its candidates are asked: all before the last of them were lost or stalled. */
  #reach: number[];
  #lost = new Set<string>();
  /** When the last piece came, or somebody more was asked. */
  #gainedAt: number[];
  #pieceAt: number[];
  /** For each stripe, the longest pause between two pieces that turned out to be none: a slow source is no dead one. */
  #pace: number[];

  constructor(candidates: readonly (readonly Holder[])[], private pieceCount: number, now: number) {
    const everybody = candidates.flat();
    this.#candidates = candidates.map((own) => distinct([...own, ...everybody]));
    this.#own = candidates.map((own) => distinct(own).length);
    this.#reach = candidates.map(() => 1);
    this.#gainedAt = candidates.map(() => now);
    this.#pieceAt = candidates.map(() => now);
    this.#pace = candidates.map(() => 0);
    this.#fill();
  }

  /** How many stripes there are. */
  get count(): number {
    return this.#candidates.length;
  }

  /** Everybody who may be asked now. */
  holders(): Holder[] {
    const holders = new Map<string, Holder>();
    this.#candidates.forEach((list, stripe) => {
      for (const holder of this.#asked(list, stripe)) holders.set(holder.peer, holder);
    });
    return [...holders.values()];
  }

  /** The pieces that this one may be asked for. */
  piecesOf(peer: string): number[] {
    const stripes = this.#candidates.flatMap((list, stripe) =>
      this.#asked(list, stripe).some((holder) => holder.peer === peer) ? [stripe] : []
    );
    const pieces: number[] = [];
    for (let piece = 0; piece < this.pieceCount; piece++) {
      if (stripes.includes(piece % this.#candidates.length)) pieces.push(piece);
    }
    return pieces;
  }

  /** This one can't be asked any more. */
  lose(peer: string): void {
    this.#lost.add(peer);
    this.#fill();
  }

  /** A piece has come. */
  gained(piece: number, now: number): void {
    const stripe = piece % this.#candidates.length;
    this.#pace[stripe] = Math.max(this.#pace[stripe]!, now - this.#pieceAt[stripe]!);
    this.#gainedAt[stripe] = this.#pieceAt[stripe] = now;
  }

  /**
   * Looks for stripes that stand still.
   *
   * @returns true when somebody more may be asked now.
   */
  reinforce(now: number, patience: number, isOpen: (stripe: number) => boolean): boolean {
    let changed = false;
    this.#candidates.forEach((list, stripe) => {
      if (!isOpen(stripe)) return;
      if (now - this.#gainedAt[stripe]! < this.#patience(stripe, patience)) return;
      this.#gainedAt[stripe] = now;
      // The others' candidates may wait for us: only when there is nobody else.
      if (this.#reach[stripe]! >= Math.min(this.#own[stripe]!, list.length)) return;
      this.#reach[stripe]!++;
      changed = true;
    });
    return changed;
  }

  #patience(stripe: number, least: number): number {
    const isSourceNext = this.#reach[stripe] === this.#own[stripe]! - 1;
    if (isSourceNext && this.#pace[stripe] === 0) return FIRST_PIECE * least;
    return Math.max(least, PACES * this.#pace[stripe]!);
  }

  /** Reaches on where nobody is left to be asked. */
  #fill(): void {
    this.#candidates.forEach((list, stripe) => {
      while (this.#asked(list, stripe).length === 0 && this.#reach[stripe]! < list.length) {
        this.#reach[stripe]!++;
      }
    });
  }

  #asked(list: readonly Holder[], stripe: number): Holder[] {
    return list.slice(0, this.#reach[stripe]).filter((holder) => !this.#lost.has(holder.peer));
  }
}

function distinct(holders: readonly Holder[]): Holder[] {
  return [...new Map(holders.map((holder) => [holder.peer, holder])).values()];
}
