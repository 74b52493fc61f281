/** Whether what came out is what must come out. Pure. */

import type { Target } from "./experiment.ts";
import type { SwarmCase } from "./report.ts";

/** A target and what was seen. */
export interface Judged extends Target {
  /** Undefined when there are too few runs that count. */
  value?: number;
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
    return [{ ...target, value, pass }];
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

/** One line for each. */
export function verdicts(judged: readonly Judged[]): string[] {
  return judged.map(({ name, figure, value, atMost, atLeast, pass }) => {
    const wanted = atMost !== undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    return `${pass ? "Met" : "MISSED"}: ${name}: ${figure} ${
      value?.toFixed(3) ?? "unknown"
    }, ${wanted} wanted`;
  });
}
