/**
 * How far transfers are. On a terminal, once they have taken longer than a second, a line for each that is under way and
 * one for all together, drawn in place; elsewhere a line at most every two seconds; with `--json` an event per call (the
 * caller throttles).
 *
 * Whatever else is written takes the lines away first; the next drawing brings them back. Where a terminal doesn't say how
 * large it is, nothing is drawn in place.
 */

import type { Clock } from "../base/clock.ts";
import { LiveBlock } from "./live.ts";
import type { Output } from "./output.ts";
import { allText, progressLines, Sum } from "./progress_view.ts";

/** A report: verified bytes of a file or a broadcast, resumed ones included; the rate in bytes per second. */
export interface ProgressReport {
  name: string;
  bytes: number;
  total: number;
  rate: number;
  /** Holders that have delivered; not told of what is sent. */
  sources?: number;
}

/** Shows progress. */
export interface Progress {
  /** Tells what is to come, before the first report of it; adds to what was told before. */
  expect(all: { files: number; bytes: number }): void;
  /** Tells how far something is; the last report has `bytes` equal to `total`. */
  report(report: ProgressReport): void;
  /** Hears how far something is that is shown elsewhere; of no interest unless somebody keeps count. */
  follow?(report: ProgressReport): void;
  /** Forgets something that won't be finished. */
  drop(name: string): void;
  /** Takes the lines away and forgets everything; called at the command's end too. */
  stop(): void;
}

/** Shorter transfers are not shown. */
const SHOWN_AFTER_MS = 1_000;
/** Between two drawings. */
const DRAW_EVERY_MS = 200;
/** Between two lines where there is no terminal. */
const LINE_EVERY_MS = 2_000;

/** Makes the progress display of a command. */
export function createProgress(output: Output, clock: Clock): Progress {
  if (output.isJson) {
    return {
      expect() {},
      report: (report) => output.json({ event: "progress", ...report }),
      drop() {},
      stop() {},
    };
  }
  if (output.quiet) return { expect() {}, report() {}, drop() {}, stop() {} };
  return output.screen() ? new DrawnProgress(output, clock) : new LineProgress(output, clock);
}

/** A line now and then. */
class LineProgress implements Progress {
  #sum = new Sum();
  #lastLine: number | undefined;
  constructor(private readonly output: Output, private readonly clock: Clock) {}

  expect(all: { files: number; bytes: number }): void {
    this.#sum.expect(all);
  }
  report(report: ProgressReport): void {
    const now = this.clock.monotonic();
    this.#sum.add(report, now);
    if (now - Math.max(this.#sum.startedAt, this.#lastLine ?? -Infinity) >= LINE_EVERY_MS) {
      this.#lastLine = now;
      this.output.note(allText(this.#sum, report.name));
    }
    if (this.#sum.isDone) this.#sum.clear();
  }
  drop(name: string): void {
    this.#sum.drop(name);
  }
  stop(): void {
    this.#sum.clear();
  }
}

/** Lines drawn in place. */
class DrawnProgress implements Progress {
  #sum = new Sum();
  #block: LiveBlock | undefined;
  #stopDrawing: (() => void) | undefined;
  constructor(private readonly output: Output, private readonly clock: Clock) {}

  expect(all: { files: number; bytes: number }): void {
    this.#sum.expect(all);
  }
  report(report: ProgressReport): void {
    this.#sum.add(report, this.clock.monotonic());
    if (this.#sum.isDone) return this.stop();
    this.#stopDrawing ??= this.clock.every(DRAW_EVERY_MS, () => this.#draw());
  }
  drop(name: string): void {
    this.#sum.drop(name);
  }
  stop(): void {
    this.#sum.clear();
    this.#stopDrawing?.();
    this.#stopDrawing = undefined;
    this.#block?.close();
    this.#block = undefined;
  }

  #draw(): void {
    const now = this.clock.monotonic();
    const size = this.output.screen();
    if (!size || now - this.#sum.startedAt < SHOWN_AFTER_MS) return;
    this.#block ??= new LiveBlock(this.output);
    this.#block.draw(progressLines(this.#sum, size, { now, colour: this.output.errColour }));
  }
}
