/** From what the network's index says to what is to be fetched. Pure. */

import { LabError } from "../../base/errors.ts";
import { nameFault, printable } from "../../catalog/names.ts";
import type { Holder } from "../../catalog/merge.ts";

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
}

/**
 * Chooses what to fetch.
 *
 * @param rows matching rows of the network's index; with `from`, only that peer's.
 * @throws {LabError} "ambiguous" when holders have different contents under one name.
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
    clashes.set(row.name, [...clashes.get(row.name) ?? [], row]);
    const { name, size, sha256, holders } = row;
    files.set(name, { name, size, sha256, modified: Date.parse(row.modified) || 0, holders });
  }
  const ambiguous = [...clashes.values()].filter((same) => same.length > 1);
  if (ambiguous.length > 0) throw new LabError("ambiguous", ambiguitySentence(ambiguous));
  return { files: [...files.values()], refused };
}

function ambiguitySentence(ambiguous: NetworkRow[][]): string {
  const first = ambiguous[0]!;
  const list = first.slice(0, 5).map((row) =>
    `${row.holders.map((h) => printable(h.peer)).slice(0, 3).join(", ")} (${row.size} bytes, SHA-256 ${
      row.sha256.slice(0, 8)
    })`
  );
  const more = ambiguous.length > 1 ? `; ${ambiguous.length - 1} more names are like that` : "";
  return `Cannot fetch ${printable(first[0]!.name)}: holders have different contents under that name: ${
    list.join("; ")
  }${more}; ` +
    `say which with --from PEER`;
}
