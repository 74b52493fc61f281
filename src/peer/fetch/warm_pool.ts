/**
 * A receive worker that waits for work: starting one takes longer than receiving a small file, and in a broadcast every PC
 * would be late by that. Whoever finds it taken gets workers of their own.
 */

import type { LabSecurity } from "../../join/lab_security.ts";
import type { Identity } from "../../transport/handshake.ts";
import { WorkerPool } from "./worker_pool.ts";

/** Workers, and how to give them back. */
export interface BorrowedPool {
  pool: WorkerPool;
  /** `clean`: nothing is under way in them; else they are not used again. */
  release: (clean: boolean) => void;
}

/**
 * From the start of a serve until it starts the workers that will be needed, milliseconds. What a PC that was just switched on
 * has to do comes first: two workers cost it as much as all the rest of its start. Whoever needs one earlier starts it.
 */
export const WARM_AFTER = 3_000;

/** Keeps one pool of one worker ready for a folder. */
export class WarmPool {
  #pool: WorkerPool | undefined;
  #taken = false;
  #closed = false;

  constructor(
    private folder: string,
    private identity: () => Identity,
    private security?: LabSecurity,
  ) {}

  /** Starts the worker, if it isn't there. */
  warm(): void {
    if (this.#pool || this.#closed) return;
    this.#pool = new WorkerPool({ ...this.#options(), count: 1 });
  }

  /**
   * The waiting worker, started now if it doesn't wait yet; new ones when it is at work.
   *
   * @param count how many new ones; as many as one PC has use for unless told.
   */
  borrow(count?: number): BorrowedPool {
    this.warm();
    if (this.#taken || !this.#pool) {
      const pool = new WorkerPool({ ...this.#options(), ...(count === undefined ? {} : { count }) });
      return { pool, release: () => pool.close() };
    }
    const pool = this.#pool;
    this.#taken = true;
    return {
      pool,
      release: (clean) => {
        this.#taken = false;
        if (clean && !this.#closed) return;
        // News of what was under way would be taken for news of the next run.
        pool.close();
        this.#pool = undefined;
        this.warm();
      },
    };
  }

  #options() {
    return { folder: this.folder, identity: this.identity(), security: this.security };
  }

  /** Ends the workers that nobody has taken; whoever has taken some ends them. */
  close(): void {
    this.#closed = true;
    if (!this.#taken) this.#pool?.close();
    this.#pool = undefined;
  }
}
