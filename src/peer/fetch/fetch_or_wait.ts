/**
 * Somebody on this PC is bringing the same content already: another command, or a broadcast. Who asked for it as well gets
 * what comes, instead of a second copy or an error.
 */

import type { Clock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { tryLock } from "../../storage/lock.ts";
import type { FetchListener } from "./engine_options.ts";
import { fetchFiles, type FetchJob, type FetchOutcome } from "./fetch.ts";
import { UnderWay } from "./under_way.ts";

/** Pause between two looks whether it has ended, milliseconds. */
const LOOK = 200;

/**
 * Fetches files like {@linkcode fetchFiles}, but waits for what is on its way here already, and then looks again: it is
 * there, or is fetched on from what has come.
 *
 * @throws {LabError} "interrupted" also while it waits.
 */
export async function fetchOrWait(job: FetchJob): Promise<FetchOutcome> {
  const all: FetchOutcome = { fetched: [], failed: [] };
  let { files, listener } = job;
  while (true) {
    const waiting = new Map<string, UnderWay>();
    const { fetched, failed } = await fetchFiles({ ...job, files, listener: hearing(listener, waiting) });
    all.fetched.push(...fetched);
    all.failed.push(...failed.filter(({ error }) => !(error instanceof UnderWay)));
    if (waiting.size === 0) return all;
    const locks = new Map([...waiting.values()].map(({ lock, title }) => [lock, title]));
    for (const title of locks.values()) listener.waiting?.(title);
    for (const lock of locks.keys()) await unlocked(lock, job.context.clock, job.signal);
    files = files.filter(({ name }) => waiting.has(name));
    // The sum of what is to come has been told.
    listener = { ...bound(listener), planned: () => {} };
  }
}

/** Keeps what is under way from being told as a failure. */
function hearing(listener: FetchListener, waiting: Map<string, UnderWay>): FetchListener {
  return {
    ...bound(listener),
    failed(names, error) {
      if (!(error instanceof UnderWay)) return listener.failed(names, error);
      for (const name of names) waiting.set(name, error);
    },
  };
}

function bound(listener: FetchListener): FetchListener {
  return {
    planned: (all) => listener.planned?.(all),
    progress: (progress) => listener.progress(progress),
    fetched: (file) => listener.fetched(file),
    failed: (names, error) => listener.failed(names, error),
    waiting: (name) => listener.waiting?.(name),
  };
}

async function unlocked(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  while (true) {
    const lock = tryLock(path);
    if (lock) return lock.release();
    await clock.sleep(LOOK, signal).catch((cause) => {
      throw new LabError("interrupted", "Interrupted while it waited for what is coming already", { cause });
    });
  }
}
