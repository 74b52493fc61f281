/**
 * A rate that makes way for other traffic, after LEDBAT (RFC 6817): what waits in a queue on the way delays everybody, so
 * when round trips take longer than they did at best, the rate falls at once; while they don't, it grows slowly.
 *
 * Where queues are too short for a delay to show, a second sign counts: the system takes bytes only slowly, for the
 * network takes no more. Then the rate falls below what went out.
 *
 * Measured between compiled programs in network namespaces, 100 Mbit/s each way with 50 ms of queue, 100 MB to four PCs: beside
 * a broadcast a ping to a receiver took 49 ms (median of 60; 0.07 ms without one), beside a background one 0.06 ms, with 41 ms
 * in the worst twentieth; the broadcast took 16.0 s instead of 9.8. Beside others that fill the link it is slower still.
 *
 * Pure: what was seen comes in as an argument. Not here: who measures (`peer/broadcast/background.ts`).
 */

/** What was seen in an interval. */
export interface Seen {
  /** When it ended, on the monotonic clock, milliseconds. */
  now: number;
  /** How long it was, milliseconds. */
  ms: number;
  /** Round trips that were answered in it, milliseconds. */
  trips: readonly { target: string; ms: number }[];
  /** Round trips that were not answered in time. */
  lost: number;
  /** Bytes that were sent. */
  bytes: number;
  /** Milliseconds spent in writing, of all connections together. */
  writing: number;
  /** Something had to wait for the rate. */
  pressed: boolean;
}

/** Bytes per second. */
const RATE = {
  /** To begin with. */
  first: 1e6,
  /** Even beside others it goes on. */
  least: 250e3,
} as const;

/** A delay of this much, milliseconds, is somebody's queue; LEDBAT allows 100, but a person at a prompt feels those. */
const TARGET = 4;
/** From here on writing, as a part of the interval, means that the network takes no more. */
const FULL = 0.5;
/** What is left of the rate when there is a queue, and when the network takes no more. */
const BACK_OFF = { queue: 0.7, full: 0.75 } as const;
/** Growth in an interval: fast until the first back-off, then slowly. */
const GROWTH = { fast: 1.5, slow: 1.04 } as const;
/** Round trips are compared with the best of this long, milliseconds; a route may change (RFC 6817, 2.4.2). */
const BASE_AGE = 60_000;

/** A rate that makes way. */
export class YieldingRate {
  #rate: number = RATE.first;
  #growth: number = GROWTH.fast;
  #bases = new Map<string, Base>();

  /** Bytes per second now. */
  get rate(): number {
    return this.#rate;
  }

  /** The delay beyond the best round trip, milliseconds, of the least delayed round trip; undefined without any. */
  #delay({ trips, now }: Seen): number | undefined {
    let least: number | undefined;
    for (const { target, ms } of trips) {
      const base = this.#bases.get(target) ?? new Base();
      this.#bases.set(target, base);
      const delay = ms - base.best(ms, now);
      least = Math.min(least ?? Infinity, delay);
    }
    return least;
  }

  /** Takes in what was seen. @returns the rate from now on, bytes per second. */
  step(seen: Seen): number {
    const delay = this.#delay(seen);
    const sent = seen.bytes * 1000 / seen.ms;
    const isQueued = delay === undefined ? seen.lost > 0 : delay > TARGET;
    if (isQueued) this.#fall(this.#rate * BACK_OFF.queue);
    else if (seen.writing > FULL * seen.ms && sent < this.#rate) this.#fall(sent * BACK_OFF.full);
    // A rate that isn't used says nothing about what the network could take.
    else if (seen.pressed) this.#rate *= 1 + (this.#growth - 1) * (1 - (delay ?? 0) / TARGET);
    return this.#rate;
  }

  #fall(rate: number): void {
    this.#growth = GROWTH.slow;
    this.#rate = Math.max(RATE.least, Math.min(this.#rate, rate));
  }
}

/** The best round trip to a target in the last minute or two. */
class Base {
  #now = Infinity;
  #before = Infinity;
  #since = -Infinity;

  best(ms: number, now: number): number {
    if (now - this.#since > BASE_AGE) {
      this.#before = this.#now;
      this.#now = Infinity;
      this.#since = now;
    }
    this.#now = Math.min(this.#now, ms);
    return Math.min(this.#now, this.#before);
  }
}
