/** Results of the swarm bench: summed up and laid out. Pure. */

import { type Column, layOut } from "../../../src/cli/table.ts";
import { significant, summarize } from "../statistics.ts";
import type { SwarmRun } from "./one_run.ts";

/** What one contender reached. */
export interface SwarmCase {
  name: string;
  verifies: boolean;
  ok: number;
  failures: string[];
  /** Of each run that counts. */
  makespans: number[];
  /** Medians, if more than half of the runs count. */
  figures?: SwarmFigures;
}

/** Medians of a contender's runs. */
export interface SwarmFigures {
  makespan: number;
  spread: number;
  first: number;
  /** Makespan by F/B. */
  ratio: number;
  cpu: number;
  busy: number;
  foreign: number;
  peakMb: number;
  /** Bytes on the source's wire by the size. */
  copies: number;
  drops: number;
  notes: Record<string, number>;
}

/**
 * Sums runs up.
 *
 * @param ideal F/B, seconds.
 * @param size F, bytes.
 */
export function summarizeSwarm(
  { name, verifies }: { name: string; verifies: boolean },
  runs: readonly SwarmRun[],
  failures: string[],
  { ideal, size }: { ideal: number; size: number },
): SwarmCase {
  const makespans = runs.map(({ makespan }) => significant(makespan));
  const result: SwarmCase = { name, verifies, ok: runs.length, failures, makespans };
  if (runs.length <= failures.length) return result;
  const of = (pick: (run: SwarmRun) => number) => significant(summarize(runs.map(pick)).median, 3);
  const time = summarize(makespans);
  result.figures = {
    makespan: time.median,
    spread: significant(time.spread, 3),
    first: of((run) => run.first),
    ratio: significant(time.median / ideal),
    cpu: of((run) => run.cpu),
    busy: of((run) => run.busy),
    foreign: of((run) => run.foreign),
    peakMb: of((run) => run.peak / 1e6),
    copies: of((run) => run.sourceSent / size),
    drops: of((run) => run.drops),
    notes: Object.fromEntries(
      Object.keys(runs[0]!.notes).map((name) => [name, of((run) => run.notes[name]!)]),
    ),
  };
  return result;
}

interface Row {
  name: string;
  sha: string;
  makespan: string;
  ratio: string;
  first: string;
  cpu: string;
  busy: string;
  rss: string;
  copies: string;
  foreign: string;
  drops: string;
}

const right = "right" as const;
const COLUMNS: Column<Row>[] = [
  { key: "name", title: "tool" },
  { key: "sha" },
  { key: "makespan", align: right },
  { key: "ratio", title: "by F/B", align: right },
  { key: "first", align: right },
  { key: "cpu", title: "CPU s", align: right },
  { key: "busy", align: right },
  { key: "rss", title: "RSS MB", align: right },
  { key: "copies", title: "source sent/F", align: right },
  { key: "foreign", align: right },
  { key: "drops", align: right },
];

/** The table. */
export function swarmTable(cases: readonly SwarmCase[]): string[] {
  const rows = cases.map(({ name, verifies, ok, failures, figures }): Row => {
    const of = (pick: (figures: SwarmFigures) => string) => figures ? pick(figures) : "";
    return {
      name: failures.length > 0 ? `${name} (${ok} of ${ok + failures.length})` : name,
      sha: verifies ? "yes" : "",
      makespan: figures ? `${figures.makespan.toFixed(2)} ±${figures.spread.toFixed(2)}` : "FAILED",
      ratio: of((f) => f.ratio.toFixed(3)),
      first: of((f) => f.first.toFixed(2)),
      cpu: of((f) => f.cpu.toFixed(1)),
      busy: of((f) => `${Math.round(f.busy * 100)}%`),
      rss: of((f) => f.peakMb.toFixed(0)),
      copies: of((f) => f.copies.toFixed(2)),
      foreign: of((f) => f.foreign.toFixed(2)),
      drops: of((f) => String(f.drops)),
    };
  });
  return layOut(rows, COLUMNS);
}

/** How to read the table. */
export const LEGEND =
  `makespan: until the last receiver has the file, median ± half of the range; first: the first one. sha: checks hashes.
by F/B: makespan by the file's size over one iperf3 flow on the same LAN. CPU: of all its programs on all hosts.
busy: share of all cores, by whomever; above 85% the machine is the limit, not the links. RSS: largest process, with
the pages of the executable that all of them share. source sent: bytes on host 1's wire; 1.045 is one copy.`;
