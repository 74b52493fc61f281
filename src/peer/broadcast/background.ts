/**
 * Sending in the background: pieces go at a rate that makes way for other traffic (`transport/yielding.ts`). The signs are
 * measured here: how long it takes to connect to a PC on the other side of our pieces (the kernel answers that, so neither
 * its work nor its programs count), and how slowly the system takes what we write.
 *
 * Pieces are written in small parts, so that others get their turn in between.
 */

import type { Clock } from "../../base/clock.ts";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import { RateLimiter, type Throttle } from "../../transport/rate.ts";
import { dialTcp } from "../../transport/tcp.ts";
import { type Seen, YieldingRate } from "../../transport/yielding.ts";

/** Between two round trips, and between two looks at them, milliseconds. */
const TRIP_EVERY = 50;
const STEP_EVERY = 200;
/** A round trip that takes longer counts as lost, milliseconds. */
const TRIP_TIMEOUT = 1_000;
/** PCs that are asked for round trips, one after the other: each needs enough of them for its best one to show. */
const TARGETS = 2;
/** How long after its end a broadcast is still passed on in the background, milliseconds: as long as the relay keeps it. */
const LINGER = 60_000;
/** Bytes written at a time: 3 ms of a 100 Mbit/s link. */
const PART_BYTES = 32 * 1024;
/** Saved up at most, as a part of a second: what goes at once must not make a queue by itself. */
const BURST = 1 / 50;

/** Measures a round trip, milliseconds. */
export type RoundTrip = (target: HostPort) => Promise<number>;

/** Sends what has to make way. */
export class Background {
  #clock: Clock;
  #roundTrip: RoundTrip;
  #yielding = new YieldingRate();
  #limiter: RateLimiter;
  #targets: (() => readonly HostPort[])[] = [];
  #lingerUntil = -Infinity;
  #stop: (() => void) | undefined;
  #turn = 0;
  #seen: Omit<Seen, "now" | "ms"> & { trips: Seen["trips"][number][] } = nothing();
  #takenBefore = 0;
  #ticks = 0;

  /** @param roundTrip a connection to the target is opened and closed unless told otherwise. */
  constructor(clock: Clock, roundTrip: RoundTrip = (target) => connectTime(target, clock)) {
    this.#clock = clock;
    this.#roundTrip = roundTrip;
    this.#limiter = new RateLimiter(clock, this.#yielding.rate, this.#yielding.rate * BURST);
  }

  /** Bytes per second that may go now. */
  get rate(): number {
    return this.#yielding.rate;
  }

  /**
   * A broadcast begins that has to make way.
   *
   * @param targets PCs to measure round trips to, the best first; asked each time.
   * @returns call it when all has been received; it is passed on in the background for a while yet.
   */
  begin(targets: () => readonly HostPort[]): () => void {
    this.#targets.push(targets);
    this.#stop ??= this.#clock.every(TRIP_EVERY, () => this.#tick());
    return () => {
      this.#targets = this.#targets.filter((each) => each !== targets);
      this.#lingerUntil = this.#clock.monotonic() + LINGER;
      this.#lastTargets = targets;
    };
  }

  #lastTargets: () => readonly HostPort[] = () => [];

  /** Ends it at once. */
  close(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#targets = [];
    this.#lingerUntil = -Infinity;
  }

  /**
   * How a piece is to be sent.
   *
   * @param process the limit of the whole process, which holds too.
   * @returns undefined when nothing has to make way now.
   */
  pace(process: RateLimiter): { rate: Throttle; partBytes: number } | undefined {
    if (this.#stop === undefined) return undefined;
    const rate: Throttle = {
      take: (bytes) => {
        const wait = this.#limiter.take(bytes);
        if (wait > 0) this.#seen.pressed = true;
        return Math.max(wait, process.take(bytes));
      },
      wrote: (ms) => this.#seen.writing += ms,
    };
    return { rate, partBytes: PART_BYTES };
  }

  #tick(): void {
    if (this.#targets.length === 0 && this.#clock.monotonic() > this.#lingerUntil) return this.close();
    this.#measure();
    if (++this.#ticks % (STEP_EVERY / TRIP_EVERY) === 0) this.#step();
  }

  /** Nothing is measured while nothing is sent. */
  #measure(): void {
    const targets = (this.#targets[0] ?? this.#lastTargets)().slice(0, TARGETS);
    if (targets.length === 0 || (this.#limiter.taken === this.#takenBefore && this.#takenBefore > 0)) return;
    const target = targets[this.#turn++ % targets.length]!;
    this.#roundTrip(target).then(
      (ms) => void this.#seen.trips.push({ target: formatHostPort(target), ms }),
      () => void this.#seen.lost++,
    );
  }

  #step(): void {
    const bytes = this.#limiter.taken - this.#takenBefore;
    this.#takenBefore = this.#limiter.taken;
    const rate = this.#yielding.step({ ...this.#seen, bytes, now: this.#clock.monotonic(), ms: STEP_EVERY });
    this.#limiter.change(rate, rate * BURST);
    this.#seen = nothing();
  }
}

function nothing() {
  return { trips: [], lost: 0, bytes: 0, writing: 0, pressed: false };
}

async function connectTime(target: HostPort, clock: Clock): Promise<number> {
  const began = clock.monotonic();
  const stream = await dialTcp(target, { clock, timeout: TRIP_TIMEOUT });
  stream.close();
  return clock.monotonic() - began;
}
