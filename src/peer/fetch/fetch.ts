/** A fetch from beginning to end: workers, places, contents, engine. What the commands and the offers both use. */

import { existsSync } from "node:fs";
import type { LabError } from "../../base/errors.ts";
import type { ContentFile } from "../../catalog/layout.ts";
import type { Holder } from "../../catalog/merge.ts";
import { PartFile } from "../../storage/part_file.ts";
import type { Root } from "../../storage/root.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { PeerContext } from "../context.ts";
import type { FetchedFile } from "./content_run.ts";
import { contentFiles, type ContentPlan, type PlacedFile, planContents } from "./contents.ts";
import { FetchEngine, type FetchListener } from "./engine.ts";
import { type LocalHash, placeFiles, placeInstead } from "./place.ts";
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
  /** In a broadcast the plan says who delivers, contents are the same everywhere, and are passed on. */
  broadcast?: BroadcastJob;
}

/** What a broadcast adds to a fetch. */
export interface BroadcastJob {
  /** For each stripe those who may be asked for it, the planned parent first; none where it is delivered late. */
  stripes: Holder[][];
  /** For each stripe, how many PCs are between us and the source, if the sender says so. */
  depths?: number[] | undefined;
  relay: Relay;
  /** These files are here already, and make up a content that others may ask for. */
  whole: (files: ContentFile[]) => Promise<void>;
  /** Frees names that other files have; what it returns puts those back. */
  beforeFinish: (plan: ContentPlan) => () => void;
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
  const { broadcast } = job;
  const refuse = (file: WantedFile, error: LabError) => recording.failed([file.name], error);
  const placed = broadcast
    ? await placeInstead(job.files, root, job.localHash, refuse)
    : await placeFiles(job.files, root, job.localHash, refuse);
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
  const { plans, whole } = broadcast && broadcast.stripes.length > 0
    ? planBroadcastContents(placed, broadcast.stripes, broadcast.depths)
    : { plans: planContents(placed, (key) => existsSync(PartFile.pathFor(root, key))), whole: [] };
  const ready = whole.map((plan) => broadcast?.whole(contentFiles(plan)));
  await new FetchEngine({ ...job, ...context, ...broadcast, listener: recording }).run(plans);
  await Promise.all(ready);
  return outcome;
}

/**
 * Whole packs, the same ones everywhere, so that everybody can pass on what others ask for.
 *
 * @returns what is to be fetched, and what is here already.
 */
export function planBroadcastContents(
  placed: readonly PlacedFile[],
  stripes: Holder[][],
  depths?: number[],
): { plans: ContentPlan[]; whole: ContentPlan[] } {
  const present = new Set(placed.filter((file) => file.present).map((file) => file.name));
  const plans: ContentPlan[] = [];
  const whole: ContentPlan[] = [];
  for (const plan of planContents(placed.map((file) => ({ ...file, present: false })), () => true)) {
    const files = plan.files.map((file) => ({ ...file, present: present.has(file.name) }));
    if (files.every((file) => file.present)) whole.push({ ...plan, files });
    else plans.push({ ...plan, files, stripes, ...(depths ? { depths } : {}) });
  }
  return { plans, whole };
}
