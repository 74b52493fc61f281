/** What was sent to the registration server, and what was asked for on its page: the last ones. */

import type { Clock } from "../../base/clock.ts";
import type { TransferRow } from "../../dashboard/types.ts";

/** Transfers shown: a lab's reports on one page, and then some. */
const KEPT = 300;

/** The last transfers. */
export class Transfers {
  #rows = new Map<string, TransferRow>();
  #n = 0;

  constructor(private clock: Clock) {}

  /** All of them, the oldest first. */
  rows(): TransferRow[] {
    return [...this.#rows.values()];
  }

  /** One more; returns how to change it. */
  begin(
    row: Pick<TransferRow, "kind" | "name" | "peer"> & Partial<TransferRow>,
  ): (change: Partial<TransferRow>) => void {
    const id = String(++this.#n);
    this.#rows.set(id, { id, bytes: 0, total: 0, state: "running", at: this.clock.now(), ...row });
    for (const [key, { state }] of this.#rows) {
      if (this.#rows.size <= KEPT) break;
      if (state !== "running") this.#rows.delete(key);
    }
    return (change) => {
      const before = this.#rows.get(id);
      if (before) this.#rows.set(id, { ...before, ...change });
    };
  }
}
