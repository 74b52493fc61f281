/** What has to be undone at the end of a bench, however it ends: servers, folders, mounts. */

import { watchSignals } from "../../src/cli/signals.ts";

/** Exit code of a bench that was interrupted. */
export const INTERRUPTED = 130;

/** Remembers what to undo. */
export class Cleanup {
  #steps: (() => Promise<unknown> | void)[] = [];
  #stop = new AbortController();

  /** Aborted when the person interrupts. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Something to be undone, before all that was added earlier. */
  add(step: () => Promise<unknown> | void): void {
    this.#steps.push(step);
  }

  /** Undoes everything, latest first; a step that fails is told and doesn't keep the others. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        console.error(`Cannot clean up: ${(error as Error).message}`);
      }
    }
  }

  /** Asks the work to stop. */
  interrupt(): void {
    this.#stop.abort(new Error("Interrupted"));
  }
}

/** Does the work, then cleans up; at Ctrl-C cleans up at once. Gives the exit code. */
export async function withCleanup(work: (cleanup: Cleanup) => Promise<number>): Promise<number> {
  const cleanup = new Cleanup();
  const unwatch = watchSignals({
    first: () => cleanup.interrupt(),
    again: () => Deno.exit(INTERRUPTED),
  });
  const interrupted = new Promise<number>((resolve) =>
    cleanup.signal.addEventListener("abort", () => resolve(INTERRUPTED), { once: true })
  );
  try {
    const working = work(cleanup);
    // After an interruption the rest fails, since its programs are gone.
    working.catch(() => {});
    return await Promise.race([working, interrupted]);
  } finally {
    await cleanup.run();
    unwatch();
  }
}
