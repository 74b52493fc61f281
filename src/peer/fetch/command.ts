/** `fetch`: from what a person asked for to files in their places. Runs in a one-shot command and in `serve` alike. */

import { LabError } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";
import { unmatched } from "../../catalog/search.ts";
import { Root } from "../../storage/root.ts";
import type { IndexFile } from "../../storage/index_file.ts";
import { findFiles, type NetworkAccess } from "../network.ts";
import type { FetchListener } from "./engine_options.ts";
import { fetchOrWait } from "./fetch_or_wait.ts";
import { askable, select } from "./select.ts";
import { WorkerPool } from "./worker_pool.ts";

/** What a person asked for. */
export interface FetchRequest {
  /** Names, folders, globs; empty for everything. */
  patterns: string[];
  from: string | undefined;
  /** Absolute path of the folder to save in. */
  folder: string;
}

/** What fetching needs beside the request. */
export interface FetchSetting extends NetworkAccess {
  listener: FetchListener;
  /** The hash of a file that is there, if an index knows it. */
  known: (name: string, size: number, modified: number) => string | undefined;
  /** What else the person can do where there is no room. */
  choice?: string;
}

/** Where a command says where files go. */
export const OTHER_FOLDER = "choose another folder with --out";

/**
 * Fetches what was asked for.
 *
 * @throws {LabError} when nothing could be begun, or the first reason why some file could not be had.
 */
export async function fetchCommand(request: FetchRequest, setting: FetchSetting): Promise<void> {
  const { fine: patterns, faults } = askable(request.patterns);
  if (patterns.length === 0 && faults[0]) throw faults[0];
  const root = Root.open(request.folder, "write");
  // The workers start while the network is being asked.
  const pool = new WorkerPool({
    folder: root.path,
    identity: setting.identity,
    security: setting.context.security,
  });
  try {
    const { from } = request;
    const { rows, peers } = await findFiles(setting, {
      ...(patterns.length > 0 ? { patterns } : {}),
      ...(from === undefined ? {} : { from }),
    });
    const { files, refused, ambiguous } = select(rows);
    faults.push(
      ...refused.map(({ name, reason }) =>
        new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${reason}`)
      ),
      ...ambiguous,
    );
    for (const fault of faults) setting.listener.failed([], fault);
    const missing = unmatched(patterns, rows.map(({ name }) => name));
    if (files.length === 0 && faults.length === 0) throw nothingFound({ ...request, patterns }, peers);
    if (missing.length > 0) {
      const fault = nothingFound({ ...request, patterns: missing }, peers);
      setting.listener.failed([], fault);
      faults.push(fault);
    }
    const { failed } = await fetchOrWait({
      files,
      root,
      pool: () => pool,
      identity: setting.identity,
      context: setting.context,
      localHash: (name, size, modified) => {
        const known = setting.known(name, size, modified);
        return known ? Promise.resolve(known) : pool.hash(name);
      },
      listener: setting.listener,
      choice: setting.choice,
      signal: setting.signal,
    });
    const first = failed[0]?.error ?? faults[0];
    if (first) throw new FetchFault(first, failed.flatMap((each) => each.names).length + faults.length);
  } finally {
    pool.close();
  }
}

/** Some of what was asked for could not be had; each reason has been told to the listener already. */
class FetchFault extends LabError {
  override name = "FetchFault";
  constructor(readonly first: LabError, readonly count: number) {
    super(
      first.code,
      count > 1 ? `${count} files could not be fetched; the first reason: ${first.message}` : first.message,
    );
  }
}

function nothingFound({ patterns, from }: FetchRequest, peers: number | undefined): LabError {
  const what = patterns.length === 0 ? "anything" : patterns.slice(0, 5).map((p) => printable(p)).join(", ");
  const it = patterns.length > 1 ? "any of them" : "it";
  if (from !== undefined) {
    return new LabError(
      "not_found",
      `Cannot fetch ${what}: ${printable(from)} does not hold ${it}; see peer index or rs index`,
    );
  }
  if (peers === 0) {
    return new LabError(
      "not_found",
      `Cannot fetch ${what}: no other peer is active now; see peer peers or rs peers`,
    );
  }
  return new LabError(
    "not_found",
    `Cannot fetch ${what}: no active peer holds ${it}; see peer index or rs index for what there is`,
  );
}

/** Knows hashes from index.csv, for a command that runs without a `serve`. */
export async function knownFrom(file: IndexFile): Promise<FetchSetting["known"]> {
  const rows = new Map((await file.load()).map((row) => [row.name, row]));
  return (name, size, modified) => {
    const row = rows.get(name);
    return row?.flag === 1 && row.size === size && Date.parse(row.modified) === modified
      ? row.sha256
      : undefined;
  };
}
