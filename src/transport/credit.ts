/**
 * How much of a broadcast's pieces may be on the way to one receiver: it says what has come, and the sender keeps no more
 * than a window of bytes ahead of that. Pure but for the times it is handed.
 *
 * TCP alone fills whatever buffers it finds, in the system and in switches: then one of two receivers that share an uplink
 * falls behind for a second when a queue overflows, whoever wants to work on the same network waits behind the queue, and
 * the system puts what waits into the largest packets there are. With a window nothing but the link is waited for.
 */

/**
 * Bytes handed to the system at a time: what goes in one packet of the system's, headers included, within 64 KiB. Larger
 * ones are cut up again by whatever shapes the link: a star of 8 whose shapers pass 66,000 bytes at once took 1.30 F/B with
 * 132,000, and 1.15 with these.
 */
export const PACED_BYTES = 60_000;

/**
 * Bytes that have come, after which the receiver says so: each word of it wakes the sender's program. Below a third of the
 * least window, so that one who is to wait for another gets a third indeed.
 */
export const CREDIT_BYTES = 128 * 1024;

/**
 * Bytes ahead of what has come; the last part may go beyond. `first` until a rate is known: what goes then is not more than
 * a cheap switch's queue holds, for a receiver's two parents begin at once. Then `time` milliseconds of what the receiver
 * takes, for it may gather bytes for 8 ms before it says so; but at least so many, 65 ms of half a link of 100 Mbit/s, for
 * programs wait for a core (with 300,000 a star of 8 took 1.12 F/B, with 400,000 1.09, with 700,000 queues overflowed); and
 * never more than `most`.
 */
const WINDOW = { first: 220_000, least: 400_000, time: 25, most: 16 * 1024 * 1024 };

/** Of two that share an uplink one gets this many times what the other gets, while the other has a narrow window. */
const NARROW = 3;

/** A rate is measured over so many milliseconds. */
const MEASURED = 100;

/** The window of one connection. */
export class CreditWindow {
  #ahead = 0;
  #size = WINDOW.first;
  #came = 0;
  #since: number | undefined;

  /**
   * Tells whether more may be sent.
   *
   * @param isNarrow another receiver is to come first.
   */
  isOpen(isNarrow = false): boolean {
    // Less than a credit may have come without a word: to wait for that would be to wait for ever.
    return this.#ahead < (isNarrow ? Math.max(CREDIT_BYTES, this.#size / NARROW) : this.#size);
  }

  /** Bytes that may be ahead now; the last part may go beyond. */
  get size(): number {
    return this.#size;
  }

  /** So many bytes are being sent. */
  sent(bytes: number): void {
    this.#ahead += bytes;
  }

  /**
   * So many bytes have come, the receiver says.
   *
   * @param now milliseconds.
   * @returns how many of them were ahead.
   */
  came(bytes: number, now: number): number {
    // One who claims more than it was sent gains nothing by it.
    const credited = Math.min(bytes, this.#ahead);
    this.#ahead -= credited;
    this.#came += credited;
    this.#since ??= now;
    const elapsed = now - this.#since;
    if (elapsed < MEASURED) return credited;
    const wanted = this.#came / elapsed * WINDOW.time;
    this.#size = Math.min(WINDOW.most, Math.max(WINDOW.least, wanted));
    this.#came = 0;
    this.#since = now;
    return credited;
  }
}
