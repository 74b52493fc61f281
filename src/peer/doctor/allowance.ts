/** How often something may be done for one address, and how often at once for all. Pure. */

/** What is allowed. */
export interface AllowanceOptions {
  /** Times in a minute for one key. */
  perMinute: number;
  /** At once, for all keys together. */
  atOnce: number;
}

const WINDOW = 60_000;
/** Keys remembered; beyond, the oldest is forgotten. */
const KEYS = 10_000;

/** Counts what is done. */
export class Allowance {
  #lately = new Map<string, number[]>();
  #now = 0;

  constructor(private options: AllowanceOptions) {}

  /**
   * Something is about to be done.
   *
   * @param now milliseconds on any clock that doesn't jump.
   * @returns to be called when it's over; undefined when it may not be done.
   */
  begin(key: string, now: number): (() => void) | undefined {
    const lately = (this.#lately.get(key) ?? []).filter((at) => at > now - WINDOW);
    if (lately.length >= this.options.perMinute || this.#now >= this.options.atOnce) return undefined;
    this.#lately.delete(key);
    this.#lately.set(key, [...lately, now]);
    if (this.#lately.size > KEYS) this.#lately.delete(this.#lately.keys().next().value!);
    this.#now++;
    let over = false;
    return () => {
      if (!over) this.#now--;
      over = true;
    };
  }
}
