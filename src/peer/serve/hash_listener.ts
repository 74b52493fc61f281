/**
 * Takes the piece hashes of a file that is broadcast while it is being hashed. Only the broadcaster is believed: who was the
 * first to offer it. Its connection may break and be made again; when it stays away, the file can't be finished.
 */

import type { Clock } from "../../base/clock.ts";
import { LabError, messageOf, RemoteError, RemoteProtocolError } from "../../base/errors.ts";
import { TIMEOUTS } from "../../base/limits.ts";
import type { Holder } from "../../catalog/merge.ts";
import { nameFault, printable } from "../../catalog/names.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { HashFeed } from "../broadcast/hash_feed.ts";

/** How long a broadcaster whose connection broke may stay away, milliseconds: it dials again every second. */
const PATIENCE = 30_000;

/** Listens to the hashes of one file. */
export class HashListener {
  #heard = 0;
  #cancel = () => {};

  /**
   * @param feed is filled, closed, or failed.
   * @param from who is believed.
   */
  constructor(readonly feed: HashFeed, private from: Holder, private clock: Clock) {}

  /** Takes what comes on an offer's stream; never throws. */
  async listen(exchange: Exchange, from: Holder): Promise<void> {
    if (from.address !== this.from.address || from.id !== this.from.id) return;
    this.#heard++;
    this.#cancel();
    try {
      while (!this.feed.isOver) {
        const incoming = await exchange.next(TIMEOUTS.manifest);
        if (incoming.kind === "PieceHashes") this.feed.add(incoming.at, incoming.hashes);
        if (incoming.kind === "OfferClose") this.feed.close(incoming);
      }
    } catch (cause) {
      const fault = this.#faultOf(cause);
      if (fault) this.feed.fail(fault);
    } finally {
      this.#heard--;
      if (this.#heard === 0 && !this.feed.isOver) {
        this.#cancel = this.clock.after(PATIENCE, () => this.#giveUp());
      }
    }
  }

  /** Nobody wants it any more. */
  end(): void {
    this.#cancel();
    this.feed.fail(new LabError("interrupted", "Interrupted"));
  }

  /** What ends it; a connection that broke doesn't. */
  #faultOf(cause: unknown): LabError | undefined {
    const name = printable(this.feed.file.name);
    const said = `Cannot take ${name}: ${messageOf(cause)}`;
    if (cause instanceof RemoteError) return new LabError(cause.code, said, { cause });
    if (cause instanceof RemoteProtocolError) return new LabError("integrity", said, { cause });
    return undefined;
  }

  #giveUp(): void {
    this.feed.fail(
      new LabError(
        "unreachable",
        `Cannot finish ${
          printable(this.feed.file.name)
        }: its sender went away before it had told what all of it ` +
          "must be; broadcast it again, it goes on where it was",
      ),
    );
  }
}

/**
 * What is known of an offered file that is being hashed yet: nothing.
 *
 * @throws {LabError} when that can't be said of this offer.
 */
export function feedOf(offer: MessageOf<"Offer">): HashFeed {
  const [file] = offer.files;
  const isSound = offer.purpose === "broadcast" && offer.files.length === 1 && !offer.more &&
    (offer.stripes?.length ?? 0) > 0 && offer.holders === undefined;
  if (!file || !isSound) {
    throw new LabError(
      "usage",
      "Only a single file may be offered before it is hashed, and only in a broadcast",
    );
  }
  const [name, size, id] = file;
  const fault = nameFault(name);
  if (fault) throw new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${fault}`);
  return new HashFeed(id, { name, size });
}
