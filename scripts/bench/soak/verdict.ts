/** Whether memory stays as it is. Pure. */

import { median, significant } from "../statistics.ts";

/** Resident memory at a moment since the beginning. */
export interface Sample {
  seconds: number;
  mb: number;
}

/** How far from the median each may be. */
const TOLERANCE = 0.1;

/**
 * How fast it grows, MB per minute: the slope of the straight line that fits best.
 *
 * @returns NaN with fewer than two samples.
 */
export function slope(samples: readonly Sample[], warm: number): number {
  const seen = samples.filter(({ seconds }) => seconds >= warm);
  const mean = (of: (sample: Sample) => number) =>
    seen.reduce((sum, each) => sum + of(each), 0) / seen.length;
  const [middle, level] = [mean(({ seconds }) => seconds), mean(({ mb }) => mb)];
  const both = mean(({ seconds, mb }) => (seconds - middle) * (mb - level));
  return significant(60 * both / mean(({ seconds }) => (seconds - middle) ** 2), 2);
}

/** The last sample of each minute. */
export function byMinute(samples: readonly Sample[]): number[] {
  const minutes: number[] = [];
  for (const { seconds, mb } of samples) minutes[Math.floor(seconds / 60)] = Math.round(mb);
  return minutes;
}

/** What was seen from `warm` seconds on; with fewer than two samples nothing is flat. */
export function flatness(samples: readonly Sample[], warm: number) {
  const seen = samples.filter(({ seconds }) => seconds >= warm).map(({ mb }) => mb);
  const middle = seen.length > 0 ? median(seen) : NaN;
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  const isFlat = seen.length > 1 && least >= middle * (1 - TOLERANCE) && most <= middle * (1 + TOLERANCE);
  return { least: significant(least, 3), median: significant(middle, 3), most: significant(most, 3), isFlat };
}
