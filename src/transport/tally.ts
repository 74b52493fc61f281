/**
 * How many frames of each type went over the connections of a server, each way. A capture of the same traffic must come
 * to the same numbers, and in a log they say at a glance what a program has been doing.
 */

import { typeName } from "../protocol/codec.ts";

/** Numbers by the name of the message. */
export type FrameCounts = Readonly<Record<string, number>>;

/** Counts frames that were read whole, or whose payload has begun to come, and frames that were written whole. */
export class Tally {
  /** By type, of which a byte tells 256: each frame is counted, and a Map would cost a hundredth of answering one. */
  #received = new Float64Array(256);
  #sent = new Float64Array(256);

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
    this.#received[type]!++;
  }

  /** A frame of this type went out. */
  countSent(type: number): void {
    this.#sent[type]!++;
  }
}

function named(counts: Float64Array): FrameCounts {
  const seen = [...counts.entries()].filter(([, n]) => n > 0);
  return Object.fromEntries(seen.map(([type, n]) => [typeName(type), n]));
}
