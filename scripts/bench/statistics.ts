/** Figures out of repeated runs. Pure. */

/** What repeated runs of one thing gave. */
export interface Summary {
  runs: number;
  median: number;
  min: number;
  max: number;
  /** Half of the range: the median with "± spread" covers most of what was seen. */
  spread: number;
}

/**
 * The middle value; between two middle ones their mean.
 *
 * @throws {RangeError} without values.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Sums up.
 *
 * @throws {RangeError} without values.
 */
export function summarize(values: readonly number[]): Summary {
  const min = Math.min(...values);
  const max = Math.max(...values);
  return { runs: values.length, median: median(values), min, max, spread: (max - min) / 2 };
}

/** A goal for the ratio of our rate to a rival's. */
export interface Target {
  atLeast: number;
}

/** How we stand to one rival. */
export interface Comparison {
  rival: string;
  /** Our rate by the rival's: above 1 we are faster. */
  ratio: number;
  atLeast?: number;
  pass?: boolean;
}

/**
 * Compares our time with a rival's for the same work, by the medians.
 *
 * @param ours seconds.
 * @param theirs seconds.
 */
export function compare(rival: string, ours: number, theirs: number, target?: Target): Comparison {
  const ratio = theirs / ours;
  if (target === undefined) return { rival, ratio };
  return { rival, ratio, atLeast: target.atLeast, pass: ratio >= target.atLeast };
}

/** Rounds for a file of results: so many significant digits. */
export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}
