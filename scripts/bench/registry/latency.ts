/** Percentiles of what was measured. Pure. */

/** Nearest-rank percentiles of some times, in their unit; none of no times. */
export function latencies(times: readonly number[]): { p50?: number; p99?: number; max?: number } {
  if (times.length === 0) return {};
  const sorted = Float64Array.from(times).sort();
  const at = (share: number) =>
    Number(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!.toPrecision(3));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
