/** Which of several addresses of one PC can be reached: all are tried, the next one without waiting for the last to fail. */

import type { Clock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { HostPort } from "../../base/units.ts";

/** Dials and hangs up; rejects when nobody is there. */
export type Try = (to: HostPort, signal: AbortSignal) => Promise<void>;

/**
 * The first of these addresses that answers.
 *
 * @param addresses in the order in which they're likely.
 * @throws {LabError} "unreachable" when none does; "interrupted".
 */
export async function firstOpen(
  addresses: readonly HostPort[],
  attempt: Try,
  { clock, signal }: { clock: Clock; signal?: AbortSignal },
): Promise<HostPort> {
  const won = new AbortController();
  const over = signal ? AbortSignal.any([signal, won.signal]) : won.signal;
  let failed = Promise.resolve();
  const attempts = addresses.map(async (to, i) => {
    const turn = failed;
    const { promise, resolve } = Promise.withResolvers<void>();
    failed = promise;
    try {
      // In turn: a pause after the one before began, or at once when that has failed.
      if (i > 0) await Promise.race([turn, clock.sleep(TIMEOUTS.nextAddress * i, over)]);
      over.throwIfAborted();
      await attempt(to, over);
      return to;
    } catch (cause) {
      resolve();
      throw cause;
    }
  });
  try {
    return await Promise.any(attempts);
  } catch (cause) {
    if (signal?.aborted) throw new LabError("interrupted", "Interrupted while connecting", { cause });
    const tried = addresses.map(({ host }) => host).join(", ") || "no address";
    throw new LabError("unreachable", `none of its addresses can be reached (${tried})`, { cause });
  } finally {
    won.abort();
  }
}
