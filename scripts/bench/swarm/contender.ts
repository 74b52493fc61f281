/** What takes part in the swarm bench: how it is made ready, started, and how one sees that a host has the file. */

import type { Stage } from "./stage.ts";

/** One run: everything is ready, the clock may start. */
export interface Attempt {
  /** What the clock measures begins here. */
  start(): void | Promise<void>;
  /**
   * When a receiver had the whole file, milliseconds since 1970; true: just now; undefined or false: it hasn't yet.
   *
   * @throws {SwarmFailed} when it won't.
   */
  finished(host: number): number | boolean | undefined;
  /** Files that a receiver has named when it was done: their latest time of change is the exact time. */
  marks?(host: number): string;
  /** Called at each look, for what happens on the way. */
  step?(): void | Promise<void>;
  /** Receivers that need not finish. */
  excused?: readonly number[];
  /**
   * More figures of this run, once all are done and the programs still run.
   *
   * @throws {SwarmFailed} when what was to happen on the way hasn't.
   */
  notes?(): Promise<Record<string, number>>;
  /** Compares a receiver's copy with the source, where it is more than the one file. @throws when they differ. */
  compare?(host: number): Promise<void>;
}

/** A participant. */
export interface Contender {
  name: string;
  /** Checks what it receives by hashes of the content. */
  verifies: boolean;
  /** Programs without which it is left out. */
  programs: readonly string[];
  /** Another reason to leave it out; undefined: none. */
  missing?(): Promise<string | undefined>;
  /** Starts servers, the source and waiting receivers. */
  prepare(stage: Stage): Promise<Attempt>;
  /** Sends one copy after the other: its time grows with the number of receivers. */
  unicast?: true;
}
