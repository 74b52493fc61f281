/** Tries once more beside the first try, where an answer that is late is most often one that was lost. Pure but for the clock. */

import { type Clock, whenPatienceEnds } from "../base/clock.ts";

/** Something that was opened. */
interface Opened {
  close(): void;
}

/**
 * Opens something; where that takes long, and it isn't us who are slow, once more beside it. The first that succeeds is taken,
 * the other one is closed.
 *
 * @param open opens it; the signal ends the try.
 * @param options.after milliseconds until the second try.
 * @throws what the first try threw, or the second one where the first is still open when it fails.
 * @example
 * ```ts
 * import { systemClock } from "../base/clock.ts";
 * import { hedged } from "./hedged.ts";
 * const { signal } = new AbortController();
 * const opened = await hedged(() => Promise.resolve({ close() {} }), { clock: systemClock, signal, after: 200 });
 * opened.close();
 * ```
 */
export async function hedged<Thing extends Opened>(
  open: (signal: AbortSignal) => Promise<Thing>,
  { clock, signal, after }: { clock: Clock; signal: AbortSignal; after: number },
): Promise<Thing> {
  const first = open(signal);
  let second: Promise<Thing> | undefined;
  const tried = Promise.withResolvers<Thing>();
  const cancel = whenPatienceEnds(clock, after, () => {
    second = open(signal);
    second.then(tried.resolve, tried.reject);
  });
  try {
    const opened = await Promise.race([first, tried.promise]);
    for (const other of [first, second]) {
      other?.then((thing) => thing !== opened && thing.close(), () => {});
    }
    return opened;
  } catch (cause) {
    for (const other of [first, second]) other?.then((thing) => thing.close(), () => {});
    throw cause;
  } finally {
    cancel();
  }
}
