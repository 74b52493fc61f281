/** A fetch from beginning to end: workers, places, contents, engine. What the commands and the offers both use. */

import { existsSync, statSync } from "node:fs";
import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import type { ContentFile } from "../../catalog/layout.ts";
import type { Holder } from "../../catalog/merge.ts";
import { PartFile } from "../../storage/part_file.ts";
import type { Root } from "../../storage/root.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { PeerContext } from "../context.ts";
import type { FetchedFile } from "./content_run.ts";
import { contentFiles, type ContentPlan, type PlacedFile, planContents } from "./contents.ts";
import { FetchEngine } from "./engine.ts";
import type { FetchListener } from "./engine_options.ts";
import type { MulticastPlan } from "./multicast_desk.ts";
import { type LocalHash, placeFiles, placeInstead } from "./place.ts";
import type { WantedFile } from "./select.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** What a fetch needs. */
export interface FetchJob {
  files: readonly WantedFile[];
  root: Root;
  /** The workers; asked for once there is something to fetch. */
  pool: () => WorkerPool;
  identity: Identity;
  context: PeerContext;
  /** Knows the hash of a file that is there already. */
  localHash: LocalHash;
  listener: FetchListener;
  signal: AbortSignal;
  /** What the person who asked for it can do where there is no room. */
  choice?: string | undefined;
  /** Who sends them, where nobody here asked for them. */
  sentBy?: string;
  /** In a broadcast the plan says who delivers, contents are the same everywhere, and are passed on. */
  broadcast?: BroadcastJob;
}

/** What a broadcast adds to a fetch. */
export interface BroadcastJob {
  /** For each stripe those who may be asked for it, the planned parent first; none where it is delivered late. */
  stripes: Holder[][];
  /** For each stripe, how many PCs are between us and the source, if the sender says so. */
  depths?: number[] | undefined;
  /** Which one it is. */
  broadcastId?: string;
  relay: Relay;
  /** These files are here already, and make up a content that others may ask for. */
  whole: (files: ContentFile[]) => Promise<void>;
  /** Frees names that other files have; what it returns puts those back. */
  beforeFinish: (plan: ContentPlan) => () => void;
  /** The only file is being hashed yet: what is known of it. */
  feed?: HashFeed;
  /** It also comes by multicast. */
  multicast?: MulticastPlan;
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
    multicast: (tally) => listener.multicast?.(tally),
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
    ? await placeInstead(await namedWhereThere(job, refuse), root, job.localHash, refuse)
    : await placeFiles(job.files, root, job.localHash, refuse);
  for (const file of placed) {
    if (!file.present) continue;
    lend(job, file);
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
    ? planBroadcastContents(placed, broadcast)
    : {
      plans: planContents(placed, (key) => existsSync(PartFile.pathFor(root, key)), job.sentBy),
      whole: [],
    };
  listener.planned?.(sumOf(plans));
  const ready = whole.map((plan) => broadcast?.whole(contentFiles(plan)));
  if (plans.length > 0) {
    await new FetchEngine({ ...job, ...context, ...broadcast, pool: job.pool(), listener: recording }).run(
      plans,
    );
  }
  await Promise.all(ready);
  return outcome;
}

/** What is to come, as the engine will report it. */
function sumOf(plans: readonly ContentPlan[]): { files: number; bytes: number } {
  const sum = { files: 0, bytes: 0 };
  for (const { files } of plans) {
    for (const { present, size } of files) {
      if (!present) sum.files++;
      sum.bytes += size;
    }
  }
  return sum;
}

/**
 * A file that is being hashed yet may be here already, and must not come again: where one of that name and size is, this
 * waits until it is known what the other one is.
 */
async function namedWhereThere(
  { files, root, broadcast, signal }: FetchJob,
  refuse: (file: WantedFile, error: LabError) => void,
): Promise<readonly WantedFile[]> {
  const [file] = files;
  const feed = broadcast?.feed;
  if (!feed || !file || sizeOf(root.pathOf(file.name)) !== file.size) return files;
  const end = () => feed.fail(new LabError("interrupted", "Interrupted"));
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    return [{ ...file, sha256: (await feed.closed()).sha256 }];
  } catch (cause) {
    refuse(file, new LabError(codeOf(cause), messageOf(cause), { cause }));
    return [];
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Others ask for it by its provisional name. */
function lend({ root, broadcast }: FetchJob, { target }: PlacedFile): void {
  const { feed, relay } = broadcast ?? {};
  if (feed) relay?.lend(feed.id, { path: root.pathToRead(target), layout: feed.layout });
}

/**
 * Whole packs, the same ones everywhere, so that everybody can pass on what others ask for.
 *
 * @returns what is to be fetched, and what is here already.
 */
export function planBroadcastContents(
  placed: readonly PlacedFile[],
  { stripes, depths, feed, multicast }: Pick<BroadcastJob, "stripes" | "depths" | "feed" | "multicast">,
): { plans: ContentPlan[]; whole: ContentPlan[] } {
  const present = new Set(placed.filter((file) => file.present).map((file) => file.name));
  const plans: ContentPlan[] = [];
  const whole: ContentPlan[] = [];
  for (const plan of planContents(placed.map((file) => ({ ...file, present: false })), () => true)) {
    const files = plan.files.map((file) => ({ ...file, present: present.has(file.name) }));
    if (files.every((file) => file.present)) whole.push({ ...plan, files });
    else {
      plans.push({
        ...{ ...plan, files, stripes },
        ...(depths ? { depths } : {}),
        ...(feed ? { feed } : {}),
        ...(multicast ? { multicast } : {}),
      });
    }
  }
  return { plans, whole };
}
