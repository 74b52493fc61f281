/**
 * For tests only: waits that end. What doesn't become true, or never comes, is a failure that says what was waited for, and
 * not a run that hangs.
 */

import { assert, assertEquals } from "@std/assert";
import { systemClock } from "./clock.ts";

/** How long is waited, milliseconds: an election in NATS takes up to twenty seconds on a busy machine. */
export const PATIENCE = 60_000;
/** Pause before it is asked again, milliseconds. */
const PAUSE = 20;

const pause = () => systemClock.sleep(PAUSE);

/**
 * What is promised, if it comes within a minute.
 *
 * @param what is promised, for the sentence of the failure
 * @throws {Error} when it hasn't come by then.
 */
export async function within<T>(what: string, promise: Promise<T>, patience = PATIENCE): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const tell = () => reject(new Error(`After ${patience / 1000} s it hasn't come yet: ${what}.`));
  const cancel = systemClock.after(patience, tell);
  try {
    return await Promise.race([promise, over]);
  } finally {
    cancel();
  }
}

/**
 * Waits until it's so.
 *
 * @param meanwhile is done before each look but the first; a short pause unless told
 * @throws {Error} when it isn't so after a minute.
 */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  meanwhile: () => unknown = pause,
  patience = PATIENCE,
): Promise<void> {
  const over = systemClock.monotonic() + patience;
  const wait = async () => void await meanwhile();
  while (!await isSo()) {
    const left = over - systemClock.monotonic();
    assert(left > 0, `After ${patience / 1000} s it isn't so yet: ${what}.`);
    await within(what, wait(), left);
  }
}

/** Waits until the answer is this one; when it never is, the last answer is shown beside it. */
export async function comesTo<T>(ask: () => T | Promise<T>, expected: T, message?: string): Promise<void> {
  const over = systemClock.monotonic() + PATIENCE;
  for (;;) {
    const answer = await ask();
    try {
      return assertEquals(answer, expected, message);
    } catch (thrown) {
      if (systemClock.monotonic() > over) throw thrown;
    }
    await pause();
  }
}
