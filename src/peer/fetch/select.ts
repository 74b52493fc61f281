/** From what the network's index says to what is to be fetched. Pure. */

import { LabError } from "../../base/errors.ts";
import { nameFault, printable } from "../../catalog/names.ts";
import type { Holder } from "../../catalog/merge.ts";
import { patternFault } from "../../catalog/search.ts";

/**
 * Tells what no file can be called from what somebody may be asked for.
 *
 * @param patterns names, folders, globs.
 * @returns those that a file may have; and a sentence for each of the others, "name_refused".
 */
export function askable(patterns: readonly string[]): { fine: string[]; faults: LabError[] } {
  const fine: string[] = [];
  const faults: LabError[] = [];
  for (const pattern of patterns) {
    const fault = patternFault(pattern);
    if (fault === undefined) fine.push(pattern);
    else {
      faults.push(
        new LabError(
          "name_refused",
          `Cannot fetch ${
            printable(pattern, 300)
          }: no file is called that, since ${fault}; see peer index or rs index`,
        ),
      );
    }
  }
  return { fine, faults };
}

/** A row of the network's index: one content under one name, and who holds it. */
export interface NetworkRow {
  name: string;
  title: string;
  size: number;
  sha256: string;
  modified: string;
  holders: Holder[];
}

/** A file that is to be fetched. */
export interface WantedFile {
  name: string;
  size: number;
  sha256: string;
  /** Milliseconds since 1970. */
  modified: number;
  holders: Holder[];
}

/** What was asked for, in sentences. */
export interface Selection {
  files: WantedFile[];
  /** Names that break the rules: left out, each with its reason. */
  refused: { name: string; reason: string }[];
  /** Names under which holders have different contents: left out, each with a sentence that lists them. */
  ambiguous: LabError[];
}

/**
 * Chooses what to fetch. What can't be had doesn't hold up the rest.
 *
 * @param rows matching rows of the network's index; with `from`, only that peer's.
 */
export function select(rows: readonly NetworkRow[]): Selection {
  const files = new Map<string, WantedFile>();
  const refused: Selection["refused"] = [];
  const clashes = new Map<string, NetworkRow[]>();
  for (const row of rows) {
    const reason = nameFault(row.name);
    if (reason) {
      refused.push({ name: row.name, reason });
      continue;
    }
    const same = clashes.get(row.name);
    if (same) same.push(row);
    else clashes.set(row.name, [row]);
    const { name, size, sha256, holders } = row;
    files.set(name, { name, size, sha256, modified: Date.parse(row.modified) || 0, holders });
  }
  const ambiguous: LabError[] = [];
  for (const [name, same] of clashes) {
    if (same.length < 2) continue;
    files.delete(name);
    ambiguous.push(new LabError("ambiguous", ambiguitySentence(name, same)));
  }
  return { files: [...files.values()], refused, ambiguous };
}

function ambiguitySentence(name: string, contents: NetworkRow[]): string {
  const list = contents.slice(0, 5).map((row) =>
    `${row.holders.map((h) => printable(h.peer)).slice(0, 3).join(", ")} (${row.size} bytes, SHA-256 ${
      row.sha256.slice(0, 8)
    })`
  );
  return `Cannot fetch ${printable(name)}: holders have different contents under that name: ${
    list.join("; ")
  }; say which with --from PEER`;
}
