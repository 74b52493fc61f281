/** What a fetch works with, and who hears of it. */

import type { Clock } from "../../base/clock.ts";
import type { LabError } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Root } from "../../storage/root.ts";
import type { BlockTally } from "../../swarm/blocks.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { Security } from "../../transport/security.ts";
import type { Watchdog } from "../../transport/watchdog.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { FetchedFile } from "./content_run.ts";
import type { ContentPlan } from "./contents.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** Who hears how a fetch goes. */
export interface FetchListener {
  /** What is to come, before the first progress; several times where files come from several places. */
  planned?(all: { files: number; bytes: number }): void;
  /** `sources`: holders that have delivered. */
  progress(progress: { name: string; bytes: number; total: number; rate: number; sources: number }): void;
  fetched(file: FetchedFile): void;
  failed(names: string[], error: LabError): void;
  /** How it goes with multicast; undefined when nobody listens any more. */
  multicast?(tally: BlockTally | undefined): void;
  /** It comes already, by a broadcast or another fetch on this PC: that is waited for. */
  waiting?(name: string): void;
}

/** What a fetch works with. */
export interface EngineOptions {
  root: Root;
  pool: WorkerPool;
  identity: Identity;
  clock: Clock;
  watchdog: Watchdog;
  log: Logger;
  security?: Security | undefined;
  listener: FetchListener;
  signal: AbortSignal;
  /** What the person who asked for it can do where there is no room: "choose another folder with --out". */
  choice?: string | undefined;
  /** The broadcast that brings it; without one somebody here wants it. */
  broadcastId?: string;
  /** Passes pieces on while they are coming in. */
  relay?: Relay;
  /** Makes room for files whose names are taken, where that is wanted; what it returns undoes that. */
  beforeFinish?: (plan: ContentPlan) => () => void;
}
