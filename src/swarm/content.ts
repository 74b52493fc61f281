/** What the scheduler knows of one content: which pieces are held, asked for, and offered by whom. */

import type { SourceId } from "./types.ts";

const enum Piece {
  missing = 0,
  asked = 1,
  held = 2,
}

/** One content. */
export class ContentState {
  /** Pieces not held yet. */
  missing: number;
  #state: Uint8Array;
  #askedOf = new Map<number, SourceId[]>();
  #complete = new Set<SourceId>();
  #partial = new Map<SourceId, Set<number>>();
  #refused = new Map<number, Set<SourceId>>();
  /** How many partial sources offer a piece; complete ones count for all pieces alike. */
  #offers: Uint16Array;
  /** No piece before this one is missing and unasked. */
  #first = 0;

  constructor(readonly id: string, readonly lengths: readonly number[], held: Iterable<number>) {
    this.#state = new Uint8Array(lengths.length);
    this.#offers = new Uint16Array(lengths.length);
    this.missing = lengths.length;
    for (const piece of held) this.hold(piece);
  }

  /** A source has these pieces too. */
  offer(source: SourceId, pieces: "all" | Iterable<number>): void {
    if (pieces === "all") {
      this.withdraw(source);
      this.#complete.add(source);
      return;
    }
    if (this.#complete.has(source)) return;
    const had = this.#partial.get(source) ?? new Set();
    this.#partial.set(source, had);
    for (const piece of pieces) {
      if (piece >= this.lengths.length || had.has(piece)) continue;
      had.add(piece);
      this.#offers[piece]!++;
    }
  }

  /** The source offers nothing any more. */
  withdraw(source: SourceId): void {
    this.#complete.delete(source);
    for (const piece of this.#partial.get(source) ?? []) this.#offers[piece]!--;
    this.#partial.delete(source);
  }

  /** A missing piece that this source should be asked for: the rarest, the lowest among equals. */
  pick(source: SourceId): number | undefined {
    while (this.#first < this.#state.length && this.#state[this.#first] !== Piece.missing) this.#first++;
    if (this.#complete.has(source)) {
      return this.#partial.size === 0 ? this.#pickFirst(source) : this.#pickRarest(source);
    }
    return this.#partial.has(source) ? this.#pickRarest(source) : undefined;
  }

  /** A piece was asked of a source; of several at the end. */
  ask(piece: number, source: SourceId): void {
    this.#state[piece] = Piece.asked;
    this.#askedOf.set(piece, [...this.#askedOf.get(piece) ?? [], source]);
  }

  /** The source won't deliver the piece after all. */
  release(piece: number, source: SourceId): void {
    const left = (this.#askedOf.get(piece) ?? []).filter((id) => id !== source);
    if (left.length > 0) {
      this.#askedOf.set(piece, left);
    } else {
      this.#askedOf.delete(piece);
      if (this.#state[piece] === Piece.asked) {
        this.#state[piece] = Piece.missing;
        this.#first = Math.min(this.#first, piece);
      }
    }
  }

  /** The source is never to be asked for this piece again. */
  refuse(piece: number, source: SourceId): void {
    const by = this.#refused.get(piece) ?? new Set();
    this.#refused.set(piece, by.add(source));
  }

  /** @returns true when the piece was not held before. */
  hold(piece: number): boolean {
    if (this.#state[piece] === undefined || this.#state[piece] === Piece.held) return false;
    this.#state[piece] = Piece.held;
    this.#askedOf.delete(piece);
    this.missing--;
    return true;
  }

  /** All pieces from `first` to before `end`, in steps of so many, are held: those of a stripe. */
  isHeldEvery(step: number, first: number, end = Infinity): boolean {
    for (let piece = first; piece < Math.min(end, this.#state.length); piece += step) {
      if (this.#state[piece] !== Piece.held) return false;
    }
    return true;
  }

  /**
   * True when this source could deliver a piece that is asked of one other, or of some who have all fallen silent.
   *
   * @param isSilent tells that nothing can be expected of a source.
   */
  mayDouble(piece: number, source: SourceId, isSilent: (source: SourceId) => boolean): boolean {
    if (this.#state[piece] !== Piece.asked || !this.#canDeliver(piece, source)) return false;
    const asked = this.#askedOf.get(piece) ?? [];
    return !asked.includes(source) && (asked.length === 1 || asked.every(isSilent));
  }

  /** True when some missing piece can be had from no source that is here. */
  isStarved(): boolean {
    if (this.missing === 0) return false;
    const sources = [...this.#complete, ...this.#partial.keys()];
    return this.#state.some((state, piece) =>
      state === Piece.missing && !sources.some((source) => this.#canDeliver(piece, source))
    );
  }

  #canDeliver(piece: number, source: SourceId): boolean {
    const offered = this.#complete.has(source) || this.#partial.get(source)?.has(piece) === true;
    return offered && !this.#refused.get(piece)?.has(source);
  }

  #pickFirst(source: SourceId): number | undefined {
    for (let piece = this.#first; piece < this.#state.length; piece++) {
      if (this.#state[piece] === Piece.missing && this.#canDeliver(piece, source)) return piece;
    }
    return undefined;
  }

  #pickRarest(source: SourceId): number | undefined {
    let best: number | undefined;
    for (let piece = this.#first; piece < this.#state.length; piece++) {
      if (this.#state[piece] !== Piece.missing || !this.#canDeliver(piece, source)) continue;
      if (best === undefined || this.#offers[piece]! < this.#offers[best]!) best = piece;
    }
    return best;
  }
}
