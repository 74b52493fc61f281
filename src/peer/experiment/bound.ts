/**
 * What the uplinks allow at best: every holder sends at its full rate for as long as anybody wants something of it, and
 * shares it evenly among those who do. No time for asking, no headers; downlinks are as wide as they need be. Pure.
 */

import type { Trial } from "./plan.ts";

/** Differences of time below this are none, seconds: sums of fractions aren't exact. */
const SAME = 1e-9;

/**
 * When each peer would have each of its files.
 *
 * @param size of a file, bytes.
 * @param rate that each peer sends at most, bytes per second.
 * @returns for each peer, seconds from the beginning until it has one file, two, three, ...
 * @example
 * ```ts
 * import { planTrial } from "./plan.ts";
 * import { boundOf } from "./bound.ts";
 * const last = (kind: "central" | "best") => boundOf(planTrial(kind, { peers: 6, each: 10 }), 1e6, 1e6)[1]!.at(-1);
 * if (last("central") !== 250 || last("best") !== 50) throw new Error("5 times 50 MB from one, 50 MB from each");
 * ```
 */
export function boundOf({ orders }: Trial, size: number, rate: number): number[][] {
  const times: number[][] = orders.map(() => []);
  const left = orders.map(() => size);
  let now = 0;
  while (true) {
    const current = orders.map((list, peer) => list[times[peer]!.length]?.from);
    const askers = new Map<number, number>();
    for (const from of current) if (from !== undefined) askers.set(from, (askers.get(from) ?? 0) + 1);
    if (askers.size === 0) return times;
    const speed = current.map((from) => from === undefined ? 0 : rate / askers.get(from)!);
    const step = Math.min(...speed.map((each, peer) => each === 0 ? Infinity : left[peer]! / each));
    now += step;
    for (const [peer, each] of speed.entries()) {
      if (each === 0) continue;
      left[peer]! -= each * step;
      if (left[peer]! > SAME * each) continue;
      left[peer] = size;
      times[peer]!.push(rounded(now));
    }
  }
}

/** Nanoseconds are enough. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1e9) / 1e9;
}
