/** A fetch from beginning to end: workers, places, contents, engine. What the commands and the offers both use. */

import { existsSync } from "node:fs";
import type { LabError } from "../../base/errors.ts";
import { PartFile } from "../../storage/part_file.ts";
import type { Root } from "../../storage/root.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { PeerContext } from "../context.ts";
import type { FetchedFile } from "./content_run.ts";
import { planContents } from "./contents.ts";
import { FetchEngine, type FetchListener } from "./engine.ts";
import { type LocalHash, placeFiles } from "./place.ts";
import type { WantedFile } from "./select.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** What a fetch needs. */
export interface FetchJob {
  files: readonly WantedFile[];
  root: Root;
  pool: WorkerPool;
  identity: Identity;
  context: PeerContext;
  /** Knows the hash of a file that is there already. */
  localHash: LocalHash;
  listener: FetchListener;
  signal: AbortSignal;
}

/** How a fetch ended. */
export interface FetchOutcome {
  fetched: FetchedFile[];
  failed: { names: string[]; error: LabError }[];
}

/**
 * Fetches files into a folder.
 *
 * @throws {LabError} when it was interrupted or something of ours failed; single files that can't be had don't throw.
 */
export async function fetchFiles(job: FetchJob): Promise<FetchOutcome> {
  const { root, context, listener } = job;
  const outcome: FetchOutcome = { fetched: [], failed: [] };
  const recording: FetchListener = {
    progress: (progress) => listener.progress(progress),
    fetched(file) {
      outcome.fetched.push(file);
      listener.fetched(file);
    },
    failed(names, error) {
      outcome.failed.push({ names, error });
      listener.failed(names, error);
    },
  };
  const placed = await placeFiles(
    job.files,
    root,
    job.localHash,
    (file, error) => recording.failed([file.name], error),
  );
  for (const file of placed) {
    if (!file.present) continue;
    const { name, size, sha256, target } = file;
    recording.fetched({
      name,
      size,
      sha256,
      bytes: 0,
      seconds: 0,
      sources: 0,
      path: root.pathOf(target),
      present: true,
      from: [],
    });
  }
  const plans = planContents(placed, (key) => existsSync(PartFile.pathFor(root, key)));
  await new FetchEngine({ ...job, ...context, listener: recording }).run(plans);
  return outcome;
}
