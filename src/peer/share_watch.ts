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

  constructor(setting: ShareWatchSetting) {
    this.#o = setting;
    this.#begin();
  }

  close(): void {
    this.#isClosed = true;
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
    if (this.#isClosed) return;
    // Anything but a name that can't be told.
    if (!(cause instanceof TypeError)) return this.#tellNone();
    if (!this.#hasTold) {
      this.#hasTold = true;
      this.#o.log.warn(
        "Not shared: a file or folder whose name is not UTF-8 was written to the share; rename it, for here it can't be seen",
      );
    }
    try {
      this.#watcher?.close();
    } catch { /* it ended by itself */ }
    this.#cancel = this.#o.clock.after(AGAIN, () => {
      this.#begin();
      this.#o.changed();
    });
  }

  #tellNone(): void {
    this.#o.log.debug("This system gives no change notices; the share is scanned at intervals only");
  }
}
