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

/** What comes in for so long, milliseconds, is no news any more; what is over sooner isn't worth a new beginning. */
const REST_AFTER = 300;

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
  /** How many want it to rest, and whether it does. */
  #resting = 0;
  #isResting = false;
  #cancelRest = () => {};

  constructor(setting: ShareWatchSetting) {
    this.#o = setting;
    this.#begin();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRest();
    this.#stop();
  }

  /**
   * While files come into the share, each of our own writes would be a notice: in a broadcast to eight PCs on two cores
   * 6 % of all work. What others change meanwhile is found by the scans at intervals.
   *
   * @returns ends the rest; the last of several who want it does, and then it counts as if something had changed.
   */
  rest(): () => void {
    let isOver = false;
    if (this.#resting++ === 0) this.#cancelRest = this.#o.clock.after(REST_AFTER, () => this.#rest());
    return () => {
      if (isOver) return;
      isOver = true;
      if (--this.#resting === 0) this.#goOn();
    };
  }

  #rest(): void {
    this.#isResting = true;
    this.#stop();
  }

  #goOn(): void {
    this.#cancelRest();
    if (!this.#isResting) return;
    this.#isResting = false;
    if (this.#isClosed) return;
    this.#begin();
    this.#o.changed();
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
      if (event.kind === "access" || event.paths.every((path) => path.includes(OWN_PREFIX))) continue;
      this.#o.changed();
    }
  }

  #ended(cause: unknown): void {
    if (this.#isClosed || this.#isResting) return;
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
