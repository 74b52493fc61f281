/** The least time that any broadcast can take, to measure ours against (Kumar and Ross 2006). Pure. */

/** What a broadcast has to work with; rates in bytes per second. */
export interface BroadcastLinks {
  /** Bytes that every receiver is to have. */
  bytes: number;
  /** The source's uplink. */
  sourceUp: number;
  /** Each receiver's uplink and downlink. */
  receivers: readonly { up: number; down: number }[];
  /** The network makes the copies: nobody's uplink is needed but the source's. */
  multicast?: boolean;
}

/** What keeps a broadcast from being faster. */
export type BoundTerm = "source uplink" | "slowest PC" | "sum of uplinks";

/**
 * The bound max{F/us, F/dmin, N F/(us + sum ui)}: the source sends each byte once at least, the slowest PC takes in every
 * byte, and all uplinks together send N copies, unless multicast makes them. With bytes that flow like water it can be reached; pieces, which are passed
 * on once they are whole, take a little longer.
 *
 * Source: R. Kumar and K. Ross, Peer-Assisted File Distribution: The Minimum Distribution Time, HotWeb 2006.
 *
 * @returns the bound and which of its terms is the largest; of equal ones the first in the formula. No receivers or no
 * bytes take no time. A rate of 0 or less where bytes must pass makes it Infinity.
 * @example
 * ```ts
 * import { broadcastBound } from "./bound.ts";
 * const receivers = [{ up: 100, down: 100 }, { up: 100, down: 50 }];
 * const { seconds, term } = broadcastBound({ bytes: 1_000, sourceUp: 100, receivers });
 * if (seconds !== 20 || term !== "slowest PC") throw new Error("the second PC takes in 1,000 bytes at 50 per second");
 * ```
 */
export function broadcastBound(
  { bytes, sourceUp, receivers, multicast = false }: BroadcastLinks,
): { seconds: number; term: BoundTerm } {
  let slowest = Infinity;
  let uplinks = Math.max(sourceUp, 0);
  for (const { up, down } of receivers) {
    slowest = Math.min(slowest, down);
    uplinks += Math.max(up, 0);
  }
  const terms: { seconds: number; term: BoundTerm }[] = [
    { seconds: time(bytes, sourceUp), term: "source uplink" },
    { seconds: time(bytes, slowest), term: "slowest PC" },
    { seconds: multicast ? 0 : time(bytes * receivers.length, uplinks), term: "sum of uplinks" },
  ];
  if (receivers.length === 0) return { seconds: 0, term: "source uplink" };
  return terms.reduce((most, each) => each.seconds > most.seconds ? each : most);
}

function time(bytes: number, rate: number): number {
  if (bytes <= 0) return 0;
  return rate > 0 ? bytes / rate : Infinity;
}
