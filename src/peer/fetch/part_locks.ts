/** Part files have one user at a time on a PC; who has them locked says for whom they are, and leaves none that says so alone. */

import { claimPart, leavePart } from "../../storage/cast_part.ts";
import { type FileLock, tryLock } from "../../storage/lock.ts";
import type { Root } from "../../storage/root.ts";
import type { ContentRun } from "./content_run.ts";
import { UnderWay } from "./under_way.ts";

/** The locks of one fetch. */
export class PartLocks {
  #locks = new Map<ContentRun, FileLock>();

  /** @param o `broadcastId`: what brings them; without one somebody here wants them. */
  constructor(private o: { root: Root; broadcastId?: string }) {}

  /** Takes a content's lock. @returns why not, where somebody else has it. */
  take(run: ContentRun): UnderWay | undefined {
    const { root, broadcastId } = this.o;
    const path = root.ownPath(`${run.plan.key}.lock`);
    const lock = tryLock(path);
    if (!lock) return new UnderWay(run.title, path);
    this.#locks.set(run, lock);
    claimPart(root, run.plan.key, broadcastId);
    return undefined;
  }

  /** This content is over; safe to call twice. */
  leave(run: ContentRun): void {
    const lock = this.#locks.get(run);
    if (!lock) return;
    leavePart(this.o.root, run.plan.key);
    lock.release();
    this.#locks.delete(run);
  }

  leaveAll(): void {
    for (const run of [...this.#locks.keys()]) this.leave(run);
  }
}
