/**
 * Runs the measurement: gives each peer the files that it is to hold, then has all fetch at the same moment, one file
 * after the other, and notes when each one was there, verified. What is timed is what a person would wait for: asking,
 * finding, fetching, checking, writing.
 */

import type { Clock } from "../../base/clock.ts";
import type { WireFile } from "../../protocol/messages.ts";
import type { Errands } from "./errands.ts";
import type { Trial } from "./plan.ts";

/** When a peer had a file. */
export interface Mark {
  /** Number of the peer that fetched. */
  peer: number;
  /** How many files it had then. */
  files: number;
  /** Number of the peer that it came from. */
  from: number;
  /** From the beginning of the case. */
  seconds: number;
}

/** What one case came to. */
export interface Measured {
  trial: Trial;
  /** For each peer its files in the order in which they came. */
  marks: Mark[][];
}

/** What a case is run with. */
export interface TrialSetting {
  peers: readonly Errands[];
  /** The file of each number. */
  files: readonly WireFile[];
  clock: Clock;
  /** Hears of each file as it is there. */
  marked: (mark: Mark) => void;
}

/**
 * Gives each peer what it is to hold.
 *
 * @throws {LabError} when some peer could not be given its files.
 */
export async function handOut({ holds }: Trial, { peers, files }: TrialSetting): Promise<void> {
  await allOrFirstFault(holds.map(async (numbers, peer) => {
    if (numbers.length === 0) return;
    const own = numbers.map((number) => files[number]!);
    await peers[peer]!.fetch(own, []);
    await peers[peer]!.indexed(own);
  }));
}

/**
 * Lets all fetch.
 *
 * @throws {LabError} when some peer could not have a file: then nothing of this case counts.
 */
export async function measure(trial: Trial, setting: TrialSetting): Promise<Measured> {
  const { peers, files, clock, marked } = setting;
  const began = clock.monotonic();
  const marks = await allOrFirstFault(trial.orders.map(async (orders, peer) => {
    const own: Mark[] = [];
    for (const { file, from } of orders) {
      await peers[peer]!.fetch([files[file]!], [peers[from]!.holder]);
      const seconds = (clock.monotonic() - began) / 1000;
      const mark = { peer, files: own.length + 1, from, seconds };
      own.push(mark);
      marked(mark);
    }
    return own;
  }));
  return { trial, marks };
}

/** Waits for all, so that nothing goes on behind the next step's back; throws the first fault. */
async function allOrFirstFault<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const first = Promise.all(work);
  await Promise.allSettled(work);
  return await first;
}
