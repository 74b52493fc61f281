/**
 * From files to contents: what travels together, and under which key its part file lies. Pure but for hashing names.
 *
 * Packing goes over all files of a group, those that are in their places already included: so that the borders, and with
 * them the part file of an interrupted run, are found again.
 */

import { createHash } from "node:crypto";
import { LIMITS } from "../../base/limits.ts";
import { type ContentFile, pieceSizeFor } from "../../catalog/layout.ts";
import type { Holder } from "../../catalog/merge.ts";
import { packs } from "../../catalog/pack.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import type { MulticastPlan } from "./multicast_desk.ts";
import type { WantedFile } from "./select.ts";

/** A single file above this size, bytes, is broadcast while it is being hashed: below, that takes some hundredths of a second. */
export const LARGE = 4 * 1024 * 1024;

/** A wanted file with its place. */
export interface PlacedFile extends WantedFile {
  /** Final name below the destination. */
  target: string;
  /** It is in its place already, by hash. */
  present: boolean;
}

/** Files that travel together, all held by the same holders. */
export interface ContentPlan {
  /** Names the part file. */
  key: string;
  files: PlacedFile[];
  holders: Holder[];
  pieceSize: number;
  bytes: number;
  /** Who sends it unasked, where somebody does. */
  sentBy?: string;
  /** In a broadcast: for each stripe those who may be asked for it, the planned parent first. */
  stripes?: Holder[][];
  /** For each stripe, how many PCs are between us and the source. */
  depths?: number[];
  /** It is being hashed yet: what is known of it. The file's SHA-256 is a provisional name until it is closed. */
  feed?: HashFeed;
  /** Its pieces also come by multicast. */
  multicast?: MulticastPlan;
}

/**
 * Groups files into contents.
 *
 * @param hasPart tells whether an earlier run left a part file under this key.
 * @param sentBy who sends them unasked, if somebody does: the part files are between the two of us, so that nobody gets into
 *   the way of what a broadcast or somebody here brings under the same name.
 * @returns contents with something to fetch; files that are present appear only where a part file makes them useful.
 */
export function planContents(
  files: readonly PlacedFile[],
  hasPart: (key: string) => boolean,
  sentBy?: string,
): ContentPlan[] {
  const plans: ContentPlan[] = [];
  for (const group of byHolders(files)) {
    for (const pack of packsOf(group)) {
      if (pack.every((file) => file.present)) continue;
      const whole = planOf(pack, sentBy);
      plans.push(hasPart(whole.key) ? whole : planOf(pack.filter((file) => !file.present), sentBy));
    }
  }
  return plans;
}

function byHolders(files: readonly PlacedFile[]): PlacedFile[][] {
  const groups = new Map<string, PlacedFile[]>();
  for (const file of files) {
    const key = file.holders.map((h) => h.peer).sort().join("\n");
    const group = groups.get(key);
    if (group) group.push(file);
    else groups.set(key, [file]);
  }
  return [...groups.values()];
}

function packsOf(group: PlacedFile[]): PlacedFile[][] {
  const byName = new Map(group.map((file) => [file.name, file]));
  return packs(group.map(({ name, size, sha256 }) => ({ name, size, sha256 })))
    .flatMap((pack) => fitting(pack.map((file) => byName.get(file.name)!)));
}

/** Halves a pack until its names fit into one GetRFC. */
function fitting(pack: PlacedFile[]): PlacedFile[][] {
  const bytes = pack.reduce((sum, file) => sum + JSON.stringify(file.name).length * 3 + 100, 0);
  if (bytes <= LIMITS.pageBytes || pack.length === 1) return [pack];
  const half = pack.length >> 1;
  return [...fitting(pack.slice(0, half)), ...fitting(pack.slice(half))];
}

function planOf(files: PlacedFile[], sentBy: string | undefined): ContentPlan {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const pieceSize = pieceSizeFor(bytes);
  // A large file's part is found again under whatever SHA-256 it comes: a broadcast may not know it yet.
  const isLone = files.length === 1 && bytes > LARGE;
  const list = files.map(({ name, size, sha256 }) => isLone ? [name, size] : [name, size, sha256]);
  const sent = sentBy === undefined ? {} : { sentBy };
  const key = createHash("sha256").update(JSON.stringify([pieceSize, list, ...Object.values(sent)]))
    .digest("hex").slice(0, 32);
  return { key, files, holders: files[0]!.holders, pieceSize, bytes, ...sent };
}

/**
 * What is missing of a pack, in two contents: where one of its files can't be had, the others still can.
 *
 * @returns undefined for a single file, which can't be divided.
 */
export function halves({ files, sentBy }: ContentPlan): ContentPlan[] | undefined {
  if (files.length < 2) return undefined;
  const missing = files.filter((file) => !file.present);
  const half = missing.length >> 1;
  return [missing.slice(0, half), missing.slice(half)].filter((part) => part.length > 0).map((part) =>
    planOf(part, sentBy)
  );
}

/** The files as they stand in a manifest. */
export function contentFiles(plan: ContentPlan): ContentFile[] {
  return plan.files.map(({ name, size, sha256 }) => ({ name, size, sha256 }));
}
