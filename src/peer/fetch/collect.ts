/**
 * Collecting: what matches, from every peer, each peer's files below a folder of its own. The reverse of a broadcast.
 *
 * Rules: a few peers at a time, so that neither connections nor memory grow with their number; a peer that can't be had,
 * or delivers next to nothing, doesn't keep the others; what is there already is not fetched again.
 */

import type { Clock } from "../../base/clock.ts";
import { codeOf, LabError, messageOf } from "../../base/errors.ts";
import { printable } from "../../catalog/names.ts";
import { unmatched } from "../../catalog/search.ts";
import type { WirePeer } from "../../protocol/messages.ts";
import { Root } from "../../storage/root.ts";
import { askPeer, type NetworkAccess } from "../network.ts";
import { connectRs, queryPeers } from "../rs_client.ts";
import type { FetchedFile } from "./content_run.ts";
import type { FetchListener } from "./engine_options.ts";
import { fetchFiles } from "./fetch.ts";
import { askable, select, type WantedFile } from "./select.ts";
import { WorkerPool } from "./worker_pool.ts";

/** Peers at once: a small lab's uplinks fill this PC's link; a dead PC holds its lane up for 5 s only. */
const LANES = 6;
/** A peer from which nothing has come for so long, milliseconds, may take for ever: others are asked beside it. */
const STUCK = 30_000;
/** Then so many at once at most: each has a worker. */
const MOST_LANES = 24;

/** How it went with one peer. */
export interface Collected {
  peer: string;
  /** Files that are in its folder now: fetched, or there already. */
  files: number;
  /** Size of these. */
  bytes: number;
  /** Files that could not be had. */
  failed: number;
  /** The first reason why something could not be had. */
  error?: LabError;
}

/** Who hears how a collecting goes. */
export interface CollectListener {
  planned?: NonNullable<FetchListener["planned"]>;
  progress: FetchListener["progress"];
  /** A file is in its place; its name is the one that it has at its peer. */
  fetched(file: FetchedFile, peer: string): void;
  /** A peer is done with. */
  collected(peer: Collected): void;
  /** At the end: what was asked for and nobody who answered has. */
  unmatched?(patterns: readonly string[]): void;
}

/** What collecting needs. */
export interface CollectSetting extends Omit<NetworkAccess, "data"> {
  /** Names, folders, globs; empty for everything. */
  patterns: string[];
  /** Absolute path of the folder below which each peer gets its own. */
  folder: string;
  listener: CollectListener;
}

/**
 * Collects from every active peer.
 *
 * @returns how it went with each.
 * @throws {LabError} "name_refused" for what no file can be called; "not_found" when there is no peer; "unreachable" when the
 *   registration server isn't; "interrupted"; "disk_full".
 */
export async function collect(setting: CollectSetting): Promise<Collected[]> {
  for (const fault of askable(setting.patterns).faults) throw fault;
  const root = Root.open(setting.folder, "write");
  const waiting = await activePeers(setting);
  if (waiting.length === 0) {
    throw new LabError("not_found", "Cannot collect anything: no other peer is active now; see peers");
  }
  const all: Collected[] = [];
  let nobodys: readonly string[] = setting.patterns;
  const seen = (names: readonly string[]) => {
    nobodys = unmatched(nobodys, names);
  };
  const fault = new AbortController();
  const signal = AbortSignal.any([setting.signal, fault.signal]);
  const work = async (moved: () => void) => {
    const pool = new LanePool(root, setting);
    const { listener } = setting;
    try {
      for (let peer = waiting.shift(); peer && !signal.aborted; peer = waiting.shift()) {
        moved();
        const progress: CollectListener["progress"] = (news) => (moved(), listener.progress(news));
        const heard = { ...setting, signal, seen, listener: { ...listener, progress } };
        const one = await collectFrom(peer, root, pool, heard);
        all.push(one);
        listener.collected(one);
      }
    } catch (cause) {
      // A fault of our own, such as a full disk, ends all of it.
      fault.abort(cause);
    } finally {
      pool.close();
    }
  };
  await inLanes(work, () => waiting.length > 0 && !signal.aborted, setting.context.clock);
  setting.signal.throwIfAborted();
  if (fault.signal.aborted) throw fault.signal.reason;
  if (nobodys.length > 0) setting.listener.unmatched?.(nobodys);
  return all.sort((a, b) => a.peer < b.peer ? -1 : 1);
}

/**
 * Has work done in lanes, and in more of them where some are stuck.
 *
 * @param work a lane, until nothing is left; never rejects. It says whenever it has moved.
 */
async function inLanes(
  work: (moved: () => void) => Promise<void>,
  isMore: () => boolean,
  clock: Clock,
): Promise<void> {
  const lanes = new Set<{ movedAt: number }>();
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const open = () => {
    const lane = { movedAt: clock.monotonic() };
    lanes.add(lane);
    work(() => void (lane.movedAt = clock.monotonic())).finally(() => {
      lanes.delete(lane);
      if (lanes.size === 0) resolve();
    });
  };
  const moving = () => [...lanes].filter(({ movedAt }) => clock.monotonic() - movedAt < STUCK).length;
  const look = () => {
    while (isMore() && moving() < LANES && lanes.size < MOST_LANES) open();
  };
  look();
  const stop = clock.every(1_000, look);
  if (lanes.size > 0) await over;
  stop();
}

async function activePeers({ rs, identity, context, signal, cookie }: CollectSetting): Promise<WirePeer[]> {
  const connection = await connectRs(rs, identity, context, { signal });
  try {
    return await queryPeers(connection, cookie === undefined ? {} : { cookie });
  } finally {
    connection.close();
  }
}

/** One worker for a lane, started when something is to be fetched; what is still under way in one keeps it from further use. */
class LanePool {
  #pool: WorkerPool | undefined;

  constructor(private root: Root, private setting: CollectSetting) {}

  get(): WorkerPool {
    const { identity, context } = this.setting;
    this.#pool ??= new WorkerPool({
      ...{ folder: this.root.path, identity, count: 1 },
      security: context.security,
    });
    return this.#pool;
  }

  close(): void {
    this.#pool?.close();
    this.#pool = undefined;
  }
}

/** What collecting from one needs. */
interface LaneSetting extends CollectSetting {
  /** Hears the names that matched. */
  seen(names: readonly string[]): void;
}

async function collectFrom(
  peer: WirePeer,
  root: Root,
  pool: LanePool,
  setting: LaneSetting,
): Promise<Collected> {
  const result: Collected = { peer: peer.name, files: 0, bytes: 0, failed: 0 };
  const fail = (count: number, error: LabError) => {
    result.failed += count;
    result.error ??= error;
  };
  let files: WantedFile[];
  try {
    files = await wantedFrom(peer, setting, fail);
  } catch (cause) {
    setting.signal.throwIfAborted();
    fail(0, new LabError(codeOf(cause), messageOf(cause), { cause }));
    return result;
  }
  if (files.length === 0) return result;
  const outcome = await fetchFiles({
    ...{ files, root, pool: () => pool.get(), identity: setting.identity, context: setting.context },
    localHash: (name) => pool.get().hash(name),
    listener: {
      planned: (all) => setting.listener.planned?.(all),
      progress: (progress) => setting.listener.progress(progress),
      fetched(file) {
        result.files++;
        result.bytes += file.size;
        setting.listener.fetched({ ...file, name: file.name.slice(peer.name.length + 1) }, peer.name);
      },
      failed: (names, error) => fail(names.length, error),
    },
    signal: setting.signal,
  });
  if (outcome.failed.length > 0) pool.close();
  return result;
}

/** Its files that match, under names below its own folder. */
async function wantedFrom(
  peer: WirePeer,
  setting: LaneSetting,
  fail: (count: number, error: LabError) => void,
): Promise<WantedFile[]> {
  const { patterns } = setting;
  const rows = await askPeer(setting, peer, patterns.length > 0 ? { patterns } : {});
  setting.seen(rows.map(({ name }) => name));
  // The whole name is judged: the folder's is part of it.
  const below = rows.map((row) => ({ ...row, name: `${peer.name}/${row.name}` }));
  const { files, refused, ambiguous } = select(below);
  for (const fault of ambiguous) fail(1, fault);
  for (const { name, reason } of refused) {
    fail(1, new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${reason}`));
  }
  return files;
}
