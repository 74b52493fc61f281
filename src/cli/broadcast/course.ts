/**
 * What a broadcast looked like from the sender's chair: how many bytes each PC had at what time, how fast it is now, how
 * fast it was at its best. Pure: whoever calls brings the time.
 *
 * Rules: the points kept for a picture are few, however long it takes; a rate is taken between two reports, never between a
 * report and nothing, so that what a PC had before it began counts as no speed.
 */

import type { Target } from "../../peer/broadcast/broadcast.ts";

/** So many bytes at so many seconds from the beginning. */
export interface Point {
  at: number;
  bytes: number;
}

/** Seconds over which a rate is believed: pieces come one by one, and a shorter look sees only some of them. */
const WINDOW = 1;
/** Seconds after which a PC that reports nothing shows as standing still. */
const STALL = 2;
/** Points kept for one line of the picture. */
const MOST_POINTS = 200;

/** How fast bytes come in, from reports that come when they like. */
export class Meter {
  #recent: Point[] = [];
  #first: Point | undefined;
  #best: number | undefined;

  /** Takes a report in; times never go back. A count that falls begins anew. */
  report(point: Point): void {
    const last = this.#recent.at(-1);
    if (last && point.bytes < last.bytes) this.pause();
    this.#recent.push(point);
    this.#first ??= point;
    const from = this.#recent.findLastIndex(({ at }) => at <= point.at - WINDOW);
    if (from < 0) return;
    const begin = this.#recent[from]!;
    this.#best = Math.max(this.#best ?? 0, (point.bytes - begin.bytes) / (point.at - begin.at));
    this.#recent.splice(0, from);
  }

  /** What comes next says nothing about the speed since the last report. */
  pause(): void {
    this.#recent = [];
    this.#first = undefined;
  }

  /** Bytes per second over the last second or two. */
  rate(now: number): number {
    const [begin, last] = [this.#recent[0], this.#recent.at(-1)];
    if (!begin || !last || now - last.at > STALL) return 0;
    const seconds = last.at - begin.at;
    return seconds > 0 ? (last.bytes - begin.bytes) / seconds : 0;
  }

  /** The best rate over a second, or the whole if it took less; undefined where there was only one report. */
  get best(): number | undefined {
    if (this.#best !== undefined) return this.#best;
    const last = this.#recent.at(-1);
    if (!this.#first || !last || last.at - this.#first.at < 0.02) return undefined;
    return (last.bytes - this.#first.bytes) / (last.at - this.#first.at);
  }
}

/** A line of the picture: every point at first, every second one when there are too many, and so on. */
export class Trace {
  #points: Point[] = [];
  #last: Point | undefined;
  #spacing = 0;

  /** @param most points to keep. */
  constructor(private most = MOST_POINTS) {}

  /** Adds a point; times never go back. */
  add(point: Point): void {
    this.#last = point;
    const before = this.#points.at(-1);
    if (before && point.at - before.at < this.#spacing) return;
    this.#points.push(point);
    if (this.#points.length <= this.most) return;
    this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#spacing = 2 * (point.at - this.#points[0]!.at) / this.most;
  }

  /** What is kept; the last point always is. */
  get points(): Point[] {
    const isThere = this.#last === undefined || this.#last === this.#points.at(-1);
    return isThere ? [...this.#points] : [...this.#points, this.#last!];
  }
}

/** How it went with one PC. */
export interface PcCourse {
  name: string;
  state: Target["state"];
  bytes: number;
  /** Bytes per second now. */
  rate: number;
  /** The best rate that was seen; undefined when nothing was. */
  best: number | undefined;
  /** Why it waits or has failed. */
  reason: string | undefined;
  /** Seconds from the beginning until it was done. */
  seconds: number | undefined;
  /** What the PC said it sends at most, bytes per second. */
  limit: number | undefined;
  points: Point[];
}

interface Pc {
  state: Target["state"];
  bytes: number;
  doneAt: number | undefined;
  meter: Meter;
  trace: Trace;
}

/** The course of a broadcast. */
export class Course {
  #pcs = new Map<string, Pc>();
  #targets: readonly Target[] = [];
  #sent = new Meter();
  #sentBytes = 0;

  /** Takes in how it stands. @param now seconds from the beginning. */
  observe(targets: readonly Target[], now: number): void {
    this.#targets = targets;
    for (const target of targets) {
      const pc = this.#pcs.get(target.name);
      if (!pc) this.#pcs.set(target.name, begun(target, now));
      else if (pc.bytes !== target.bytes || pc.state !== target.state) observe(pc, target, now);
    }
  }

  /** Takes in what the source has handed to the network so far, bytes. */
  observeSent(bytes: number, now: number): void {
    if (bytes === this.#sentBytes) return;
    this.#sentBytes = bytes;
    this.#sent.report({ at: now, bytes });
  }

  /** Bytes that the source has handed to the network. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** The best rate of the source, bytes per second; undefined when it hardly sent. */
  get sentBest(): number | undefined {
    return this.#sent.best;
  }

  /** How it stands with each. @param now seconds from the beginning. */
  pcs(now: number): PcCourse[] {
    return this.#targets.map(({ name, state, bytes, reason, limit }): PcCourse => {
      const pc = this.#pcs.get(name)!;
      const rate = state === "receiving" ? pc.meter.rate(now) : 0;
      const { best } = pc.meter;
      return { name, state, bytes, rate, best, reason, seconds: pc.doneAt, limit, points: pc.trace.points };
    });
  }
}

function begun({ state, bytes }: Target, now: number): Pc {
  const pc: Pc = {
    state,
    bytes,
    doneAt: state === "done" ? now : undefined,
    meter: new Meter(),
    trace: new Trace(),
  };
  if (state !== "failed") pc.trace.add({ at: now, bytes });
  return pc;
}

function observe(pc: Pc, { state, bytes }: Target, now: number): void {
  // It begins, perhaps again: what it has by the first report may have been there before.
  if (state !== pc.state && state === "receiving") pc.meter.pause();
  if (bytes !== pc.bytes) pc.meter.report({ at: now, bytes });
  if (state === "done") pc.doneAt ??= now;
  pc.trace.add({ at: now, bytes });
  pc.state = state;
  pc.bytes = bytes;
}
