/**
 * The picture of a broadcast: bytes over time, a line per PC, and the line that the bound allows, as SVG. Up to eight PCs
 * have a colour each; more are a bundle of thin lines, in which the last one to be done stands out. Pure.
 */

import { formatBytes, formatSeconds } from "../../base/units.ts";
import type { PcCourse, Point } from "./course.ts";
import { escaped } from "./escape.ts";

/** What is drawn. */
export interface ChartData {
  /** Bytes that each PC was to have. */
  total: number;
  pcs: readonly Pick<PcCourse, "name" | "state" | "points">[];
  /** The least time that the links allow, seconds. */
  bound: number | undefined;
}

/** So many PCs have colours of their own. */
export const COLOURED = 8;

/** Units of the picture. */
const SIZE = { width: 960, height: 420 };
const MARGIN = { left: 74, right: 24, top: 28, bottom: 44 };
/** Points of all lines together: a picture of 400 PCs stays under 100 kB. */
const POINTS = { all: 6_000, least: 12, most: 160 };
/** A point that is so near the line between its neighbours is left out. */
const NEAR = 0.4;

/** From seconds and bytes to the picture. */
interface Scale {
  x: (seconds: number) => number;
  y: (bytes: number) => number;
}

/** Draws the picture. @returns an `svg` element, every text in it escaped. */
export function chart(data: ChartData): string {
  const end = Math.max(0.1, data.bound ?? 0, ...data.pcs.map(({ points }) => points.at(-1)?.at ?? 0));
  const top = Math.max(1, data.total);
  const scale: Scale = {
    x: (seconds) => MARGIN.left + seconds / end * (SIZE.width - MARGIN.left - MARGIN.right),
    y: (bytes) => SIZE.height - MARGIN.bottom - bytes / top * (SIZE.height - MARGIN.top - MARGIN.bottom),
  };
  return [
    `<svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="Bytes over time for each PC">`,
    ...grid(scale, end, top),
    ...lines(data, scale),
    ...boundLine(data, scale),
    "</svg>",
  ].join("\n");
}

/** Which PC's line stands out in a bundle: the last one to be done. */
export function lastDone(pcs: ChartData["pcs"]): string | undefined {
  const at = (pc: ChartData["pcs"][number]) => pc.points.at(-1)?.at ?? 0;
  const done = pcs.filter((pc) => pc.state === "done" && pc.points.length > 0);
  return done.reduce((last, pc) => last === undefined || at(pc) > at(last) ? pc : last, done[0])?.name;
}

function grid(scale: Scale, end: number, top: number): string[] {
  const [left, right] = [MARGIN.left, SIZE.width - MARGIN.right];
  const [high, low] = [MARGIN.top, SIZE.height - MARGIN.bottom];
  const across = ticks(top, 5).map((bytes) => {
    const y = n(scale.y(bytes));
    return `<path class="grid" d="M${left} ${y}H${right}"/>` +
      `<text x="${left - 8}" y="${y}" dy="4" text-anchor="end">${formatBytes(bytes)}</text>`;
  });
  const minutes = end > 240 ? 60 : 1;
  const up = ticks(end / minutes, 8).map((steps) => {
    const seconds = steps * minutes;
    const x = n(scale.x(seconds));
    return `<path class="grid" d="M${x} ${high}V${low}"/>` +
      `<text x="${x}" y="${low + 18}" text-anchor="middle">${seconds === 0 ? "0" : tickText(seconds)}</text>`;
  });
  return [
    ...across,
    ...up,
    `<text x="${right}" y="${SIZE.height - 6}" text-anchor="end">time from the beginning</text>`,
    `<text x="${left}" y="14" text-anchor="start">verified bytes</text>`,
  ];
}

/** 0.5 s, 10 s, 2 min 30 s. */
function tickText(seconds: number): string {
  return seconds < 10 && seconds % 1 === 0 ? `${seconds} s` : formatSeconds(seconds);
}

function lines({ pcs }: ChartData, scale: Scale): string[] {
  const drawn = pcs.filter(({ points }) => points.length > 1);
  const last = lastDone(pcs);
  const most = Math.min(
    POINTS.most,
    Math.max(POINTS.least, Math.floor(POINTS.all / Math.max(1, drawn.length))),
  );
  const classOf = ({ name, state }: ChartData["pcs"][number]) => {
    if (pcs.length <= COLOURED) return `own s${pcs.findIndex((pc) => pc.name === name)}`;
    return state === "failed" ? "failed" : name === last ? "last" : "one";
  };
  const drawing = drawn.map((pc) => ({ pc, kind: classOf(pc) }));
  // What stands out is drawn last, on top of the others.
  const order = ["one", "failed", "last"];
  drawing.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return drawing.map(({ pc, kind }) => {
    const points = thin(pc.points, most).map(({ at, bytes }) => ({ x: scale.x(at), y: scale.y(bytes) }));
    const path = straightened(points).map(({ x, y }) => `${n(x)},${n(y)}`).join(" ");
    const title = `<title>${escaped(pc.name)}: ${pc.state}</title>`;
    const end = points.at(-1)!;
    const broken = pc.state === "failed"
      ? `<circle class="line ${kind}" cx="${n(end.x)}" cy="${n(end.y)}" r="3"/>`
      : "";
    return `<polyline class="line ${kind}" points="${path}">${title}</polyline>${broken}`;
  });
}

function boundLine({ bound, total }: ChartData, scale: Scale): string[] {
  if (bound === undefined || !Number.isFinite(bound)) return [];
  const [x, y] = [n(scale.x(bound)), n(scale.y(total))];
  const anchor = scale.x(bound) > SIZE.width / 2 ? "end" : "start";
  return [
    `<path class="bound" d="M${n(scale.x(0))} ${n(scale.y(0))}L${x} ${y}V${n(scale.y(0))}"/>`,
    `<text class="bound-text" x="${x}" y="${MARGIN.top - 8}" text-anchor="${anchor}">` +
    `bound ${formatSeconds(bound)}</text>`,
  ];
}

/** Every k-th point, so that at most `most` and the last one are left. */
export function thin(points: readonly Point[], most: number): Point[] {
  const step = Math.ceil((points.length - 1) / (most - 1));
  return step <= 1 ? [...points] : points.filter((_, i) => i % step === 0 || i === points.length - 1);
}

/** Leaves out points between others on a straight line. */
function straightened(points: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  const kept = points.slice(0, 1);
  for (let i = 1; i < points.length - 1; i++) {
    const [a, b, c] = [kept.at(-1)!, points[i]!, points[i + 1]!];
    const on = a.y + (c.y - a.y) * (b.x - a.x) / Math.max(c.x - a.x, 1e-9);
    if (Math.abs(on - b.y) > NEAR) kept.push(b);
  }
  return points.length > 1 ? [...kept, points.at(-1)!] : kept;
}

/** Round numbers from 0 up to `end`, about so many. */
export function ticks(end: number, about: number): number[] {
  const rough = end / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return Array.from(
    { length: Math.floor(end / step + 1e-9) + 1 },
    (_, i) => Number((i * step).toPrecision(12)),
  );
}

function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}
