/** News that come more often than anybody needs to hear them. */

import { afterThisTurn, type Clock } from "./clock.ts";

/** What comes of {@linkcode rarely}. */
export interface Rarely<T> {
  /** There is something new; it stands for all before it. */
  tell: (news: T) => void;
  /** What has not been passed on by now never is. */
  end: () => void;
}

/**
 * Passes on the newest of many news: what comes in one turn of the event loop as one, and at most so often. Nothing runs while nothing is new.
 *
 * @param every between two that are passed on, milliseconds.
 * @example
 * ```ts
 * import { afterThisTurn, FakeClock } from "./clock.ts";
 * import { rarely } from "./rarely.ts";
 * const clock = new FakeClock();
 * const heard: number[] = [];
 * const { tell } = rarely<number>(clock, 200, (news) => heard.push(news));
 * for (let news = 1; news <= 3; news++) tell(news);
 * await new Promise<void>((resolve) => afterThisTurn(resolve));
 * if (heard.join() !== "3") throw new Error("unexpected");
 * ```
 */
export function rarely<T>(
  clock: Pick<Clock, "monotonic" | "after">,
  every: number,
  pass: (newest: T) => void,
): Rarely<T> {
  let latest: T;
  let passedAt = -Infinity;
  let cancel: (() => void) | undefined;
  const next = () => {
    cancel = undefined;
    passedAt = clock.monotonic();
    pass(latest);
  };
  return {
    tell(news) {
      latest = news;
      if (cancel) return;
      const wait = passedAt + every - clock.monotonic();
      cancel = wait > 0 ? clock.after(wait, next) : afterThisTurn(next);
    },
    end: () => cancel?.(),
  };
}
