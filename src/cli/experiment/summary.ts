/** What an experiment came to, in numbers, sentences and CSV. Pure. */

import { formatSeconds } from "../../base/units.ts";
import { boundOf, evenShares } from "../../peer/experiment/bound.ts";
import type { Measured } from "../../peer/experiment/experiment.ts";
import type { Case } from "../../peer/experiment/plan.ts";
import { type Column, toCsv } from "../table.ts";

/** A finished experiment. */
export interface Outcome {
  /** When it began, milliseconds since 1970. */
  began: number;
  /** Names of those that took part; the first one is the one that serves where it is central. */
  peers: readonly string[];
  /** Files that each holds. */
  each: number;
  /** Of each file, bytes. */
  size: number;
  /** What each peer sends at most, bytes per second; undefined where nobody says. */
  rate: number | undefined;
  /** Peers of this process, or PCs. */
  isLocal: boolean;
  cases: readonly Measured[];
}

/** How the cases are called. */
export const TITLES: Readonly<Record<Case, string>> = {
  central: "Central",
  best: "Peer to peer, best case",
  worst: "Peer to peer, worst case",
};

/** What happens in each. */
export const STORIES: Readonly<Record<Case, string>> = {
  central: "One peer holds all files; the others fetch from it, all at the same time.",
  best: "Everybody holds a part and fetches the others'; each begins with another peer, so nobody waits.",
  worst: "Everybody holds a part and fetches the others'; all ask the same peers in the same order.",
};

/** Files that each peer fetches. */
export function filesOf({ peers, each }: Pick<Outcome, "peers" | "each">): number {
  return (peers.length - 1) * each;
}

/** Seconds until the last of all peers has so many files; undefined where nobody has. */
export function lastAt({ marks }: Pick<Measured, "marks">, files: number): number | undefined {
  const times = marks.flatMap((own) => own[files - 1]?.seconds ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** The same, the mean over all peers. */
export function meanAt({ marks }: Pick<Measured, "marks">, files: number): number | undefined {
  const times = marks.flatMap((own) => own[files - 1]?.seconds ?? []);
  return times.length === 0 ? undefined : times.reduce((sum, each) => sum + each, 0) / times.length;
}

/** Seconds until everybody can have one file, two, three, ... at the earliest; nothing where the rate isn't known. */
export function boundLine({ trial }: Pick<Measured, "trial">, { size, rate }: Outcome): number[] {
  return rate === undefined ? [] : boundOf(trial, size, rate);
}

/** Seconds until the last peer has so many where the uplinks are shared evenly; nothing where the rate isn't known. */
export function evenLine({ trial }: Pick<Measured, "trial">, { size, rate }: Outcome): number[] {
  if (rate === undefined) return [];
  const times = evenShares(trial, size, rate);
  const files = Math.max(...times.map((own) => own.length));
  return Array.from({ length: files }, (_, n) => Math.max(...times.flatMap((own) => own[n] ?? [])));
}

/** How much earlier the last peer is done than where it is central: 5 is five times as early. */
export function gain(outcome: Outcome, kind: Case): number | undefined {
  const files = filesOf(outcome);
  const at = (wanted: Case) => {
    const measured = outcome.cases.find(({ trial }) => trial.kind === wanted);
    return measured && lastAt(measured, files);
  };
  const [central, other] = [at("central"), at(kind)];
  return central === undefined || other === undefined ? undefined : central / other;
}

/** True when the best case came out ahead of the central one. */
export function isAhead(outcome: Outcome): boolean {
  return (gain(outcome, "best") ?? 0) > 1;
}

/** The outcome in a sentence. */
export function verdict(outcome: Outcome): string {
  const files = filesOf(outcome);
  const parts = outcome.cases.map((measured) => {
    const { kind } = measured.trial;
    const times = kind === "central" ? undefined : gain(outcome, kind);
    const factor = times === undefined ? "" : ` (${times.toFixed(1)} times as fast)`;
    return `${TITLES[kind].toLowerCase()} ${secondsText(lastAt(measured, files) ?? 0)}${factor}`;
  });
  return `Until the last peer had ${files} files: ${parts.join("; ")}.`;
}

/** "12.8 s": a tenth matters in a comparison. */
export function secondsText(seconds: number): string {
  return seconds < 100 ? `${seconds.toFixed(1)} s` : formatSeconds(seconds);
}

/** Rows of the table: about so many of the numbers of files, the last one always. */
export function steps(files: number, most = 10): number[] {
  const step = Math.max(1, Math.ceil(files / most));
  const all = Array.from({ length: Math.floor(files / step) }, (_, i) => (i + 1) * step);
  return all.at(-1) === files ? all : [...all, files];
}

interface CsvRow {
  case: Case;
  peer: string;
  files: number;
  from: string;
  seconds: number;
  even: number | undefined;
  bound: number | undefined;
}

const COLUMNS: Column<CsvRow>[] = [
  { key: "case" },
  { key: "peer" },
  { key: "files" },
  { key: "from" },
  { key: "seconds" },
  { key: "even" },
  { key: "bound" },
];

/**
 * Every file of every peer: a row each, with the time since the beginning, when the peer would have it with evenly shared
 * uplinks, and the bound for all peers to have so many.
 */
export function experimentCsv(outcome: Outcome): string {
  const { peers, size, rate } = outcome;
  const rows = outcome.cases.flatMap(({ trial, marks }) => {
    const even = rate === undefined ? undefined : evenShares(trial, size, rate);
    const bound = rate === undefined ? undefined : boundOf(trial, size, rate);
    return marks.flat().map(({ peer, files, from, seconds }): CsvRow => ({
      case: trial.kind,
      peer: peers[peer]!,
      files,
      from: peers[from]!,
      seconds: thousandths(seconds),
      even: even && thousandths(even[peer]![files - 1]!),
      bound: bound && thousandths(bound[files - 1]!),
    }));
  });
  return toCsv(rows, COLUMNS);
}

/** Milliseconds are enough. */
export function thousandths(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
