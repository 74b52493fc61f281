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
 * Bytes that have come, after which our receivers say so: each word of it wakes the sender's program, and until it's said
 * the sender keeps that much less on the way.
 */
export const CREDIT_BYTES = 96 * 1024;

/** What a receiver may leave unsaid, by the protocol: a window must be open to more, or both would wait for ever. */
export const UNSAID_MOST = 128 * 1024;

/**
 * Bytes ahead of what has come; the last part may go beyond. `first` until a rate is known: what goes then is not more than
 * a cheap switch's queue holds, for a receiver's two parents begin at once. Then as much as the receiver takes in `time`
 * milliseconds, or in half as long again as a word of it took at the quickest if that is more: on a long way. But at least so
 * many: four parts, which is what the system takes at once of a connection; what is more waits there, and is put into packets
 * that shapers cut up again (src/swarm/STATE.md). And never more than `most`.
 */
const WINDOW = { first: 220_000, least: 200_000, time: 25, ways: 1.5, most: 16 * 1024 * 1024 };

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
  /** One part at a time is timed: when it was sent, and how much has to come until it has. */
  #timed: { at: number; missing: number } | undefined;
  /** undefined until one has come. */
  #shortest: number | undefined;

  /**
   * Tells whether more may be sent.
   *
   * @param isNarrow another receiver is to come first.
   */
  isOpen(isNarrow = false): boolean {
    return this.#ahead < (isNarrow ? Math.max(UNSAID_MOST, this.#size / NARROW) : this.#size);
  }

  /** Bytes that may be ahead now; the last part may go beyond. */
  get size(): number {
    return this.#size;
  }

  /**
   * So many bytes are being sent.
   *
   * @param now milliseconds.
   */
  sent(bytes: number, now: number): void {
    this.#ahead += bytes;
    this.#timed ??= { at: now, missing: this.#ahead };
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
    this.#time(credited, now);
    this.#since ??= now;
    const elapsed = now - this.#since;
    if (elapsed < MEASURED) return credited;
    const wanted = this.#came / elapsed * Math.max(WINDOW.time, (this.#shortest ?? 0) * WINDOW.ways);
    this.#size = Math.min(WINDOW.most, Math.max(WINDOW.least, wanted));
    this.#came = 0;
    this.#since = now;
    return credited;
  }

  /** The shortest there was is the way there and back: what else it took, bytes have waited in queues. */
  #time(credited: number, now: number): void {
    if (!this.#timed) return;
    this.#timed.missing -= credited;
    if (this.#timed.missing > 0) return;
    const took = now - this.#timed.at;
    this.#shortest = Math.min(this.#shortest ?? took, took);
    this.#timed = undefined;
  }
}
