/** Types of `@std/fmt/duration`. */

/** How a duration is written. */
export interface FormatOptions {
  /** `1d 2h 3m`, `1 day, 2 hours`, or `01:02:03`; default "narrow". */
  style?: "narrow" | "full" | "digital";
  /** Leave out parts that are 0. */
  ignoreZero?: boolean;
}

/** A duration given in milliseconds, down to nanoseconds; round it first. */
export function format(ms: number, options?: FormatOptions): string;
