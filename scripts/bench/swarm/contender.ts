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
  /** The file that a receiver has named when it was done: its time of change is the exact time. */
  mark?(host: number): string;
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
