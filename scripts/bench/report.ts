/** Results of the transfer bench: summed up, compared, and shown. Pure, but for the printing. */

import { type Column, layOut } from "../../src/cli/table.ts";
import type { Run } from "./measure.ts";
import { type Contender, OURS, type Work } from "./rivals.ts";
import { compare, type Comparison, median, significant, summarize, type Target } from "./statistics.ts";

/** What one contender reached. */
export interface CaseResult {
  work: Work;
  name: string;
  verifies: boolean;
  /** The runs that count. */
  ok: number;
  failures: string[];
  target?: Target;
  /** Of every run that counts, in the order of the rounds. */
  seconds: number[];
  /** Medians; only if more than half of the runs count. */
  figures?: Figures;
}

/** Medians of a case. */
export interface Figures {
  seconds: number;
  spread: number;
  mbPerSecond: number;
  filesPerSecond?: number;
  clientCpu: number;
  serverCpu: number;
  clientPeakMb: number;
  serverPeakMb: number;
  foreign: number;
}

/** A comparison, and of which work. */
export type WorkComparison = Comparison & { work: Work };

/** Sums one contender's runs up. */
export function summarizeCase(
  { work, name, verifies, target }: Contender,
  runs: readonly Run[],
  failures: string[],
  amount: { bytes: number; files?: number },
): CaseResult {
  const seconds = runs.map((run) => significant(run.seconds));
  const result: CaseResult = {
    work,
    name,
    verifies,
    ok: runs.length,
    failures,
    seconds,
    ...(target ? { target } : {}),
  };
  if (runs.length <= failures.length) return result;
  const time = summarize(seconds);
  const of = (pick: (run: Run) => number) => significant(median(runs.map(pick)), 3);
  result.figures = {
    seconds: time.median,
    spread: significant(time.spread, 3),
    mbPerSecond: significant(amount.bytes / time.median / 1e6),
    ...(amount.files === undefined ? {} : { filesPerSecond: Math.round(amount.files / time.median) }),
    clientCpu: of((run) => run.clientCpu),
    serverCpu: of((run) => run.serverCpu),
    clientPeakMb: of((run) => run.clientPeak / 1e6),
    serverPeakMb: of((run) => run.serverPeak / 1e6),
    foreign: of((run) => run.foreign),
  };
  return result;
}

/** Us against each of the others, in what both have done. A target that can't be judged, since we failed, is missed. */
export function comparisons(cases: readonly CaseResult[]): WorkComparison[] {
  const found: WorkComparison[] = [];
  for (const { work, name, target, figures } of cases) {
    if (name === OURS || figures === undefined) continue;
    const ours = cases.find((c) => c.work === work && c.name === OURS)?.figures;
    const seconds = ours?.seconds ?? Infinity;
    found.push({ work, ...compare(name, seconds, figures.seconds, target) });
  }
  return found.map((c) => ({ ...c, ratio: significant(c.ratio, 3) }));
}

interface Row {
  work: Work;
  name: string;
  verifies: string;
  seconds: string;
  rate: string;
  files: string;
  cpu: string;
  peak: string;
  foreign: string;
  ratio: string;
  target: string;
}

const right = "right" as const;
const COLUMNS: Column<Row>[] = [
  { key: "work" },
  { key: "name", title: "tool" },
  { key: "verifies", title: "sha" },
  { key: "seconds", align: right },
  { key: "rate", title: "MB/s", align: right },
  { key: "files", title: "files/s", align: right },
  { key: "cpu", title: "CPU s", align: right },
  { key: "peak", title: "RSS MB", align: right },
  { key: "foreign", align: right },
  { key: "ratio", title: "ours by it", align: right },
  { key: "target" },
];

function row(result: CaseResult, compared?: WorkComparison): Row {
  const { work, name, figures, ok, failures } = result;
  const pair = (a: number, b: number, digits: number) => `${a.toFixed(digits)} + ${b.toFixed(digits)}`;
  const of = (pick: (figures: Figures) => string) => figures ? pick(figures) : "";
  return {
    work,
    name: failures.length > 0 ? `${name} (${ok} of ${ok + failures.length})` : name,
    verifies: result.verifies ? "yes" : "",
    seconds: figures ? `${figures.seconds.toFixed(3)} ±${figures.spread.toFixed(3)}` : "FAILED",
    rate: of((f) => f.mbPerSecond.toFixed(0)),
    files: of((f) => f.filesPerSecond === undefined ? "" : String(f.filesPerSecond)),
    cpu: of((f) => pair(f.clientCpu, f.serverCpu, 2)),
    peak: of((f) => pair(f.clientPeakMb, f.serverPeakMb, 0)),
    foreign: of((f) => f.foreign.toFixed(2)),
    ratio: compared ? compared.ratio.toFixed(2) : "",
    target: compared?.atLeast === undefined
      ? ""
      : `${compared.pass ? "met" : "MISSED"} (${compared.atLeast})`,
  };
}

/** The table, without line ends. */
export function tableOf(cases: readonly CaseResult[], compared: readonly WorkComparison[]): string[] {
  const rows = cases.map((c) => row(c, compared.find((r) => r.work === c.work && r.rival === c.name)));
  return layOut(rows, COLUMNS);
}

/** Prints the table and how to read it. */
export function printReport(cases: readonly CaseResult[], compared: readonly WorkComparison[]): void {
  for (const line of tableOf(cases, compared)) console.log(line);
  console.log(`
seconds: from start to end of the client, median ± half of the range. sha: a SHA-256 of all bytes was checked.
CPU, RSS: client + server. RSS: largest process of each side. foreign: cores that other programs kept busy.
ours by it: our rate by the rate of that line; above 1 we are faster. target: what the ratio must reach.`);
}
