/**
 * Time and chance as parameters: whoever needs them is handed a Clock or a Random. Only this folder and `cli`
 * may touch Date.now, Math.random or a bare timer, so that rules and schedulers run in virtual time, repeatably.
 */

import { clearImmediate, setImmediate } from "node:timers";

/** What time it is, and a way to wait that somebody can end. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Milliseconds on a clock that never jumps, for measuring and deadlines. */
  monotonic(): number;
  /**
   * Waits.
   *
   * @param ms how long, in milliseconds.
   * @param signal ends the wait early; the promise then rejects with the signal's reason.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back every `ms` milliseconds until the returned function is called. */
  every(ms: number, callback: () => void): () => void;
  /** Calls back once after `ms` milliseconds unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void;
}

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  },
  every(ms, callback) {
    if (ms > LONGEST_TIMER) return again(ms, callback);
    const timer = setInterval(callback, ms);
    return () => clearInterval(timer);
  },
  after,
};

/** The runtime's timers count to this, milliseconds: 24.8 days; what is longer would go off at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Timers one after the other, where it takes more than one; for ever where it is infinite. */
function after(ms: number, callback: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (left: number) => {
    timer = left > LONGEST_TIMER
      ? setTimeout(() => wait(left - LONGEST_TIMER), LONGEST_TIMER)
      : setTimeout(callback, left);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

function again(ms: number, callback: () => void): () => void {
  let cancel = () => {};
  const next = () => {
    cancel = after(ms, next);
    callback();
  };
  cancel = after(ms, next);
  return () => cancel();
}

/**
 * Waits, for less where the signal says so: that the wait was cut short is no error, and whoever asks why looks at the signal.
 *
 * @param ms how long at most, in milliseconds.
 * @param signal ends the wait early.
 * @example
 * ```ts
 * import { sleepOrLess, systemClock } from "./clock.ts";
 * await sleepOrLess(systemClock, 60_000, AbortSignal.abort());
 * ```
 */
export function sleepOrLess(clock: Pick<Clock, "sleep">, ms: number, signal?: AbortSignal): Promise<void> {
  return clock.sleep(ms, signal).catch(() => {/* that it ended early is all there is to know */});
}

/**
 * Calls back when all that has come in by now has been dealt with, for work that is better done in company: one turn of the
 * event loop takes up what every connection has sent, so the company is as large as the load, and nobody waits for a timer.
 * A matter of cost, not of time, so that a {@linkcode FakeClock} doesn't hold it up.
 *
 * @returns what keeps it from happening.
 */
export function afterThisTurn(callback: () => void): () => void {
  const immediate = setImmediate(callback);
  return () => clearImmediate(immediate);
}

/** A wait for somebody else is cut into so many: each is followed by a look at what has come in. */
const LOOKS = 10;

/**
 * Calls back when somebody else has been waited for long enough. A program that was held up itself, as on a busy PC, finds its
 * timer over before it has looked at the answer that is there: so the wait is in parts, and is longer by as much as this
 * program is late. Without that a busy PC takes everybody for dead, and is busier still with connecting anew.
 *
 * @param ms how long, in milliseconds, where nothing holds us up.
 * @returns what keeps it from happening.
 * @example
 * ```ts
 * import { systemClock, whenPatienceEnds } from "./clock.ts";
 * const answered = whenPatienceEnds(systemClock, 5_000, () => console.log("no answer within 5 s"));
 * answered();
 * ```
 */
export function whenPatienceEnds(clock: Pick<Clock, "after">, ms: number, callback: () => void): () => void {
  let cancel = () => {};
  const part = Math.floor(ms / LOOKS);
  const wait = (looks: number) => {
    cancel = looks === 1
      ? clock.after(ms - part * (LOOKS - 1), callback)
      : clock.after(part, () => wait(looks - 1));
  };
  wait(LOOKS);
  return () => cancel();
}

/** A clock that moves only when told to: for tests and simulations. */
export class FakeClock implements Clock {
  #now: number;
  #set = 0;
  #order = 0;
  #timers: { at: number; order: number; every?: number; callback: () => void }[] = [];

  /** @param start the time it shows at first, milliseconds since 1970. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }
  now(): number {
    return this.#now + this.#set;
  }
  monotonic(): number {
    return this.#now;
  }
  /** Somebody sets it: what it shows jumps by so much, forward or back; no time passes. */
  set(ms: number): void {
    this.#set += ms;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
  every(ms: number, callback: () => void): () => void {
    return this.#add({ at: this.#now + ms, order: this.#order++, every: ms, callback });
  }
  after(ms: number, callback: () => void): () => void {
    return this.#add({ at: this.#now + ms, order: this.#order++, callback });
  }
  /** Moves time forward, calling what falls due in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (true) {
      this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#timers[0];
      if (!next || next.at > end) break;
      this.#now = next.at;
      if (next.every === undefined) this.#timers.shift();
      else next.at += next.every;
      next.callback();
    }
    this.#now = end;
  }
  #add(timer: { at: number; order: number; every?: number; callback: () => void }): () => void {
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }
}
