/** How fast a counter has grown in the last minute. Pure: time is handed in. */

/** Over how long, milliseconds: long enough to be steady, short enough to be now. */
const WINDOW = 60_000;

/**
 * The growth of counters per second.
 *
 * @example
 * ```ts
 * import { Rates } from "./rates.ts";
 * const rates = new Rates();
 * rates.sample({ messages: 0 }, 0);
 * rates.sample({ messages: 50 }, 5_000);
 * if (rates.perSecond({ messages: 100 }, 10_000).messages !== 10) throw new Error();
 * ```
 */
export class Rates<K extends string> {
  #samples: { at: number; counts: Readonly<Record<K, number>> }[] = [];

  /** Remembers how the counters stand; to be called every few seconds. */
  sample(counts: Readonly<Record<K, number>>, mono: number): void {
    this.#samples.push({ at: mono, counts });
    // One that is older than the window stays: it is what the window begins with.
    while (this.#samples.length > 1 && this.#samples[1]!.at <= mono - WINDOW) this.#samples.shift();
  }

  /** Growth per second since a minute ago, or since the first sample; 0 for all when there's none. */
  perSecond(counts: Readonly<Record<K, number>>, mono: number): Record<K, number> {
    const first = this.#samples[0];
    const seconds = first ? (mono - first.at) / 1000 : 0;
    const rates = {} as Record<K, number>;
    for (const key of Object.keys(counts) as K[]) {
      rates[key] = seconds > 0 ? (counts[key] - first!.counts[key]) / seconds : 0;
    }
    return rates;
  }
}
