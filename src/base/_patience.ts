/** Waiting for what becomes true a moment later, elsewhere: by asking again, for a minute at most. */

import { assert, assertEquals } from "@std/assert";

/** How long is waited, milliseconds: an election in NATS takes up to twenty seconds on a busy machine. */
const PATIENCE = 60_000;
/** Pause before it is asked again, milliseconds. */
const PAUSE = 20;

/** Waits until it's so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const over = performance.now() + PATIENCE;
  while (!await isSo()) {
    assert(performance.now() < over, `After a minute it isn't so yet: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

/** Waits until the answer is this one; when it never is, the last answer is shown beside it. */
export async function comesTo<T>(ask: () => T | Promise<T>, expected: T, message?: string): Promise<void> {
  const over = performance.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    try {
      return assertEquals(answer, expected, message);
    } catch (thrown) {
      if (performance.now() > over) throw thrown;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}
