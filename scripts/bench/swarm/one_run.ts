/** One run of a contender: made ready, timed, checked, cleared away. */

import { run } from "../measure.ts";
import { childrenCpu, machineBusy, othersCpu } from "../procfs.ts";
import type { Attempt, Contender } from "./contender.ts";
import { SOURCE, type Stage, SwarmFailed } from "./stage.ts";

/** How often is looked whether all are done, milliseconds; when a file got its name is known more exactly. */
const LOOK_MS = 20;
/** A look at peak memory each so many looks: it reads a few files for each thread. */
const PEAK_EVERY = 25;

/** What one run gave. */
export interface SwarmRun {
  /** Until the last receiver had the file, seconds. */
  makespan: number;
  /** Until the first had it. */
  first: number;
  /** CPU seconds of everything that the contender started, meanwhile. */
  cpu: number;
  /** Share of all cores that was in use, by whomever. */
  busy: number;
  /** Cores that programs which are no part of the bench kept busy. */
  foreign: number;
  /** Peak resident bytes of the largest process. */
  peak: number;
  /** Bytes on the source's wire, headers included. */
  sourceSent: number;
  /** Packets dropped in any queue. */
  drops: number;
  /** What else this contender tells. */
  notes: Readonly<Record<string, number>>;
}

/** What a run is judged by. */
export interface RunOptions {
  /** Hex SHA-256 that every copy must have. */
  sha256: string;
  /** Seconds after which it has failed. */
  limit: number;
  signal: AbortSignal;
}

/**
 * Runs it once.
 *
 * @throws {SwarmFailed} when not all have the right bytes in time.
 */
export async function runOnce(contender: Contender, stage: Stage, options: RunOptions): Promise<SwarmRun> {
  await stage.clear();
  try {
    const attempt = await contender.prepare(stage);
    options.signal.throwIfAborted();
    const before = await counters(stage);
    const began = Date.now();
    await attempt.start();
    const watched = await watch(attempt, stage, began, options);
    const seconds = (Date.now() - began) / 1000;
    const after = await counters(stage, before);
    const notes = await attempt.notes?.() ?? {};
    await stage.kill();
    const done = [...watched.at.keys()];
    if (attempt.compare) { for (const host of done) await attempt.compare(host); }
    else await checkCopies(stage, done, options.sha256);
    const ended = attempt.marks ? await exact(watched.at, attempt.marks) : [...watched.at.values()];
    const times = ended.map((at) => (at - began) / 1000);
    const cores = navigator.hardwareConcurrency;
    return {
      makespan: Math.max(...times),
      first: Math.min(...times),
      cpu: after.cpu - before.cpu,
      busy: (after.busy - before.busy) / seconds / cores,
      foreign: Math.max(0, after.foreign - before.foreign) / seconds,
      peak: watched.peak,
      sourceSent: after.sent - before.sent,
      drops: after.drops - before.drops,
      notes,
    };
  } finally {
    await stage.kill();
  }
}

interface Counters {
  cpu: number;
  busy: number;
  foreign: number;
  sent: number;
  drops: number;
}

/** All counters; those of CPU time next to the clock's start, or, at the end (`earlier` given), next to its end. */
async function counters(stage: Stage, earlier?: Counters): Promise<Counters> {
  const links = async () => ({ sent: await stage.lan.sent(SOURCE), drops: await stage.lan.drops() });
  if (earlier) return { ...times(), ...await links() };
  const first = await links();
  return { ...times(), ...first };
}

function times() {
  return { cpu: childrenCpu(), busy: machineBusy(), foreign: othersCpu() };
}

async function watch(
  attempt: Attempt,
  stage: Stage,
  began: number,
  { limit, signal }: RunOptions,
): Promise<{ at: Map<number, number>; peak: number }> {
  const at = new Map<number, number>();
  const awaited = stage.receivers.filter((host) => !attempt.excused?.includes(host));
  let peak = 0;
  let step: Promise<unknown> = Promise.resolve();
  let isStepping = false;
  for (let look = 1;; look++) {
    signal.throwIfAborted();
    if (!isStepping) {
      isStepping = true;
      step = Promise.resolve(attempt.step?.()).finally(() => isStepping = false);
    }
    for (const host of awaited) {
      const time = at.has(host) ? undefined : attempt.finished(host);
      if (time) at.set(host, time === true ? Date.now() : time);
    }
    const isOver = at.size === awaited.length;
    if (isOver || look % PEAK_EVERY === 0) peak = Math.max(peak, stage.peak());
    if (isOver) {
      await step;
      return { at, peak };
    }
    if (Date.now() - began > limit * 1000) {
      const late = awaited.filter((host) => !at.has(host));
      throw new SwarmFailed(
        `Not done after ${limit.toFixed(0)} s: ${late.join(", ")}; ${stage.said(late[0]!)}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Times of change, as far as they are before the times at which one saw that they had happened. */
async function exact(
  seen: ReadonlyMap<number, number>,
  marks: (host: number) => string,
): Promise<number[]> {
  const times: number[] = [];
  for (const [host, at] of seen) {
    // Not Deno's stat, which gives whole seconds.
    const text = await run("find", marks(host), "-type", "f", "-printf", "%C@\\n");
    const changed = text.trim().split("\n").reduce(
      (latest, line) => Math.max(latest, Number(line) * 1000),
      0,
    );
    times.push(Math.min(at, changed));
  }
  return times;
}

/** Hex SHA-256 of files. */
export async function digests(paths: readonly string[]): Promise<string[]> {
  const lines = await run("openssl", "sha256", "-r", ...paths);
  return lines.trim().split("\n").map((line) => line.slice(0, 64));
}

async function checkCopies(stage: Stage, hosts: readonly number[], sha256: string): Promise<void> {
  const found = await digests(hosts.map((host) => stage.file(host)));
  const wrong = hosts.filter((_, i) => found[i] !== sha256);
  if (wrong.length > 0) throw new SwarmFailed(`Wrong bytes on host ${wrong.join(", ")}`);
}
