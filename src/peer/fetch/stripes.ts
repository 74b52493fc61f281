/**
 * Who delivers which pieces of a broadcast's content: piece i belongs to stripe i mod n, and each stripe has its
 * candidates, the planned parent first. One who is lost gives way to the next; beside one who stalls the next is asked too.
 */

import type { Holder } from "../../catalog/merge.ts";

/** The stripes of one content. */
export class Stripes {
  #candidates: readonly (readonly Holder[])[];
  /** For each stripe, how many of its candidates are asked: all before the last of them were lost or stalled. */
  #reach: number[];
  #lost = new Set<string>();
  #gainedAt: number[];

  constructor(candidates: readonly (readonly Holder[])[], private pieceCount: number, now: number) {
    this.#candidates = candidates;
    this.#reach = candidates.map(() => 1);
    this.#gainedAt = candidates.map(() => now);
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
    this.#candidates.forEach((list, stripe) => {
      while (this.#asked(list, stripe).length === 0 && this.#reach[stripe]! < list.length) {
        this.#reach[stripe]!++;
      }
    });
  }

  /** A piece has come. */
  gained(piece: number, now: number): void {
    this.#gainedAt[piece % this.#candidates.length] = now;
  }

  /**
   * Looks for stripes that stand still.
   *
   * @returns true when somebody more may be asked now.
   */
  reinforce(now: number, patience: number, isOpen: (stripe: number) => boolean): boolean {
    let changed = false;
    this.#candidates.forEach((list, stripe) => {
      if (now - this.#gainedAt[stripe]! < patience || !isOpen(stripe)) return;
      this.#gainedAt[stripe] = now;
      if (this.#reach[stripe]! >= list.length) return;
      this.#reach[stripe]!++;
      changed = true;
    });
    return changed;
  }

  #asked(list: readonly Holder[], stripe: number): Holder[] {
    return list.slice(0, this.#reach[stripe]).filter((holder) => !this.#lost.has(holder.peer));
  }
}
