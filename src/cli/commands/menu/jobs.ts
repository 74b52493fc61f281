/**
 * Work of the menu that may go on while the person does something else: a fetch, a send, a broadcast. In the foreground it
 * speaks to the terminal as the command does; once it has stepped aside it is silent, and its end is news.
 */

import type { Clock } from "../../../base/clock.ts";
import { LabError } from "../../../base/errors.ts";
import type { Gate, Output } from "../../output.ts";
import { createProgress, type Progress, type ProgressReport } from "../../progress.ts";

/** What a command that runs as a job is handed instead of the menu's own. */
export interface Voice {
  output: Output;
  progress: Progress;
  signal: AbortSignal;
}

/** One piece of work. */
export class Job {
  #stop = new AbortController();
  #reports = new Map<string, ProgressReport>();
  #lastLine = "";
  #gate: Gate = {
    isOpen: true,
    keep: (text) => this.#lastLine = text.trim().split("\n").at(-1) || this.#lastLine,
  };
  #output: Output;
  #progress: Progress;

  /**
   * @param title what the person asked for.
   * @param direction which way its files go.
   */
  constructor(
    readonly title: string,
    readonly direction: "in" | "out",
    around: { output: Output; clock: Clock },
  ) {
    this.#output = around.output.through(this.#gate);
    const shown = createProgress(this.#output, around.clock);
    const follow = (report: ProgressReport) => {
      if (report.bytes < report.total) this.#reports.set(report.name, report);
      else this.#reports.delete(report.name);
    };
    this.#progress = {
      ...{ follow, expect: (all) => shown.expect(all), stop: () => shown.stop() },
      report: (report) => {
        follow(report);
        shown.report(report);
      },
      drop: (name) => {
        this.#reports.delete(name);
        shown.drop(name);
      },
    };
  }

  /** What is under way in it. */
  get reports(): ProgressReport[] {
    return [...this.#reports.values()];
  }
  /** The last line that it said since it stepped aside. */
  get lastLine(): string {
    return this.#lastLine;
  }

  /** Does the work. */
  async run(work: (voice: Voice) => Promise<void>, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#stop.signal]);
    try {
      await work({ output: this.#output, progress: this.#progress, signal: both });
    } finally {
      this.#progress.stop();
      this.#reports.clear();
    }
  }

  /** Is silent from now on. */
  stepAside(): void {
    // Whatever is drawn in place goes first.
    this.#output.beforeWrite?.();
    this.#gate.isOpen = false;
  }

  /** Ends the work; what has come stays, so that it can go on another time. */
  stop(): void {
    this.#stop.abort(new LabError("interrupted", "Stopped"));
  }
}

/** The work that has stepped aside. */
export class Jobs {
  #running = new Map<Job, Promise<void>>();

  get running(): readonly Job[] {
    return [...this.#running.keys()];
  }

  /**
   * Keeps a job that has stepped aside.
   *
   * @param ended hears when it is done, with what it threw if it did.
   */
  keep(job: Job, done: Promise<void>, ended: (thrown?: unknown) => void): void {
    const settled = done.then(() => ended(), (thrown) => ended(thrown)).finally(() =>
      this.#running.delete(job)
    );
    this.#running.set(job, settled);
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    for (const job of this.#running.keys()) job.stop();
    await Promise.all(this.#running.values());
  }
}
