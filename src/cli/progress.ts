/**
 * How far a transfer is. On a terminal one bar on stderr, for everything under way together, once it has taken longer
 * than a second; elsewhere a line at most every two seconds; with `--json` an event per call (the caller throttles).
 *
 * `cli-progress` is only loaded when a bar is to be drawn. Whatever else is written takes the bar away first; the next
 * report brings it back.
 */

import type { Clock } from "../base/clock.ts";
import { formatBytes, formatRate, formatSeconds } from "../base/units.ts";
import { printable } from "../catalog/names.ts";
import type { Bar, BarOptions } from "../deps/cli_progress.ts";
import type { Output } from "./output.ts";
import { shorten } from "./table.ts";

/** A report: verified bytes of a file or a broadcast, resumed ones included; the rate in bytes per second. */
export interface ProgressReport {
  name: string;
  bytes: number;
  total: number;
  rate: number;
}

/** Shows progress. */
export interface Progress {
  /** Tells how far something is; the last report has `bytes` equal to `total`. */
  report(report: ProgressReport): void;
  /** Forgets something that won't be finished. */
  drop(name: string): void;
  /** Takes the bar away and forgets everything; called at the command's end too. */
  stop(): void;
}

/** Shorter transfers get no bar. */
const BAR_AFTER_MS = 1_000;
/** Between two lines where there is no terminal. */
const LINE_EVERY_MS = 2_000;
const BAR_COLUMNS = 24;
const NAME_COLUMNS = 28;

/** Makes a bar; the real one imports `cli-progress`. */
export type MakeBar = (options: BarOptions) => Promise<Bar>;

const realBar: MakeBar = async (options) => {
  const { SingleBar } = await import("../deps/cli_progress.ts");
  return new SingleBar(options);
};

/** Makes the progress display of a command. */
export function createProgress(output: Output, clock: Clock, makeBar: MakeBar = realBar): Progress {
  if (output.isJson) {
    return { report: (report) => output.json({ event: "progress", ...report }), drop() {}, stop() {} };
  }
  if (output.quiet) return { report() {}, drop() {}, stop() {} };
  return output.isInteractive ? new BarProgress(output, clock, makeBar) : new LineProgress(output, clock);
}

/** What is under way, added up. What is finished counts until everything is. */
class Sum {
  #open = new Map<string, ProgressReport>();
  #finished = { files: 0, bytes: 0 };
  /** When the first of those that count was reported. */
  startedAt = 0;

  /** Takes a report in; returns the sum. */
  add(report: ProgressReport, now: number): ProgressReport {
    if (this.#open.size === 0 && this.#finished.files === 0) this.startedAt = now;
    if (report.bytes < report.total) this.#open.set(report.name, report);
    else {
      this.#open.delete(report.name);
      this.#finished.files++;
      this.#finished.bytes += report.total;
    }
    const sum = { name: report.name, bytes: this.#finished.bytes, total: this.#finished.bytes, rate: 0 };
    for (const { bytes, total, rate } of this.#open.values()) {
      sum.bytes += bytes;
      sum.total += total;
      sum.rate += rate;
    }
    const files = this.#open.size + this.#finished.files;
    if (files > 1) sum.name = `${files} files`;
    return sum;
  }
  drop(name: string): void {
    this.#open.delete(name);
  }
  clear(): void {
    this.#open.clear();
    this.#finished = { files: 0, bytes: 0 };
  }
}

/** "12.3 MB of 2.00 GB, 11.9 MB/s, 2 min 47 s left". */
export function describe({ bytes, total, rate }: ProgressReport): string {
  const parts = [`${formatBytes(bytes)} of ${formatBytes(total)}`];
  if (rate > 0) parts.push(formatRate(rate));
  if (rate > 0 && bytes < total) parts.push(`${formatSeconds((total - bytes) / rate)} left`);
  return parts.join(", ");
}

function percent({ bytes, total }: ProgressReport): number {
  return total > 0 ? Math.floor(100 * Math.min(1, bytes / total)) : 100;
}

class LineProgress implements Progress {
  #sum = new Sum();
  #lastLine: number | undefined;
  constructor(private readonly output: Output, private readonly clock: Clock) {}

  report(report: ProgressReport): void {
    const now = this.clock.monotonic();
    const sum = this.#sum.add(report, now);
    if (now - Math.max(this.#sum.startedAt, this.#lastLine ?? -Infinity) >= LINE_EVERY_MS) {
      this.#lastLine = now;
      this.output.note(`${sum.name}: ${percent(sum)} %, ${describe(sum)}`);
    }
    if (sum.bytes >= sum.total) this.#sum.clear();
  }
  drop(name: string): void {
    this.#sum.drop(name);
  }
  stop(): void {
    this.#sum.clear();
  }
}

class BarProgress implements Progress {
  #sum = new Sum();
  #shown: ProgressReport | undefined;
  #bar: Bar | undefined;
  #making = false;
  #drawing = false;

  constructor(
    private readonly output: Output,
    private readonly clock: Clock,
    private readonly makeBar: MakeBar,
  ) {
    output.beforeWrite = () => this.#hide();
  }

  report(report: ProgressReport): void {
    const now = this.clock.monotonic();
    this.#shown = this.#sum.add(report, now);
    if (this.#shown.bytes >= this.#shown.total) return this.stop();
    if (this.#bar) this.#bar.update(percent(this.#shown));
    else if (now - this.#sum.startedAt >= BAR_AFTER_MS) this.#show();
  }
  drop(name: string): void {
    this.#sum.drop(name);
  }
  stop(): void {
    this.#sum.clear();
    this.#shown = undefined;
    this.#hide();
  }

  #show(): void {
    if (this.#making) return;
    this.#making = true;
    this.makeBar(this.#options()).then((bar) => {
      if (!this.#shown) return;
      this.#bar = bar;
      bar.start(100, percent(this.#shown));
    }).catch(() => {
      this.#bar = undefined; // a bar is no reason to fail
    }).finally(() => {
      this.#making = false;
    });
  }

  #hide(): void {
    if (!this.#bar || this.#drawing) return;
    this.#drawing = true;
    this.#bar.stop();
    this.#bar = undefined;
    this.#drawing = false;
  }

  #options(): BarOptions {
    return {
      format: () => this.#draw(),
      clearOnComplete: true,
      hideCursor: false,
      gracefulExit: false,
      forceRedraw: true,
      fps: 5,
    };
  }

  #draw(): string {
    const shown = this.#shown;
    if (!shown) return "";
    const full = Math.round(percent(shown) / 100 * BAR_COLUMNS);
    const bar = "#".repeat(full) + "-".repeat(Math.max(0, BAR_COLUMNS - full));
    const name = shorten(printable(shown.name), NAME_COLUMNS);
    return `${name} [${bar}] ${percent(shown)} % ${describe(shown)}`;
  }
}
