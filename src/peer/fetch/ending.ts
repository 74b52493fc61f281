/**
 * The end of a fetch before all is done.
 *
 * What is being put in its place when a fetch is ended: a moment later it lies there, so it is waited for, and told of. A
 * broadcast that took over from a late delivery at that moment found the file there, and nobody was told that it came.
 */

import { type Clock, sleepOrLess } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { PartDesk } from "./part_desk.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** Sees a fetch to its end. */
export class Ending {
  /** Contents that are being put in their places. */
  #placing = new Set<Promise<void>>();
  #isOver = false;

  /** The fetch is ended: nothing new begins. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A content is being put in its place. @param work doesn't reject. */
  puts(work: Promise<void>): void {
    this.#placing.add(work);
    work.finally(() => this.#placing.delete(work));
  }

  /** Ends the fetch, once what has begun is told of. */
  async wait({ pool, clock }: { pool: WorkerPool; clock: Clock }, parts: PartDesk): Promise<void> {
    this.#isOver = true;
    pool.listen((news) => {
      if (news.kind === "finished" || news.kind === "fault") parts.answered(news, "finished");
    });
    const enough = new AbortController();
    Promise.all(this.#placing).then(() => enough.abort());
    await sleepOrLess(clock, TIMEOUTS.placing, enough.signal);
  }
}

/** A reason of its own, such as a membership that was revoked, isn't mended by running it again. */
export function whyEnded({ reason }: AbortSignal): LabError {
  if (reason instanceof LabError && reason.code !== "interrupted") return reason;
  return new LabError("interrupted", "Interrupted: run it again and it goes on where it was");
}
