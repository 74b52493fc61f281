/**
 * Part files that nobody came back for: left by interrupted transfers, of use for a resume, but not for ever. They lie where
 * somebody received: at the top of a share, or in a folder of it that was named, and in the inbox of each sender.
 */

import { join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { LIMITS } from "../base/limits.ts";
import { CAST } from "./cast_part.ts";
import { tryLock } from "./lock.ts";
import { OWN_PREFIX, requirePermission } from "./root.ts";

/** A lab meets at least once a week; what wasn't resumed by then isn't missed. Milliseconds. */
const KEEP = 14 * 24 * 3600_000;
/** What was withdrawn may come again, as where somebody broke a broadcast off to begin it anew. Milliseconds. */
const KEEP_WITHDRAWN = 10 * 60_000;
/** A serve may run for years; between two looks, milliseconds. */
const LOOK_EVERY = 24 * 3600_000;

/** What a look works with. */
interface Look {
  /** Milliseconds since 1970. */
  now: number;
  signal?: AbortSignal | undefined;
}

/**
 * Removes our own files below a folder that have not been touched for two weeks. What can't be removed stays, and does no
 * harm. Links are not followed; what somebody holds locked is left alone, and what is received under that lock.
 *
 * @param options.signal ends it early.
 */
export async function removeOldParts(folder: string, options: Look): Promise<void> {
  try {
    requirePermission(folder, "write");
    await removeBelow(folder, 0, options);
  } catch { /* there is nothing that we may remove */ }
}

async function removeBelow(folder: string, depth: number, look: Look): Promise<void> {
  const below: string[] = [];
  for await (const { name, isSymlink, isDirectory } of Deno.readDir(folder)) {
    if (look.signal?.aborted) return;
    if (isSymlink) continue;
    const path = join(folder, name);
    if (name.startsWith(OWN_PREFIX)) removeOld(folder, name, look.now);
    else if (isDirectory && depth < LIMITS.nameParts) below.push(path);
  }
  for (const path of below) {
    await removeBelow(path, depth + 1, look).catch(() => {/* gone meanwhile, or not ours to read */});
  }
}

function removeOld(folder: string, name: string, now: number): void {
  try {
    const path = join(folder, name);
    const { mtime, size } = Deno.lstatSync(path);
    const isWithdrawn = name.endsWith(CAST) && size === 0;
    if (!mtime || now - mtime.getTime() <= (isWithdrawn ? KEEP_WITHDRAWN : KEEP)) return;
    // Who has just come back for it hasn't written yet, and looks what is there: it's locked, but as old as before.
    const lock = tryLock(join(folder, lockOf(name)));
    try {
      if (!lock || name.endsWith(".lock")) return;
      Deno.removeSync(path, { recursive: true });
      if (isWithdrawn) Deno.removeSync(`${path.slice(0, -CAST.length)}.part`);
    } finally {
      lock?.release();
    }
  } catch { /* gone already, or somebody has it open */ }
}

/** The lock under which one of our files is used: of `.labswarm-KEY.part`, `.labswarm-KEY-3.tmp` and itself the same. */
function lockOf(name: string): string {
  const [key] = name.slice(OWN_PREFIX.length).split(/[.-]/);
  return `${OWN_PREFIX}${key}.lock`;
}

/** Old parts that are removed every day. */
export interface Tidying {
  /** A broadcast was withdrawn: looks once more when its parts may go. */
  withdrawn(): void;
  /** Resolves when nothing is being looked at. */
  idle(): Promise<void>;
  /** Ends it; resolves when nothing is touched any more. */
  stop(): Promise<void>;
}

/** Removes old parts below folders, now and every day. */
export function keepTidy(folders: readonly string[], clock: Clock): Tidying {
  const ending = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const look = () => {
    running = running.then(async () => {
      const options = { now: clock.now(), signal: ending.signal };
      for (const folder of folders) await removeOldParts(folder, options);
    });
  };
  look();
  const stopLooking = clock.every(LOOK_EVERY, look);
  let stopLater = () => {};
  return {
    withdrawn() {
      stopLater();
      stopLater = clock.after(KEEP_WITHDRAWN + 1_000, look);
    },
    idle: () => running,
    async stop() {
      stopLooking();
      stopLater();
      ending.abort();
      await running;
    },
  };
}
