/**
 * A content that is fetched while its sender is still hashing it: each piece is asked for once its hash is known, and only
 * what is hashed to its end, and right, is given its name.
 */

import { LabError } from "../../base/errors.ts";
import type { Scheduler } from "../../swarm/scheduler.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { ContentRun } from "./content_run.ts";
import type { NamedManifest } from "./holders.ts";
import type { PartDesk } from "./part_desk.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** What growing works on. */
export interface GrowingSetting {
  pool: WorkerPool;
  parts: PartDesk;
  relay: Relay | undefined;
  scheduler: Scheduler;
  /** The content is still being fetched. */
  isOn: () => boolean;
  /** More pieces may be asked for, from this one on; some may have been found on disk. */
  grown: (found: boolean, from: number) => void;
  /** It won't be closed. */
  failed: (error: LabError) => Promise<void> | void;
}

/** What stands for the manifest until it is closed: the provisional name, and the hashes that are known by now. */
export function startGrowing(run: ContentRun, feed: HashFeed): NamedManifest {
  run.reach = feed.known;
  return { id: feed.id, hashes: feed.hashes() };
}

/** Follows the hashes until they are closed, have failed, or nobody wants the content any more. */
export async function grow(run: ContentRun, feed: HashFeed, setting: GrowingSetting): Promise<void> {
  const { pool, parts, relay, scheduler, isOn } = setting;
  while (isOn()) {
    if (feed.fault) return await setting.failed(feed.fault);
    const [from, to] = [run.reach, feed.known];
    if (to > from) {
      pool.tellAll({ kind: "learn", content: run.id, hashes: feed.hashes(from, to) });
      // An earlier run may have left them; without one, what is there now is what this one has verified.
      const held = run.resumes ? await parts.check(run.id, from, to) : [];
      if (!isOn()) return;
      relay?.hold(run.id, held);
      // Some may have come by multicast while this looked.
      run.resumed(held.filter((piece) => scheduler.found(run.id, piece)));
      const { askable } = run;
      run.reach = to;
      setting.grown(held.length > 0, askable);
    } else if (feed.closing) return closed(run, feed, setting);
    else await feed.more(run.reach);
  }
}

function closed(run: ContentRun, feed: HashFeed, { pool, relay, grown }: GrowingSetting): void {
  const { sha256, content } = feed.closing!;
  const [file] = run.plan.files;
  file!.sha256 = sha256;
  pool.tellAll({ kind: "learn", content: run.id, hashes: new Uint8Array(0), sha256 });
  relay?.named(run.id, { content, files: [{ ...feed.file, sha256 }], encoded: feed.manifest! });
  grown(false, run.askable);
}
