/**
 * The system's notices that something in a share has changed. They only hurry a scan.
 *
 * On Linux a name may be any bytes. One that isn't UTF-8 can't be named here, and the runtime's lists of folders leave it
 * out: the notices end with an error when it turns up. That is the moment to say so; they begin again a little later.
 */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { OWN_PREFIX } from "../storage/root.ts";

/** Until notices begin again, milliseconds: a program may go on writing to such a file. */
const AGAIN = 3_000;

/** Notices, as the system gives them. */
export type Notices = AsyncIterable<Deno.FsEvent> & { close(): void };

/** What it works with. */
export interface ShareWatchSetting {
  share: string;
  clock: Clock;
  log: Logger;
  changed: () => void;
  /** The system's own, but for tests. */
  watch?: (folder: string) => Notices;
}

/** Notices about one share. */
export class ShareWatch {
  #o: ShareWatchSetting;
  #watcher: Notices | undefined;
  #cancel = () => {};
  #isClosed = false;
  #hasTold = false;
  /** How many want it to rest; done when none does. */
  #resting = 0;
  #rested: { promise: Promise<void>; resolve: () => void } | undefined;

  constructor(setting: ShareWatchSetting) {
    this.#o = setting;
    this.#begin();
  }

  close(): void {
    this.#isClosed = true;
    this.#rested?.resolve();
    this.#stop();
  }

  /**
   * While files come into the share, each of our own writes would be a notice: in a broadcast to eight PCs on two cores
   * 6 % of all work. What others change meanwhile is found by the scans at intervals.
   *
   * The notices aren't asked for meanwhile: the runtime keeps a few and drops the others. A watcher that is closed costs it
   * as much as one that isn't (seen in Deno 2.7.11), and is never quite forgotten.
   *
   * @returns ends the rest; the last of several who want it does, and then it counts as if something had changed.
   */
  rest(): () => void {
    if (this.#resting++ === 0) this.#rested = Promise.withResolvers();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--this.#resting > 0) return;
      this.#rested?.resolve();
      this.#rested = undefined;
      if (!this.#isClosed) this.#o.changed();
    };
  }

  /** Somebody wants it to rest: its end counts as a change. */
  get isResting(): boolean {
    return this.#resting > 0;
  }

  #stop(): void {
    this.#cancel();
    try {
      this.#watcher?.close();
    } catch { /* it ended by itself */ }
  }

  #begin(): void {
    const { share, watch = Deno.watchFs } = this.#o;
    try {
      this.#watcher = watch(share);
    } catch {
      return this.#tellNone();
    }
    this.#hear(this.#watcher).catch((cause) => this.#ended(cause));
  }

  async #hear(watcher: Notices): Promise<void> {
    for await (const event of watcher) {
      const isNews = event.kind !== "access" && !event.paths.every((path) => path.includes(OWN_PREFIX));
      if (isNews && !this.isResting) this.#o.changed();
      await this.#rested?.promise;
    }
  }

  #ended(cause: unknown): void {
    if (this.#isClosed) return;
    // Anything but a name that can't be told.
    if (!(cause instanceof TypeError)) return this.#tellNone();
    if (!this.#hasTold) {
      this.#hasTold = true;
      this.#o.log.warn(
        "Not shared: a file or folder whose name is not UTF-8 was written to the share; rename it, for here it can't be seen",
      );
    }
    this.#stop();
    this.#cancel = this.#o.clock.after(AGAIN, () => {
      this.#begin();
      this.#o.changed();
    });
  }

  #tellNone(): void {
    this.#o.log.debug("This system gives no change notices; the share is scanned at intervals only");
  }
}
