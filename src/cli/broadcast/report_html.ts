/**
 * The report of a broadcast as one HTML file that needs nothing else (`page.ts`). Every text of others is escaped. Pure: data
 * in, HTML out.
 */

import { formatBytes, formatCount, formatRate, formatSeconds } from "../../base/units.ts";
import { chart, COLOURED, lastDone } from "./chart.ts";
import type { PcCourse } from "./course.ts";
import { becauseOf, type Efficiency } from "./efficiency.ts";
import { escaped } from "./escape.ts";
import { page } from "./page.ts";

/** What a report tells. */
export interface ReportData {
  /** What was sent. */
  title: string;
  /** Number of the broadcast. */
  id: string;
  /** Who sent it. */
  from: string;
  /** When it began, milliseconds since 1970. */
  began: number;
  files: number;
  /** Bytes that each PC was to have. */
  total: number;
  /** Seconds that the command took. */
  seconds: number;
  /** Bytes that the source handed to the network. */
  sent: number;
  pcs: readonly PcCourse[];
  efficiency: Efficiency | undefined;
  /** Why it ended before all PCs were done or had failed. */
  ended?: string;
}

/**
 * Writes the report.
 *
 * @returns a whole HTML document; about 100 kB for 400 PCs.
 */
export function reportHtml(data: ReportData): string {
  return page(
    `Broadcast of ${data.title}`,
    `<h1>Broadcast of ${escaped(data.title)}</h1>
<p class="verdict ${isWhole(data) ? "good" : "bad"}">${verdict(data)}</p>
<dl>
${summary(data).map(([term, text]) => `<div><dt>${term}</dt><dd>${text}</dd></div>`).join("\n")}
</dl>
<h2>Bytes over time</h2>
<figure>
${chart({ total: data.total, pcs: data.pcs, bound: data.efficiency?.bound })}
<figcaption>${legend(data)}</figcaption>
</figure>
<h2>Receipts</h2>
${receipts(data)}`,
  );
}

function isWhole({ pcs, ended }: ReportData): boolean {
  return ended === undefined && pcs.every(({ state }) => state === "done");
}

function verdict(data: ReportData): string {
  const done = data.pcs.filter(({ state }) => state === "done").length;
  const text = `${done} of ${formatCount(data.pcs.length, "PC")} verified the whole and said so, after ` +
    `${formatSeconds(data.seconds)}.`;
  return data.ended === undefined ? text : `${text} It ended early: ${escaped(data.ended)}`;
}

function summary(data: ReportData): [string, string][] {
  const { efficiency: near } = data;
  const facts: [string, string][] = [
    ["Sent by", escaped(data.from)],
    ["Began", escaped(`${new Date(data.began).toISOString().slice(0, 19).replace("T", " ")} UTC`)],
    ["Content", `${formatCount(data.files, "file")}, ${formatBytes(data.total)}`],
    ["The source sent", `${formatBytes(data.sent)}${timesTotal(data)}`],
    ["Number", escaped(data.id)],
  ];
  if (near) {
    facts.push(
      ["Time to the last PC", formatSeconds(near.seconds)],
      ["Bound", `${formatSeconds(near.bound)}, by ${escaped(becauseOf(near))}`],
      [
        "Efficiency",
        `${near.eta.toFixed(2)} (bound / time; an estimate: the rates are the best that were seen)`,
      ],
    );
  }
  return facts;
}

function timesTotal({ sent, total }: ReportData): string {
  return total > 0 ? `, ${(sent / total).toFixed(2)} times the content` : "";
}

function legend(data: ReportData): string {
  const key = (kind: string, text: string) => `<span class="key"><i class="${kind}"></i>${text}</span>`;
  const keys: string[] = [];
  if (data.pcs.length <= COLOURED) {
    data.pcs.forEach(({ name }, i) => keys.push(key(`own s${i}`, escaped(name))));
  } else {
    const last = lastDone(data.pcs);
    keys.push(key("one", "each PC"));
    if (last !== undefined) keys.push(key("last", `${escaped(last)}, the last one`));
    if (data.pcs.some(({ state }) => state === "failed")) keys.push(key("failed", "failed"));
  }
  if (data.efficiency) keys.push(key("bound", "what the links allow"));
  return keys.join("\n");
}

/** Those that failed come first: they are what the reader has to do something about. */
function receipts({ pcs }: ReportData): string {
  const rows = [
    ...pcs.filter(({ state }) => state !== "done"),
    ...pcs.filter(({ state }) => state === "done"),
  ];
  const cells = rows.map(({ name, state, bytes, seconds, best, reason }) =>
    `<tr class="${state}"><td>${escaped(name)}</td><td>${state}</td><td>${formatBytes(bytes)}</td>` +
    `<td>${seconds === undefined ? "" : formatSeconds(seconds)}</td>` +
    `<td>${best === undefined ? "" : formatRate(best)}</td><td>${escaped(reason ?? "")}</td></tr>`
  );
  return `<table>
<thead><tr><th>PC</th><th>State</th><th>Received</th><th>After</th><th>Best rate</th><th>Why</th></tr></thead>
<tbody>
${cells.join("\n")}
</tbody>
</table>`;
}
