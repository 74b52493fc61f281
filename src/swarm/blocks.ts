/**
 * Pieces put together from blocks that come by multicast: mostly in order, some not at all. Pure: blocks go in, whole pieces
 * come out; that a piece is what it should be is for others to verify.
 *
 * Invariants: at most `margin` pieces are in the making, whatever comes, so memory has a bound; a piece comes out once; a
 * piece that is further behind than that is not waited for any more.
 */

/** What blocks are put together to. */
export interface BlocksSetting {
  pieceCount: number;
  /** Bytes of a piece. */
  lengthOf: (piece: number) => number;
  /** Bytes of a block; the last of a piece may be shorter. */
  blockBytes: number;
  /** Blocks that may overtake one another: as many sockets are read in no certain order. */
  disorder: number;
}

/** Blocks that came and were of use, and those that should have been since the first. */
export interface BlockTally {
  got: number;
  lost: number;
}

/** A block that has come. */
export interface BlockAt {
  piece: number;
  offset: number;
  number: number;
}

interface Making {
  bytes: Uint8Array<ArrayBuffer>;
  here: Uint8Array;
  missing: number;
}

/** Pieces in the making. */
export class Blocks {
  #o: BlocksSetting;
  #making = new Map<number, Making>();
  /** Memory of pieces that are done with. */
  #free: Uint8Array<ArrayBuffer>[] = [];
  #margin: number;
  #newest = -1;
  #first = -1;
  #last = -1;
  #got = 0;

  constructor(setting: BlocksSetting) {
    this.#o = setting;
    const perPiece = Math.max(1, Math.ceil(setting.lengthOf(0) / setting.blockBytes));
    this.#margin = 2 + Math.ceil(setting.disorder / perPiece);
  }

  /** Pieces before this one are whole by now, or won't become so. */
  get passed(): number {
    return Math.max(0, this.#newest - this.#margin + 1);
  }

  /** How it has gone so far. */
  get tally(): BlockTally {
    const due = this.#first < 0 ? 0 : this.#last - this.#first + 1;
    return { got: this.#got, lost: Math.max(0, due - this.#got) };
  }

  /**
   * Takes a block; one that doesn't fit in its place is nothing.
   *
   * @returns the piece, once its last block is here; good until the next one is taken.
   */
  take({ piece, offset, number }: BlockAt, block: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#isInPlace(piece, offset, block.length)) return undefined;
    if (this.#first < 0) this.#first = number;
    this.#last = Math.max(this.#last, number);
    if (piece > this.#newest) this.#advance(piece);
    const making = this.#making.get(piece);
    const at = offset / this.#o.blockBytes;
    // What came too late, or before, is of no use, and counts as lost.
    if (!making || making.here[at]) return undefined;
    this.#got++;
    making.here[at] = 1;
    making.bytes.set(block, offset);
    if (--making.missing > 0) return undefined;
    this.#making.delete(piece);
    this.#free.push(making.bytes);
    return making.bytes;
  }

  #isInPlace(piece: number, offset: number, length: number): boolean {
    const { pieceCount, lengthOf, blockBytes } = this.#o;
    if (piece >= pieceCount || offset % blockBytes !== 0) return false;
    const left = lengthOf(piece) - offset;
    return left > 0 && length === Math.min(left, blockBytes);
  }

  /** Pieces up to this one may be in the making from now on. */
  #advance(piece: number): void {
    const from = Math.max(this.#newest + 1, piece - this.#margin + 1);
    this.#newest = piece;
    for (const [old, { bytes }] of this.#making) {
      if (old >= this.passed) continue;
      this.#making.delete(old);
      this.#free.push(bytes);
    }
    for (let i = from; i <= piece; i++) {
      const length = this.#o.lengthOf(i);
      const blocks = Math.ceil(length / this.#o.blockBytes);
      this.#making.set(i, { bytes: this.#room(length), here: new Uint8Array(blocks), missing: blocks });
    }
  }

  /** To begin each piece in fresh memory costs the system more than its bytes do. */
  #room(length: number): Uint8Array<ArrayBuffer> {
    const used = this.#free.pop();
    const whole = used ? new Uint8Array(used.buffer) : new Uint8Array(this.#o.lengthOf(0));
    return whole.subarray(0, length);
  }
}
