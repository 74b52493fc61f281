/**
 * What the uplinks allow. The bound: no way of sharing them gives everybody so many files earlier. The even share: when
 * every holder sends at its full rate for as long as anybody wants something of it, and shares it evenly among those who
 * do; who gets ahead of the others by luck can be earlier. No time for asking, no headers; downlinks are as wide as they
 * need be. Pure.
 */

import type { Order, Trial } from "./plan.ts";

/** Differences of time below this are none, seconds: sums of fractions aren't exact. */
const SAME = 1e-9;

/** Seconds' worth of bytes that a holder may send at once at the beginning, whatever its limit. */
export const AT_ONCE = 0.05;

/**
 * Until everybody can have one file, two, three, ... at the earliest: some holder has to send all that is wanted of it
 * (first it waits until the first one has come to it, last the last one needs what it fetches afterwards, alone).
 *
 * @param size of a file, bytes.
 * @param rate that each peer sends at most, bytes per second.
 * @returns seconds from the beginning.
 * @example
 * ```ts
 * import { planTrial } from "./plan.ts";
 * import { boundOf } from "./bound.ts";
 * const last = (kind: "central" | "best") => boundOf(planTrial(kind, { peers: 6, each: 10 }), 1e6, 1e6).at(-1);
 * if (last("central") !== 249.95 || last("best") !== 49.95) throw new Error("5 times 50 MB from one, 50 MB from each");
 * ```
 */
export function boundOf({ orders }: Trial, size: number, rate: number): number[] {
  const most = Math.max(0, ...orders.map((list) => list.length));
  const holders = [...new Set(orders.flat().map(({ from }) => from))];
  return Array.from({ length: most }, (_, n) => {
    const lists = orders.map((list) => list.slice(0, n + 1)).filter((list) => list.length > 0);
    return rounded(Math.max(...holders.map((holder) => busyUntil(lists, holder) * size / rate)) - AT_ONCE);
  }).map((seconds) => Math.max(0, seconds));
}

/** Files' worth of sending until the last one has all that it wants, as far as this holder is concerned. */
function busyUntil(lists: readonly Order[][], holder: number): number {
  const wanted = lists.filter((list) => list.some(({ from }) => from === holder));
  if (wanted.length === 0) return 0;
  const before = wanted.map((list) => list.findIndex(({ from }) => from === holder));
  const after = wanted.map((list) => list.length - 1 - list.findLastIndex(({ from }) => from === holder));
  const sends = wanted.flat().filter(({ from }) => from === holder).length;
  return Math.min(...before) + sends + Math.min(...after);
}

/**
 * When each peer has each of its files where the uplinks are shared evenly.
 *
 * @param size of a file, bytes.
 * @param rate that each peer sends at most, bytes per second.
 * @returns for each peer, seconds from the beginning until it has one file, two, three, ...
 * @example
 * ```ts
 * import { planTrial } from "./plan.ts";
 * import { evenShares } from "./bound.ts";
 * const last = (kind: "central" | "best") => evenShares(planTrial(kind, { peers: 6, each: 10 }), 1e6, 1e6)[1]!.at(-1);
 * if (last("central") !== 250 || last("best") !== 50) throw new Error("5 times 50 MB from one, 50 MB from each");
 * ```
 */
export function evenShares({ orders }: Trial, size: number, rate: number): number[][] {
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
