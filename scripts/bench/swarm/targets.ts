/** Whether what came out is what must come out. Pure. */

import type { Target } from "./experiment.ts";
import type { SwarmCase } from "./report.ts";

/** A target and what was seen. */
export interface Judged extends Target {
  /** Undefined when there are too few runs that count. */
  value?: number;
  /** Share of all cores in use meanwhile. */
  busy?: number;
  pass: boolean;
}

/**
 * Judges.
 *
 * @param work.ideal F/B, seconds.
 * @param work.size F, bytes.
 * @param work.link bits per second, for "share of the link".
 */
export function judge(
  targets: readonly Target[],
  cases: readonly SwarmCase[],
  work: { ideal: number; size: number; link?: number },
): Judged[] {
  return targets.flatMap((target): Judged[] => {
    const found = cases.find(({ name }) => name === target.name);
    if (!found) return [];
    const value = found.figures && valueOf(target.figure, found.figures, work);
    if (value === undefined) return [{ ...target, pass: false }];
    const pass = value <= (target.atMost ?? Infinity) && value >= (target.atLeast ?? -Infinity);
    return [{ ...target, value, pass, busy: found.figures!.busy }];
  });
}

function valueOf(
  figure: string,
  { ratio, makespan, notes }: NonNullable<SwarmCase["figures"]>,
  { ideal, size, link = NaN }: { ideal: number; size: number; link?: number },
): number | undefined {
  if (figure === "by F/B") return ratio;
  if (figure === "seconds over 3 F/B") return makespan - 3 * ideal;
  if (figure === "share of the link") return size * 8 / makespan / link;
  return notes[figure];
}

/** Above this share of all cores in use a figure is the machine's, not the links' or the program's. */
const OVERLOADED = 0.85;

/** One line for each. */
export function verdicts(judged: readonly Judged[]): string[] {
  return judged.map(({ name, figure, value, atMost, atLeast, pass, busy = 0 }) => {
    const wanted = atMost !== undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    const seen = value?.toFixed(3) ?? "unknown";
    const why = busy > OVERLOADED ? ` (the machine was ${Math.round(busy * 100)}% busy: its limit)` : "";
    return `${pass ? "Met" : "MISSED"}: ${name}: ${figure} ${seen}, ${wanted} wanted${why}`;
  });
}
