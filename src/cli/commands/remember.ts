/** A broadcast and the registration server's memory of it: told before it begins, as it goes on, and at its end. */

import { LabError, messageOf } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { Broadcast, type BroadcastSetting, type Target } from "../../peer/broadcast/broadcast.ts";
import { Remembered } from "../../peer/broadcast/remembered.ts";
import type { SendFile } from "../../peer/send.ts";

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
    this.#remembered = await Remembered.begin({
      ...{ rs, identity, context, id: this.id, name, cookie, to },
      ...{ title: this.#memory.title, expires: this.#memory.expires },
      files: this.#wire.map((file) => [file.offered, file.size, file.sha256]),
      withdrawn: () => this.#stop.abort(new LabError("failed", "The broadcast was withdrawn")),
    });
    const isKept = await this.#memory.adopt?.(this.id).catch((cause) => {
      context.log.warn(`Those who come late get it from the other PCs only: ${messageOf(cause)}`);
    });
    try {
      await super.run();
    } catch (cause) {
      // Nobody has it, so nobody could get it later.
      if (this.targets.length > 0) throw cause;
      if (isKept && this.away > 0) throw this.#later(cause);
      await this.#remembered.withdraw();
      throw cause;
    } finally {
      await this.#remembered.end();
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
