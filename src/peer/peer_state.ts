/** What a peer remembers in its data folder: its name, its cookie, its registration server, what it learnt of others. */

import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { MergedIndex } from "../catalog/merge.ts";
import { printable } from "../catalog/names.ts";
import * as v from "../deps/valibot.ts";
import { readJson, writeAtomic } from "../storage/atomic.ts";

const schema = v.object({
  /** The name that the registration server gave. */
  name: v.optional(v.string()),
  cookie: v.optional(v.string()),
  /** HOST:PORT of the registration server last used. */
  rs: v.optional(v.string()),
  /** The same of others that share its registry. */
  servers: v.optional(v.array(v.string())),
  /** The same of the one that a person named, if one did, when it was last to register at any of these. */
  named: v.optional(v.string()),
});

/** What a peer remembers. A cookie identifies, it doesn't authenticate. */
export type PeerState = v.InferOutput<typeof schema>;

/**
 * Reads peer.json; what is damaged is as good as nothing.
 *
 * @param damaged is told of a file that is there and can't be read.
 */
export async function loadPeerState(data: string, damaged?: (path: string) => void): Promise<PeerState> {
  const path = join(data, "peer.json");
  const parsed = v.safeParse(schema, await readJson(path));
  if (parsed.success) return parsed.output;
  if (damaged && await Deno.stat(path).then(() => true, () => false)) damaged(path);
  return {};
}

/** Writes peer.json, readable by its owner only where the system knows owners. */
export async function savePeerState(data: string, state: PeerState, clock: Clock): Promise<void> {
  await writeAtomic(join(data, "peer.json"), JSON.stringify(state, null, 2) + "\n", { clock, mode: 0o600 });
}

/** Indexes learnt from others, as far as they haven't expired. */
export async function loadMergedIndex(data: string, clock: Clock): Promise<MergedIndex> {
  return MergedIndex.fromJSON(await readJson(join(data, "network.json")), clock.now());
}

/** Keeps what was learnt from others. */
export async function saveMergedIndex(data: string, index: MergedIndex, clock: Clock): Promise<void> {
  await writeAtomic(join(data, "network.json"), JSON.stringify(index.toJSON()), { clock });
}

/** Why a peer isn't called what it asked to be. */
export function otherName(wanted: string, got: string, before: string | undefined): string {
  return before === got
    ? `This PC is registered as ${printable(got)} and keeps that name; to be called ${
      printable(wanted)
    }, start with a new data folder (--data)`
    : `The name ${printable(wanted)} is taken; this peer is now called ${printable(got)}`;
}

/** What a person is told when the remembered state can't be read. @param path of the file. */
export function stateLost(path: string): string {
  return `${path} is damaged: this PC has lost its name and cookie, and registers as a newcomer`;
}
