/**
 * The course's measurement as data: who holds which file at the beginning, and who fetches what from whom in which order.
 * Pure and without chance, so that two runs are the same but for the network.
 *
 * Task 1, central: the first peer holds all files, every other one fetches as many as it would in task 2. Task 2, peer to
 * peer: each holds its share and fetches everybody else's; at best no two ask the same peer at the same time, at worst all
 * ask in the same order.
 */

/** Which way the files travel. */
export type Case = "central" | "best" | "worst";

/** All cases, in the order in which they are run. */
export const CASES: readonly Case[] = ["central", "best", "worst"];

/** One file that a peer is to fetch. Numbers count from 0. */
export interface Order {
  file: number;
  /** The peer that holds it. */
  from: number;
}

/** One case, for so many peers. */
export interface Trial {
  kind: Case;
  /** For each peer the files that it holds at the beginning. */
  holds: number[][];
  /** For each peer what it fetches, one file after the other; nothing for one that only serves. */
  orders: Order[][];
}

/** How large an experiment is. */
export interface Extent {
  /** Peers that take part: two at least. */
  peers: number;
  /** Files that each holds where they are peers; where it is central the first one holds all. */
  each: number;
}

/**
 * Plans a case.
 *
 * @throws {RangeError} with fewer than two peers or no files.
 * @example
 * ```ts
 * import { planTrial } from "./plan.ts";
 * const { holds, orders } = planTrial("central", { peers: 6, each: 10 });
 * if (holds[0]!.length !== 60 || orders[0]!.length !== 0 || orders[5]!.length !== 50) throw new Error("the course's");
 * ```
 */
export function planTrial(kind: Case, { peers, each }: Extent): Trial {
  if (peers < 2 || each < 1) throw new RangeError(`Cannot compare with ${peers} peers and ${each} files`);
  const everybody = numbers(peers);
  const filesOf = (peer: number) => numbers(each).map((i) => peer * each + i);
  if (kind === "central") {
    const wanted = numbers((peers - 1) * each).map((file): Order => ({ file, from: 0 }));
    return {
      kind,
      holds: everybody.map((peer) => peer === 0 ? numbers(peers * each) : []),
      orders: everybody.map((peer) => peer === 0 ? [] : wanted),
    };
  }
  const others = (peer: number) =>
    kind === "best"
      ? numbers(peers - 1).map((i) => (peer + 1 + i) % peers)
      : everybody.filter((other) => other !== peer);
  return {
    kind,
    holds: everybody.map(filesOf),
    orders: everybody.map((peer) =>
      others(peer).flatMap((from) => filesOf(from).map((file): Order => ({ file, from })))
    ),
  };
}

/** 0, 1, ... up to, not including, `count`. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
