/** The live view of a broadcast as lines: one per PC, as many as fit. Pure. */

import { unicodeWidth } from "@std/cli";
import { formatBytes, formatCount, formatRate, formatSeconds } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";
import { percent } from "../progress_view.ts";
import { shorten } from "../table.ts";
import type { Colour } from "../terminal.ts";
import type { PcCourse } from "./course.ts";

/** What is to be shown. */
export interface ViewState {
  /** What is being sent. */
  title: string;
  /** Bytes that each PC is to have. */
  total: number;
  pcs: readonly PcCourse[];
}

/** A terminal, in characters. */
export interface ViewSize {
  columns: number;
  rows: number;
}

const NAME_COLUMNS = 28;
const BAR_COLUMNS = { least: 8, most: 40 };
/** What stands beside a bar: brackets, percent, rate, two gaps. */
const BESIDE_BAR = 2 + 8 + 13;

/**
 * Lays the view out.
 *
 * @returns at most `rows - 1` lines, each shorter than `columns`: the last row is the cursor's. Where not all PCs fit, those
 * that failed and those under way are shown, and the others counted.
 */
export function viewLines(state: ViewState, size: ViewSize, colour: Colour): string[] {
  const { columns } = size;
  const room = Math.max(1, size.rows - 2);
  const head = colour.bold(headLine(state, Math.max(1, columns - 1)));
  const { shown, rest } = choose(state.pcs, room);
  const widest = shown.reduce((most, { name }) => Math.max(most, unicodeWidth(printable(name))), 0);
  const nameColumns = Math.min(widest, NAME_COLUMNS, Math.max(4, Math.floor(columns / 3)));
  const lines = shown.map((pc) => pcLine(pc, state.total, nameColumns, columns - 1, colour));
  return rest === ""
    ? [head, ...lines]
    : [head, ...lines, colour.dim(shorten(rest, Math.max(1, columns - 1)))];
}

/** Where not all fits, what matters least is left out whole: the size, then the rate; the rest is cut in its middle. */
function headLine(state: ViewState, width: number): string {
  const [size = "", ...others] = summaryParts(state);
  const paceless = others.filter((part) => !part.endsWith(" in all"));
  const lines = [[size, ...others], others, paceless].map((parts) =>
    `${printable(state.title)}: ${parts.join(", ")}`
  );
  return lines.find((line) => unicodeWidth(line) <= width) ?? shorten(lines.at(-1)!, width);
}

/** "2.00 GB, 31 of 40 PCs done, 43 %, 480 MB/s in all, 12 s left". */
export function summary(state: ViewState): string {
  return summaryParts(state).join(", ");
}

function summaryParts({ total, pcs }: ViewState): string[] {
  const done = pcs.filter(({ state }) => state === "done").length;
  const failed = pcs.filter(({ state }) => state === "failed").length;
  const open = pcs.filter(({ state }) => state !== "failed");
  const bytes = open.reduce((sum, pc) => sum + pc.bytes, 0);
  const rate = pcs.reduce((sum, pc) => sum + pc.rate, 0);
  const left = total * open.length - bytes;
  return [
    formatBytes(total),
    `${done} of ${formatCount(pcs.length, "PC")} done`,
    ...failed > 0 ? [`${failed} failed`] : [],
    `${percent({ bytes, total: total * open.length })} %`,
    ...rate > 0 ? [`${formatRate(rate)} in all`] : [],
    ...rate > 0 && left > 0 ? [`${formatSeconds(left / rate)} left`] : [],
  ];
}

/** All, if they fit; else those that failed, at most half of the room if others need it, and those under way. */
function choose(pcs: readonly PcCourse[], room: number): { shown: PcCourse[]; rest: string } {
  if (pcs.length <= room) return { shown: [...pcs], rest: "" };
  const failed = pcs.filter(({ state }) => state === "failed");
  const receiving = pcs.filter(({ state }) => state === "receiving");
  const lines = room - 1;
  const most = Math.max(Math.ceil(lines / 2), lines - receiving.length);
  const shown = [...failed.slice(0, most)];
  shown.push(...receiving.slice(0, Math.max(0, lines - shown.length)));
  const hidden = (state: PcCourse["state"]) =>
    pcs.filter((pc) => pc.state === state).length - shown.filter((pc) => pc.state === state).length;
  const counts =
    ([["failed", "failed"], ["receiving", "receiving"], ["done", "done"], ["waiting", "waiting"]] as const)
      .map(([state, word]) => ({ count: hidden(state), word }))
      .filter(({ count }) => count > 0)
      .map(({ count, word }) =>
        `${count} ${word === "receiving" || word === "failed" ? "more " : ""}${word}`
      );
  return { shown, rest: counts.join(", ") };
}

function pcLine(pc: PcCourse, total: number, nameColumns: number, columns: number, colour: Colour): string {
  const name = shorten(printable(pc.name), nameColumns);
  const gap = " ".repeat(nameColumns - unicodeWidth(name) + 2);
  const room = Math.max(1, columns - nameColumns - 2);
  const cut = (text: string) => shorten(text, room);
  const why = pc.reason === undefined ? "" : `: ${printable(pc.reason)}`;
  switch (pc.state) {
    case "waiting":
      return `${name}${gap}${colour.dim(cut(`waiting${why}`))}`;
    case "receiving":
      return `${name}${gap}${cut(underWay(pc, total, room))}`;
    case "done":
      return `${name}${gap}${colour.green(cut(`done after ${formatSeconds(pc.seconds ?? 0)}`))}`;
    case "failed":
      return `${name}${gap}${colour.red(cut(`failed${why}`))}`;
    default:
      return pc.state satisfies never;
  }
}

function underWay({ bytes, rate }: PcCourse, total: number, room: number): string {
  const share = percent({ bytes, total });
  const text = `${String(share).padStart(3)} %  ${rate > 0 ? formatRate(rate).padStart(11) : ""}`.trimEnd();
  const width = Math.min(BAR_COLUMNS.most, room - BESIDE_BAR);
  if (width < BAR_COLUMNS.least) return text;
  const full = Math.floor(share / 100 * width);
  return `[${"#".repeat(full)}${"-".repeat(width - full)}] ${text}`;
}
