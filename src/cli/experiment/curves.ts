/** The curves of an experiment as SVG: cumulative time against number of files. Pure. */

import { formatSeconds } from "../../base/units.ts";
import { ticks } from "../broadcast/chart.ts";
import { escaped } from "../broadcast/escape.ts";

/** One curve: the seconds at which there were one, two, three, ... files. */
export interface Curve {
  name: string;
  seconds: readonly number[];
  /** Class of the style sheet: `s0` to `s7`, `bound` or `even`. */
  kind: string;
}

/** What is drawn. */
export interface CurvesData {
  /** For those who can't see it. */
  label: string;
  curves: readonly Curve[];
}

const SIZE = { width: 960, height: 400 };
const MARGIN = { left: 74, right: 24, top: 28, bottom: 44 };

/** Draws them. @returns an `svg` element, every text in it escaped. */
export function drawCurves({ label, curves }: CurvesData): string {
  const files = Math.max(1, ...curves.map(({ seconds }) => seconds.length));
  const end = Math.max(0.1, ...curves.map(({ seconds }) => seconds.at(-1) ?? 0));
  const x = (count: number) => round(MARGIN.left + count / files * (SIZE.width - MARGIN.left - MARGIN.right));
  const y = (seconds: number) =>
    round(SIZE.height - MARGIN.bottom - seconds / end * (SIZE.height - MARGIN.top - MARGIN.bottom));
  // What is no measurement lies under the curves.
  const isDrawnFirst = ({ kind }: Curve) => kind === "bound" || kind === "even";
  const drawn = [...curves].sort((a, b) => Number(isDrawnFirst(b)) - Number(isDrawnFirst(a)));
  return [
    `<svg viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${escaped(label)}">`,
    ...grid({ files, end, x, y }),
    ...drawn.filter(({ seconds }) => seconds.length > 0).map((curve) => {
      const { name, seconds, kind } = curve;
      const points = [0, ...seconds].map((at, count) => `${x(count)},${y(at)}`).join(" ");
      const style = isDrawnFirst(curve) ? kind : `line ${kind}`;
      const total = formatSeconds(seconds.at(-1)!);
      return `<polyline class="${style}" points="${points}"><title>${
        escaped(name)
      }: ${total}</title></polyline>`;
    }),
    "</svg>",
  ].join("\n");
}

/** The key to the curves, for below the picture. */
export function curvesKey(curves: readonly Curve[]): string {
  return curves.map(({ name, kind }) => `<span class="key"><i class="${kind}"></i>${escaped(name)}</span>`)
    .join("\n");
}

interface Scale {
  files: number;
  end: number;
  x: (files: number) => number;
  y: (seconds: number) => number;
}

function grid({ files, end, x, y }: Scale): string[] {
  const [left, right] = [MARGIN.left, SIZE.width - MARGIN.right];
  const [high, low] = [MARGIN.top, SIZE.height - MARGIN.bottom];
  return [
    ...ticks(end, 5).map((seconds) =>
      `<path class="grid" d="M${left} ${y(seconds)}H${right}"/>` +
      `<text x="${left - 8}" y="${y(seconds)}" dy="4" text-anchor="end">${axisText(seconds)}</text>`
    ),
    ...ticks(files, 10).filter(Number.isInteger).map((count) =>
      `<path class="grid" d="M${x(count)} ${high}V${low}"/>` +
      `<text x="${x(count)}" y="${low + 18}" text-anchor="middle">${count}</text>`
    ),
    `<text x="${right}" y="${SIZE.height - 6}" text-anchor="end">files fetched</text>`,
    `<text x="${left}" y="14" text-anchor="start">seconds from the beginning</text>`,
  ];
}

/** "0", "0.5", "10": the axis says that they are seconds. */
function axisText(seconds: number): string {
  return String(Number(seconds.toFixed(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
