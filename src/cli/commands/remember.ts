/** A broadcast and the registration server's memory of it: told before it begins, as it goes on, and at its end. */

import { LabError, messageOf } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { Broadcast, type BroadcastSetting, type Target } from "../../peer/broadcast/broadcast.ts";
import type { HashFeed } from "../../peer/broadcast/hash_feed.ts";
import { Remembered } from "../../peer/broadcast/remembered.ts";
import type { SendFile } from "../../peer/send_files.ts";

/** What remembering needs beside the broadcast. */
export interface Memory {
  /** What people call it. */
  title: string;
  /** How long it is kept for those who come late, milliseconds. */
  expires: number;
  /** The server's own share holds the files: tells it so, once it knows the broadcast. */
  adopt?: (id: string) => Promise<boolean>;
}

/** A broadcast that the registration server remembers. */
export class KeptBroadcast extends Broadcast {
  #setting: BroadcastSetting;
  #memory: Memory;
  #remembered: Remembered | undefined;
  #stop: AbortController;
  #wire: readonly SendFile[];

  constructor(files: readonly SendFile[], setting: BroadcastSetting, memory: Memory) {
    const stop = new AbortController();
    super(files, {
      ...setting,
      signal: AbortSignal.any([setting.signal, stop.signal]),
      changed: (targets) => this.#changed(targets),
    });
    this.#stop = stop;
    this.#wire = files;
    this.#setting = setting;
    this.#memory = memory;
  }

  override async run(): Promise<void> {
    const { rs, identity, context, name, cookie, to } = this.#setting;
    const [first] = this.#wire;
    const remembered = await Remembered.begin({
      ...{ rs, identity, context, id: this.id, name, cookie, to },
      ...{ title: this.#memory.title, expires: this.#memory.expires },
      files: first?.hashing ? [] : this.#wire.map((file) => [file.offered, file.size, file.sha256]),
      withdrawn: () => this.#stop.abort(new LabError("failed", "The broadcast was withdrawn")),
    }, this.#setting.signal);
    this.#remembered = remembered;
    const known = first?.hashing ? this.#whenHashed(first, first.hashing.feed) : Promise.resolve(true);
    const adopted = known.then((isKnown) => isKnown && this.#adopt());
    if (!first?.hashing) await adopted;
    try {
      await super.run();
      await adopted;
    } catch (cause) {
      await this.#forgetUnless(adopted, cause);
      throw cause;
    } finally {
      await remembered.end();
    }
  }

  /** What nobody has, and what was never hashed to its end, nobody could get later. */
  async #forgetUnless(adopted: Promise<boolean>, cause: unknown): Promise<void> {
    const feed = this.#wire[0]?.hashing?.feed;
    const isLost = feed !== undefined && (this.#setting.signal.aborted || feed.fault !== undefined) &&
      !feed.closing;
    if (this.targets.length > 0 && !isLost) return;
    if (this.away > 0 && this.#memory.adopt && !isLost && await adopted) throw this.#later(cause);
    await this.#remembered?.withdraw();
  }

  /**
   * The server learns what the file is once it is hashed to its end; from then on those who come late get it.
   *
   * @returns false when that never happens.
   */
  async #whenHashed({ offered, size }: SendFile, feed: HashFeed): Promise<boolean> {
    const end = () => feed.fail(new LabError("interrupted", "The broadcast was interrupted"));
    this.#setting.signal.addEventListener("abort", end, { once: true });
    try {
      const { sha256 } = await feed.closed();
      await this.#remembered?.tellFiles([[offered, size, sha256]]);
    } catch (cause) {
      this.#setting.context.log.debug(
        `The registration server doesn't know the file yet: ${messageOf(cause)}`,
      );
    }
    return feed.closing !== undefined;
  }

  async #adopt(): Promise<boolean> {
    try {
      return await this.#memory.adopt?.(this.id) ?? false;
    } catch (cause) {
      this.#setting.context.log.warn(
        `Those who come late get it from the other PCs only: ${messageOf(cause)}`,
      );
      return false;
    }
  }

  #changed(targets: readonly Target[]): void {
    this.#remembered?.changed(targets);
    this.#setting.changed(targets);
  }

  #later(cause: unknown): LabError {
    return new LabError(
      "not_found",
      `${messageOf(cause)}; ${formatCount(this.away, "PC")} now off get it when they register`,
      { cause },
    );
  }
}
