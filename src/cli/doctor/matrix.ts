/**
 * Every PC against every other: in which order to measure, and what the rates say. Pure.
 *
 * A PC takes part in one measurement at a time, in one direction, else two would share a cable and both look slow. So as many
 * pairs as possible are measured at once, each PC in one of them: for n PCs in n - 1 rounds (n even), as a tournament
 * is played; each round twice, once in each direction. With 40 PCs: 78 turns of at most a second.
 */

/** From whom to whom bytes go. */
export interface Way {
  from: string;
  to: string;
}

/** A way that was measured. */
export interface Measured extends Way {
  /** Bytes per second; undefined when nothing came. */
  rate?: number | undefined;
  /** Why nothing came. */
  reason?: string | undefined;
  /** The port on which `from` should have answered, where nothing came. */
  port?: number | undefined;
}

/**
 * Turns of measurements that don't disturb each other: all ways between all names, each once.
 *
 * @example
 * ```ts
 * import { turns } from "./matrix.ts";
 * if (turns(["a", "b", "c", "d"]).length !== 6) throw new Error("three rounds, each in both directions");
 * ```
 */
export function turns(names: readonly string[]): Way[][] {
  // The circle method: one stays, the others go round; an odd one out has a pause.
  const ring: (string | undefined)[] = names.length % 2 === 0 ? [...names] : [...names, undefined];
  const all: Way[][] = [];
  for (let round = 0; round < ring.length - 1; round++) {
    const there: Way[] = [];
    for (let i = 0; i < ring.length / 2; i++) {
      const [from, to] = [ring[i], ring[ring.length - 1 - i]];
      if (from !== undefined && to !== undefined) there.push({ from, to });
    }
    all.push(there, there.map(({ from, to }) => ({ from: to, to: from })));
    ring.splice(1, 0, ring.pop());
  }
  return all.filter((turn) => turn.length > 0);
}

/** Something that the rates say. */
export interface Verdict {
  /** "unreachable": nobody gets through to it. "sends", "receives", "both": slow in that direction. "pair": one way alone. */
  kind: "unreachable" | "sends" | "receives" | "both" | "pair" | "pair unreachable";
  peer: string;
  /** Of a pair: the receiver. */
  to?: string;
  /** Bytes per second, and what is usual here. */
  rate?: number;
  usual?: number;
  reason?: string | undefined;
  /** Of one that is unreachable: the port on which it should answer. */
  port?: number | undefined;
}

/** Slower than this share of what is usual counts as slow: cables that fell back are slower by a factor of 10. */
const SLOW = 0.5;

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number | undefined {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 || sorted.length === 0
    ? sorted[middle]
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * What is wrong: PCs first, then single pairs whose two PCs are well otherwise. Nothing when all is well.
 *
 * @param ways all that was measured.
 */
export function judge(ways: readonly Measured[]): Verdict[] {
  const names = [...new Set(ways.flatMap(({ from, to }) => [from, to]))];
  const silent = names.filter((name) => isSilent(ways, name));
  const known = ways.filter(({ from, to }) => !silent.includes(from) && !silent.includes(to));
  const usual = median(known.flatMap(({ rate }) => rate === undefined ? [] : [rate])) ?? 0;
  const verdicts: Verdict[] = silent.map((peer) => {
    const { reason, port } = ways.find(({ from }) => from === peer)!;
    return { kind: "unreachable", peer, reason, ...(port === undefined ? {} : { port }) };
  });
  const slow = new Set<string>();
  for (const peer of names.filter((name) => !silent.includes(name))) {
    const verdict = judgePeer(known, peer, usual);
    if (!verdict) continue;
    slow.add(peer);
    verdicts.push(verdict);
  }
  for (const { from: peer, to, rate, reason } of known) {
    if (rate === undefined) verdicts.push({ kind: "pair unreachable", peer, to, reason });
    else if (rate < SLOW * usual && !slow.has(peer) && !slow.has(to)) {
      verdicts.push({ kind: "pair", peer, to, rate, usual });
    }
  }
  return verdicts;
}

/** Nobody could fetch from it: its firewall, or it's gone. */
function isSilent(ways: readonly Measured[], name: string): boolean {
  const from = ways.filter((way) => way.from === name);
  return from.length > 0 && from.every(({ rate }) => rate === undefined);
}

function judgePeer(ways: readonly Measured[], peer: string, usual: number): Verdict | undefined {
  const ratesOf = (end: "from" | "to") =>
    median(ways.flatMap((way) => way[end] === peer && way.rate !== undefined ? [way.rate] : []));
  const [sends, receives] = [ratesOf("from"), ratesOf("to")];
  const isSlow = (rate: number | undefined): rate is number => rate !== undefined && rate < SLOW * usual;
  if (isSlow(sends) && isSlow(receives)) {
    return { kind: "both", peer, rate: Math.max(sends, receives), usual };
  }
  if (isSlow(sends)) return { kind: "sends", peer, rate: sends, usual };
  if (isSlow(receives)) return { kind: "receives", peer, rate: receives, usual };
  return undefined;
}
