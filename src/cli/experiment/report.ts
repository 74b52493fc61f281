/** The report of an experiment as one HTML file that needs nothing else. Pure: data in, HTML out. */

import { formatBytes, formatCount, formatRate, formatSeconds } from "../../base/units.ts";
import { AT_ONCE } from "../../peer/experiment/bound.ts";
import type { Measured } from "../../peer/experiment/experiment.ts";
import { escaped } from "../broadcast/escape.ts";
import { page } from "../broadcast/page.ts";
import { type Curve, curvesKey, drawCurves } from "./curves.ts";
import {
  boundLine,
  evenLine,
  filesOf,
  isAhead,
  lastAt,
  meanAt,
  type Outcome,
  steps,
  STORIES,
  TITLES,
  verdict,
} from "./summary.ts";

/** Lines that say "bound" look the same in the key as in the picture; all columns but the first hold numbers. */
const CSS = `
h3{font-size:1rem;margin:1.5rem 0 .25rem}p{margin:.25rem 0 .5rem}
.numbers th:nth-child(n+2),.numbers td:nth-child(n+2){text-align:right;white-space:nowrap}
.numbers td:first-child,.numbers th:first-child{white-space:nowrap}
.numbers th[colspan]{text-align:right}
.wide{overflow-x:auto;margin-top:.75rem}
`;

/** Colours that the style sheet has for curves; more peers begin again. */
const COLOURS = 8;

/**
 * Writes the report.
 *
 * @returns a whole HTML document.
 */
export function experimentHtml(outcome: Outcome): string {
  const title = "Central or peer to peer";
  return page(
    title,
    `<h1>${title}</h1>
<p class="verdict ${isAhead(outcome) ? "good" : "bad"}">${escaped(verdict(outcome))}</p>
<dl>
${facts(outcome).map(([term, text]) => `<div><dt>${term}</dt><dd>${escaped(text)}</dd></div>`).join("\n")}
</dl>
<h2>Until the last peer had so many files</h2>
${figure("Cumulative time against number of files, the last peer of each case", comparison(outcome))}
<h2>In numbers</h2>
${table(outcome)}
${outcome.cases.map((measured) => section(measured, outcome)).join("\n")}`,
    CSS,
  );
}

function facts(outcome: Outcome): [string, string][] {
  const { peers, each, size, rate, began, isLocal } = outcome;
  return [
    ["Began", `${new Date(began).toISOString().slice(0, 19).replace("T", " ")} UTC`],
    ["Peers", `${peers.length}${isLocal ? ", in one process, over loopback" : `: ${peers.join(", ")}`}`],
    ["Files", `${peers.length * each} of ${formatBytes(size)}; each peer fetches ${filesOf(outcome)}`],
    ["Each peer sends at most", rate === undefined ? "as fast as it can" : rateText(rate)],
    ["Order", "one file after the other; all peers begin at the same moment"],
    [
      "Bound",
      rate === undefined
        ? "not drawn: no rate is known"
        : "no way of sharing the uplinks gives everybody so many files earlier",
    ],
    ...rate === undefined ? [] : [[
      "Evenly shared",
      "the last peer, if each uplink is shared evenly by those who ask; drawn where that isn't the bound",
    ] as [string, string]],
  ];
}

/** "2.50 MB/s (20 Mbit/s)". */
function rateText(rate: number): string {
  return `${formatRate(rate)} (${Number((rate * 8 / 1e6).toPrecision(3))} Mbit/s)`;
}

function comparison(outcome: Outcome): Curve[] {
  return outcome.cases.flatMap((measured, i): Curve[] => {
    const name = TITLES[measured.trial.kind];
    const seconds = Array.from({ length: filesOf(outcome) }, (_, n) => lastAt(measured, n + 1) ?? 0);
    return [{ name, seconds, kind: `s${i}` }];
  });
}

function section(measured: Measured, outcome: Outcome): string {
  const { kind } = measured.trial;
  const curves = measured.marks.map((own, i): Curve => ({
    name: outcome.peers[i]!,
    seconds: own.map(({ seconds }) => seconds),
    kind: `s${i % COLOURS}`,
  })).filter(({ seconds }) => seconds.length > 0);
  const bound = boundLine(measured, outcome);
  const even = evenLine(measured, outcome);
  const all: Curve[] = [
    ...curves,
    ...bound.length > 0 ? [{ name: "bound", seconds: bound, kind: "bound" }] : [],
    // Where they are the same but for a moment, one line is enough.
    ...even.length > 0 && even.at(-1)! > bound.at(-1)! + 1.01 * AT_ONCE
      ? [{ name: "evenly shared", seconds: even, kind: "even" }]
      : [],
  ];
  return `<h2>${TITLES[kind]}</h2>
<p>${STORIES[kind]}</p>
${figure(`${TITLES[kind]}: cumulative time against number of files, a curve for each peer`, all)}
${finals(measured, outcome)}`;
}

function figure(label: string, curves: readonly Curve[]): string {
  return `<figure>
${drawCurves({ label, curves })}
<figcaption>${curvesKey(curves)}</figcaption>
</figure>`;
}

/** How long it took until so many files were there, and what the uplinks allow. */
function table(outcome: Outcome): string {
  const { cases } = outcome;
  const isBound = outcome.rate !== undefined;
  const parts = ["mean", "last peer", ...isBound ? ["bound"] : []];
  const kinds = cases.map(({ trial }) => `<th colspan="${parts.length}">${TITLES[trial.kind]}</th>`);
  const bounds = cases.map((measured) => boundLine(measured, outcome));
  const rows = steps(filesOf(outcome)).map((files) => {
    const cells = cases.flatMap((measured, i) => [
      shown(meanAt(measured, files)),
      shown(lastAt(measured, files)),
      ...isBound ? [shown(bounds[i]![files - 1])] : [],
    ]);
    return [String(files), ...cells];
  });
  return tableOf(["Files", ...cases.flatMap(() => parts)], rows, `<tr><th></th>${kinds.join("")}</tr>`);
}

/** Each peer of a case: when it had all. */
function finals({ marks }: Measured, { peers }: Outcome): string {
  const rows = marks.flatMap((own, i) => {
    const last = own.at(-1);
    return last ? [[peers[i]!, formatCount(last.files, "file"), shown(last.seconds)]] : [];
  });
  return tableOf(["Peer", "Fetched", "After"], rows);
}

/** @param above a row of HTML above the heads of the columns. */
function tableOf(head: readonly string[], rows: readonly (readonly string[])[], above = ""): string {
  const line = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table class="numbers">
<thead>${above}${line(head, "th")}</thead>
<tbody>
${rows.map((row) => line(row, "td")).join("\n")}
</tbody>
</table></div>`;
}

function shown(seconds: number | undefined): string {
  if (seconds === undefined) return "";
  return seconds < 100 ? `${seconds.toFixed(2)} s` : formatSeconds(seconds);
}
