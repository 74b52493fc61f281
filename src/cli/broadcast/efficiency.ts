/**
 * How near a broadcast came to the least time that its links allow. Nobody tells us the links, so their rates are taken from
 * what was seen, and so the answer is an estimate: links may be faster than what they were seen to carry, and then the
 * bound is lower than what is said here. Pure.
 */

import { formatRate, formatSeconds } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { type BoundTerm, broadcastBound } from "../../swarm/bound.ts";
import type { PcCourse } from "./course.ts";

/** What is known at the end. */
export interface Observed {
  /** Bytes that each PC was to have. */
  bytes: number;
  /** Those that took part. */
  pcs: readonly Pick<PcCourse, "name" | "state" | "seconds" | "best" | "limit">[];
  /** Bytes that the source handed to the network, and the best rate of it. */
  sent: { bytes: number; best: number | undefined };
  /** What the source was told to send at most, bytes per second. */
  rate: number | undefined;
  /** It went by multicast, or some of it. */
  multicast: boolean;
}

/** How near it came. Rates in bytes per second, times in seconds. */
export interface Efficiency {
  /** From the beginning to the last PC that was done. */
  seconds: number;
  /** The least time that the links as they were seen allow. */
  bound: number;
  /** `bound / seconds`: 1 is as good as can be. */
  eta: number;
  /** What made the bound: the source's uplink, the slowest PC, or all uplinks together. */
  term: BoundTerm;
  sourceUp: number;
  /** The PC that took bytes in at the lowest rate. */
  slowest: { name: string; down: number };
  /** PCs that were done; the others don't count. */
  pcs: number;
  /** Always: the rates are what was seen, not what was measured apart. */
  estimated: true;
}

/** Less than this part of the bytes leaving the source means that most was there before: no speed to speak of. */
const LEAST_SENT = 0.9;

/**
 * Seconds below which nothing is said: a rate is looked at over a second, and what a limit lets through at once in the
 * beginning is more than it allows in that time.
 */
const SHORTEST = 1;

/**
 * Estimates how near it came.
 *
 * A PC's downlink is the best rate of verified bytes over a second. A PC is taken to send as fast as it receives, as on a
 * switch, or as it was told to at most. The source's uplink is its own best second, or what it was told to send at most.
 * No link is slower than what it carried on the whole, so nothing is better than its links.
 *
 * @returns undefined where there is nothing to estimate from: nobody was done, much of it was there before, or it was over
 *   within a second.
 */
export function efficiency({ bytes, pcs, sent, rate, multicast }: Observed): Efficiency | undefined {
  const done = pcs.filter((pc) => pc.state === "done" && pc.seconds !== undefined && pc.best !== undefined)
    .map((pc) => ({ ...pc, best: Math.max(pc.best!, bytes / pc.seconds!) }));
  const [first] = done;
  if (!first || sent.best === undefined && rate === undefined || sent.bytes < LEAST_SENT * bytes) {
    return undefined;
  }
  const seconds = Math.max(...done.map((pc) => pc.seconds!));
  if (seconds < SHORTEST) return undefined;
  const sourceUp = Math.min(rate ?? Infinity, Math.max(sent.best ?? rate ?? 0, sent.bytes / seconds));
  const receivers = done.map((pc) => ({ down: pc.best, up: Math.min(pc.best, pc.limit ?? Infinity) }));
  const bound = broadcastBound({ bytes, sourceUp, receivers, multicast });
  const slowest = done.reduce((least, pc) => pc.best < least.best ? pc : least, first);
  return {
    seconds,
    bound: bound.seconds,
    eta: Math.min(1, bound.seconds / seconds),
    term: bound.term,
    sourceUp,
    slowest: { name: slowest.name, down: slowest.best },
    pcs: done.length,
    estimated: true,
  };
}

/** Tells it in a sentence or two. */
export function efficiencyText(of: Efficiency): string {
  return `Efficiency ${of.eta.toFixed(2)}: ${formatSeconds(of.seconds)} to the last PC; these links allow ` +
    `${formatSeconds(of.bound)}, because of ${
      becauseOf(of)
    }. An estimate: the rates are the best that were seen.`;
}

/** "the source's uplink (11.9 MB/s)". */
export function becauseOf({ term, sourceUp, slowest }: Efficiency): string {
  switch (term) {
    case "source uplink":
      return `the source's uplink (${formatRate(sourceUp)})`;
    case "slowest PC":
      return `the slowest PC (${printable(slowest.name)}, ${formatRate(slowest.down)})`;
    case "sum of uplinks":
      return "the sum of all uplinks";
    default:
      return term satisfies never;
  }
}
