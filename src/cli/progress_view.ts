/** Transfers under way as lines: one for each, one for all together. Pure. */

import { unicodeWidth } from "@std/cli";
import { formatBytes, formatCount, formatRate, formatSeconds } from "../base/units.ts";
import { printable } from "../catalog/names.ts";
import type { ProgressReport } from "./progress.ts";
import { shorten } from "./table.ts";
import type { Colour } from "./terminal.ts";

/** Of more than these the rest is counted. */
const MOST_LINES = 8;
const NAME_COLUMNS = 28;
const BAR_COLUMNS = { least: 8, most: 32 };
/** Columns of what stands beside a bar in a list: brackets, percent, rate, time left, sources, gaps. */
const BESIDE_BAR = 2 + 6 + 13 + 15 + 12;
/** A transfer of which nothing was heard for so long stands still, milliseconds. */
const STILL_AFTER = 3_000;

interface Open {
  report: ProgressReport;
  heard: number;
}

/** What is under way, added up. What is finished counts until everything is. */
export class Sum {
  readonly open = new Map<string, Open>();
  #finished = { files: 0, bytes: 0 };
  #expected = { files: 0, bytes: 0 };
  /** When the first of those that count was reported, monotonic milliseconds. */
  startedAt = 0;

  /** More is to come. */
  expect({ files, bytes }: { files: number; bytes: number }): void {
    this.#expected.files += files;
    this.#expected.bytes += bytes;
  }

  /** Takes a report in. */
  add(report: ProgressReport, now: number): void {
    if (this.open.size === 0 && this.#finished.files === 0) this.startedAt = now;
    if (report.bytes < report.total) return void this.open.set(report.name, { report, heard: now });
    this.open.delete(report.name);
    this.#finished.files++;
    this.#finished.bytes += report.total;
  }

  /** What was under way is not coming: it counts no longer. */
  drop(name: string): void {
    this.open.delete(name);
  }

  /** Begins anew. */
  clear(): void {
    this.open.clear();
    this.#finished = { files: 0, bytes: 0 };
    this.#expected = { files: 0, bytes: 0 };
  }

  /** How many there are; several small files may travel as one. */
  get files(): number {
    return Math.max(this.open.size + this.#finished.files, this.#expected.files);
  }

  /** All that was told of is there. */
  get isDone(): boolean {
    const { bytes, total } = this.all;
    return bytes >= total;
  }

  /** All together. */
  get all(): { bytes: number; total: number; rate: number } {
    const all = { bytes: this.#finished.bytes, total: this.#finished.bytes, rate: 0 };
    for (const { report } of this.open.values()) {
      all.bytes += report.bytes;
      all.total += report.total;
      all.rate += report.rate;
    }
    return { ...all, total: Math.max(all.total, this.#expected.bytes) };
  }
}

/** "12.3 MB of 2.00 GB, 11.9 MB/s, 2 min 47 s left, 3 sources". */
export function describe(
  { bytes, total, rate, sources }: Pick<ProgressReport, "bytes" | "total" | "rate" | "sources">,
): string {
  return [
    `${formatBytes(bytes)} of ${formatBytes(total)}`,
    ...rate > 0 ? [formatRate(rate)] : [],
    ...rate > 0 && bytes < total ? [`${formatSeconds((total - bytes) / rate)} left`] : [],
    ...sources ? [formatCount(sources, "source")] : [],
  ].join(", ");
}

/**
 * All together in one line, without a bar: "3 files: 53 %, 160 MB of 300 MB, 20.0 MB/s, 7.0 s left".
 *
 * @param name what a single one is called.
 */
export function allText(sum: Sum, name: string): string {
  const single = sum.files === 1 ? sum.open.values().next().value?.report : undefined;
  const all = single ?? sum.all;
  return `${sum.files > 1 ? `${sum.files} files` : name}: ${percent(all)} %, ${describe(all)}`;
}

/**
 * Lays the lines out.
 *
 * @param moment.now monotonic milliseconds.
 * @returns at most `rows - 1` lines, none wider than `columns - 1`.
 */
export function progressLines(
  sum: Sum,
  { columns, rows }: { columns: number; rows: number },
  { now, colour }: { now: number; colour: Colour },
): string[] {
  const width = Math.max(1, columns - 1);
  const open = [...sum.open.values()];
  const [only] = open;
  if (sum.files === 1 && only) return [singleLine(only, width, now)];
  const head = colour.bold(shorten(allText(sum, ""), width));
  const room = Math.max(0, Math.min(MOST_LINES, rows - 3));
  const shown = open.slice(0, room);
  const widest = shown.reduce((most, { report }) => Math.max(most, unicodeWidth(printable(report.name))), 0);
  const nameColumns = Math.min(widest, NAME_COLUMNS, Math.max(4, Math.floor(width / 3)));
  const lines = shown.map((each) => listLine(each, { nameColumns, width, now }));
  const rest = open.length - shown.length;
  return [head, ...lines, ...rest > 0 ? [colour.dim(shorten(`and ${rest} more under way`, width))] : []];
}

function singleLine({ report, heard }: Open, width: number, now: number): string {
  const still = stillFor(heard, now);
  const text = `${percent(report)} %, ${describe(still ? { ...report, rate: 0 } : report)}${
    still && `, ${still}`
  }`;
  const nameRoom = Math.max(8, width - unicodeWidth(text) - 1);
  const name = shorten(printable(report.name), Math.min(NAME_COLUMNS, nameRoom));
  const room = width - unicodeWidth(name) - unicodeWidth(text) - 4;
  const bar = room < BAR_COLUMNS.least ? "" : `[${barOf(report, Math.min(BAR_COLUMNS.most, room))}] `;
  return shorten(`${name} ${bar}${text}`, width);
}

function listLine(
  { report, heard }: Open,
  { nameColumns, width, now }: { nameColumns: number; width: number; now: number },
): string {
  const name = shorten(printable(report.name), nameColumns);
  const gap = " ".repeat(nameColumns - unicodeWidth(name) + 2);
  const { bytes, total, rate, sources } = report;
  const still = stillFor(heard, now);
  const left = rate > 0 ? `${formatSeconds((total - bytes) / rate)} left` : "";
  const pace = still || `${(rate > 0 ? formatRate(rate) : "").padStart(11)}  ${left.padEnd(13)}`;
  const from = sources ? `  ${formatCount(sources, "source")}` : "";
  const room = width - nameColumns - 2 - BESIDE_BAR;
  const bar = room < BAR_COLUMNS.least ? "" : `[${barOf(report, Math.min(BAR_COLUMNS.most, room))}] `;
  return shorten(
    `${name}${gap}${bar}${String(percent(report)).padStart(3)} %  ${pace}${from}`.trimEnd(),
    width,
  );
}

function stillFor(heard: number, now: number): string {
  return now - heard < STILL_AFTER ? "" : `nothing for ${formatSeconds(Math.floor((now - heard) / 1000))}`;
}

function barOf(report: ProgressReport, width: number): string {
  const full = Math.floor(percent(report) / 100 * width);
  return "#".repeat(full) + "-".repeat(width - full);
}

/** How much of it is there, in whole percent, rounded down: only what is whole is 100 %. */
export function percent({ bytes, total }: { bytes: number; total: number }): number {
  return total > 0 ? Math.floor(100 * Math.min(1, bytes / total)) : 100;
}
