/**
 * The lists of files that offers bring, in several messages where they are long. Each may take its time, and many can be begun
 * at once: so they're counted together, by sender, for as long as their offers last.
 *
 * Rule: a list that fits one message is always taken; of longer ones, what goes beyond the limits is told to come back.
 */

import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { formatCount } from "../../base/units.ts";
import type { MessageOf, WireFile } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";

/** Files that may be offered at once. */
export interface ListLimits {
  /** In one list. */
  perList: number;
  /** In all of one sender: two of the longest, for what broke off may be there still when it is offered again. */
  perSender: number;
  /** By all senders. */
  all: number;
}

const LISTS: ListLimits = {
  perList: LIMITS.rowsPerPeer,
  perSender: 2 * LIMITS.rowsPerPeer,
  all: LIMITS.filesOffered,
};

/** A list that is being told. */
export interface OfferList {
  /** Takes what an offer brings, all its messages. */
  take(offer: MessageOf<"Offer">, exchange: Exchange): Promise<WireFile[]>;
  /** The offer is over. */
  end(): void;
}

/** The lists of one receiver. */
export class OfferLists {
  #all = 0;
  #bySender = new Map<string, number>();

  constructor(private limits: ListLimits = LISTS) {}

  /** @param sender a member's id, or an address. */
  begin(sender: string): OfferList {
    let counted = 0;
    const count = (files: number) => {
      counted += files;
      this.#count(sender, files);
    };
    return {
      take: async (offer, exchange) => {
        const files = [...offer.files];
        count(files.length);
        for (let last = offer; last.more;) {
          this.#demandRoom(sender, counted);
          await exchange.send({ kind: "OfferNext" });
          last = await exchange.expect("Offer");
          count(last.files.length);
          files.push(...last.files);
        }
        return files;
      },
      end: () => count(-counted),
    };
  }

  #count(sender: string, files: number): void {
    this.#all += files;
    const now = (this.#bySender.get(sender) ?? 0) + files;
    if (now === 0) this.#bySender.delete(sender);
    else this.#bySender.set(sender, now);
  }

  /** @throws {LabError} "failed" when this list alone is too long, "busy" when all together are. */
  #demandRoom(sender: string, counted: number): void {
    if (counted > this.limits.perList) {
      throw new LabError("failed", `Too many files in one offer: ${counted}`);
    }
    const theirs = this.#bySender.get(sender) ?? 0;
    if (theirs <= this.limits.perSender && this.#all <= this.limits.all) return;
    throw new LabError(
      "busy",
      `${formatCount(this.#all, "file")} are being offered to this PC already; try again in a moment`,
    );
  }
}
