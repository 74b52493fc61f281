/**
 * Notices PCs that have come back while the connection to them is dead and doesn't say so: one that lost its power, or has
 * another address since. Nothing is sent to who receives, so nobody would find out before the silence has been too long.
 *
 * Where one has been silent, the registration server is asked for it. Who is slow, and there, is registered as before.
 */

import type { Clock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import type { WirePeer } from "../../protocol/messages.ts";

/** Whoever receives tells how far it is five times a second: after so long it is looked for, and as often, milliseconds. */
const SILENT = 10_000;

/** How a PC is registered. */
type Registered = Pick<WirePeer, "address" | "port" | "lastRegistered">;

/** What it works with. */
export interface ComebackSetting {
  clock: Clock;
  /** Asks the registration server; may fail. */
  lookUp: () => Promise<unknown>;
  /** How a PC was registered at the last look. */
  at: (name: string) => Registered | undefined;
}

/** A PC that is listened to. */
interface Watched {
  name: string;
  heardAt: number;
  /** How it was registered when it was connected. */
  as: Registered | undefined;
  back: (reason: LabError) => void;
}

/** A watch over the PCs of one broadcast. */
export class Comeback {
  #watched = new Set<Watched>();
  #stop: () => void;

  constructor(private o: ComebackSetting) {
    this.#stop = o.clock.every(SILENT, () => void this.#look());
  }

  /**
   * A PC is connected, and will tell how far it is.
   *
   * @param back is called when it has come back without this connection.
   * @returns to be told when it says anything, and when the connection is over.
   */
  watch(name: string, back: (reason: LabError) => void): { heard: () => void; end: () => void } {
    const { clock, at } = this.o;
    const watched: Watched = { name, heardAt: clock.monotonic(), as: at(name), back };
    this.#watched.add(watched);
    return {
      heard: () => watched.heardAt = clock.monotonic(),
      end: () => this.#watched.delete(watched),
    };
  }

  /** Ends all of it. */
  end(): void {
    this.#stop();
    this.#watched.clear();
  }

  async #look(): Promise<void> {
    const { clock, lookUp, at } = this.o;
    const silent = [...this.#watched].filter(({ heardAt }) => clock.monotonic() - heardAt >= SILENT);
    if (silent.length === 0) return;
    try {
      await lookUp();
    } catch {
      return;
    }
    for (const { name, as, back } of silent.filter((each) => this.#watched.has(each))) {
      const now = at(name);
      if (!now || isSame(now, as)) continue;
      back(new LabError("unreachable", "it was cut off, and has come back"));
    }
  }
}

function isSame(now: Registered, before: Registered | undefined): boolean {
  return now.address === before?.address && now.port === before.port &&
    now.lastRegistered === before.lastRegistered;
}
