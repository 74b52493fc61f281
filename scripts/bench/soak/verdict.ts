/** Whether memory stays as it is. Pure. */

import { median, significant } from "../statistics.ts";

/** Resident memory at a moment since the beginning. */
export interface Sample {
  seconds: number;
  mb: number;
}

/** How far from the median each may be. */
const TOLERANCE = 0.1;

/** What was seen from `warm` seconds on; with fewer than two samples nothing is flat. */
export function flatness(samples: readonly Sample[], warm: number) {
  const seen = samples.filter(({ seconds }) => seconds >= warm).map(({ mb }) => mb);
  const middle = seen.length > 0 ? median(seen) : NaN;
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  const isFlat = seen.length > 1 && least >= middle * (1 - TOLERANCE) && most <= middle * (1 + TOLERANCE);
  return { least: significant(least, 3), median: significant(middle, 3), most: significant(most, 3), isFlat };
}
