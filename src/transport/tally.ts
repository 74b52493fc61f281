/**
 * How many frames of each type went over the connections of a server, each way. A capture of the same traffic must come
 * to the same numbers, and in a log they say at a glance what a program has been doing.
 */

import { typeName } from "../protocol/codec.ts";

/** Numbers by the name of the message. */
export type FrameCounts = Readonly<Record<string, number>>;

/** Counts frames that were read whole, or whose payload has begun to come, and frames that were written whole. */
export class Tally {
  #received = new Map<number, number>();
  #sent = new Map<number, number>();

  /** Frames that came in. */
  get received(): FrameCounts {
    return named(this.#received);
  }
  /** Frames that went out. */
  get sent(): FrameCounts {
    return named(this.#sent);
  }

  /** A frame of this type came in. */
  countReceived(type: number): void {
    this.#received.set(type, (this.#received.get(type) ?? 0) + 1);
  }

  /** A frame of this type went out. */
  countSent(type: number): void {
    this.#sent.set(type, (this.#sent.get(type) ?? 0) + 1);
  }
}

function named(counts: ReadonlyMap<number, number>): FrameCounts {
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b).map(([type, n]) => [typeName(type), n]));
}
