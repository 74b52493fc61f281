/**
 * What a scan of the share does to the index. A row stays: the file that has gone keeps its row with flag 0, and the row
 * turns to 1 again when the file comes back. Only where there are very many rows of files that have gone, those of the
 * oldest files are left out.
 */
import { LIMITS } from "../base/limits.ts";
import { byName, type IndexRow } from "./row.ts";

/** A file that a scan found. */
export interface Scanned {
  name: string;
  title: string;
  /** Bytes. */
  size: number;
  sha256: string;
  /** ISO 8601, UTC. */
  modified: string;
}

/** What {@linkcode applyScan} came to. */
export interface IndexChange {
  /** The complete new index, sorted by name. */
  rows: IndexRow[];
  /** Rows that are new, changed, or returned. */
  added: IndexRow[];
  /** Rows that this scan turned to flag 0. */
  gone: IndexRow[];
}

function sameFile(row: IndexRow, file: Scanned): boolean {
  return row.flag === 1 && row.sha256 === file.sha256 && row.size === file.size &&
    row.modified === file.modified &&
    row.title === file.title;
}

/**
 * Applies a whole scan to an index. Rows that didn't change are the same objects as before.
 *
 * @param before the index so far, in any order; of rows with one name the last counts.
 * @param found every file that is there now, in any order; of files with one name the last counts.
 * @param mostGone rows of files that have gone which are kept.
 * @example
 * ```ts
 * import { applyScan } from "./index.ts";
 * const file = { name: "a", title: "", size: 0, sha256: "0".repeat(64), modified: "2026-01-02T03:04:05Z" };
 * const first = applyScan([], [file]);
 * const second = applyScan(first.rows, []);
 * if (first.added.length !== 1 || second.gone[0]?.flag !== 0) throw new Error("came and went");
 * ```
 */
export function applyScan(
  before: readonly IndexRow[],
  found: readonly Scanned[],
  mostGone: number = LIMITS.goneRows,
): IndexChange {
  const old = new Map(before.map((row) => [row.name, row]));
  const now = new Map(found.map((file) => [file.name, file]));
  const change: IndexChange = { rows: [], added: [], gone: [] };
  for (const file of now.values()) {
    const row = old.get(file.name);
    if (row && sameFile(row, file)) {
      change.rows.push(row);
      continue;
    }
    const { name, title, size, sha256, modified } = file;
    const fresh: IndexRow = { name, title, size, sha256, modified, flag: 1 };
    change.rows.push(fresh);
    change.added.push(fresh);
  }
  for (const row of old.values()) {
    if (now.has(row.name)) continue;
    const kept: IndexRow = row.flag === 0 ? row : { ...row, flag: 0 };
    change.rows.push(kept);
    if (kept !== row) change.gone.push(kept);
  }
  if (change.rows.length - now.size > mostGone) change.rows = withoutOldest(change.rows, mostGone);
  for (const list of [change.rows, change.added, change.gone]) list.sort(byName);
  return change;
}

/** When a file went isn't known; when it was made, is. A tenth more goes, so that the next that goes costs nothing. */
function withoutOldest(rows: IndexRow[], most: number): IndexRow[] {
  const gone = rows.filter(({ flag }) => flag === 0);
  gone.sort((a, b) => a.modified < b.modified ? 1 : a.modified > b.modified ? -1 : byName(a, b));
  return [...rows.filter(({ flag }) => flag === 1), ...gone.slice(0, Math.floor(most * 0.9))];
}
