/**
 * The messages of one bucket in their order: what is there, and what comes. A reading that is broken off, by a server that
 * dies or a message that gets lost, goes on behind the last message that was heard.
 *
 * Rules: each message is heard once and in order; nothing is left out but what was replaced or removed meanwhile. Reading
 * goes on until it's closed, however often it is broken off.
 */

import type { Clock } from "../../base/clock.ts";
import type { JetStreamManager, Msg, NatsConnection, Subscription } from "../../deps/nats.ts";

/** Something that stands, or stood, under a key. */
export interface Entry {
  key: string;
  /** Its number in the bucket: greater than those of all that was written before. */
  seq: number;
  /** Undefined when the key was removed. */
  value: Uint8Array<ArrayBuffer> | undefined;
  /** Who wrote it, as it says itself. */
  writer: string;
}

/** The header in which a writer names itself and its writing. */
export const WRITER = "Labswarm-Write";

/** The server says that it's there this often, milliseconds, and counts as gone when it was silent for twice as long and a bit. */
const HEARTBEAT = 1_000;
const SILENCE = 2_500;
/** Pause before a reading is taken up again, milliseconds. */
const AGAIN = 250;

/** What a reading needs. */
export interface ReadingOptions {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  bucket: string;
  /** Keys; `>` for all. */
  filter: string;
  /** Only what comes after this number. */
  after?: number;
  heard: (entry: Entry) => void;
  /** All that was there is heard; called again after each interruption. */
  caughtUp?: () => void;
}

/** One reading of a bucket. */
export class Reading {
  #o: ReadingOptions;
  #seq: number;
  #delivered = 0;
  #subscription: Subscription | undefined;
  #lastSign = 0;
  /** A number that is known to be there. */
  #wanted = 0;
  /** When it told something last, or was begun. */
  #newsAt = 0;
  #closed = false;
  #beginning = false;
  #isCaughtUp = false;
  #stopWatch: () => void;
  #stopAgain = () => {};

  constructor(options: ReadingOptions) {
    this.#o = options;
    this.#seq = options.after ?? 0;
    this.#lastSign = options.clock.monotonic();
    this.#stopWatch = options.clock.every(HEARTBEAT, () => this.#look());
    this.#begin();
  }

  /** The number of the latest message that was heard. */
  get seq(): number {
    return this.#seq;
  }

  /** Milliseconds since the server gave its last sign. */
  get idle(): number {
    return this.#o.clock.monotonic() - this.#lastSign;
  }

  /**
   * Takes it up again, at a server of NATS' choice: the one where it is tells nothing new, though it's there. One that has
   * just told something, or was begun just now, goes on.
   *
   * @param wanted the number of something that is there: a copy that doesn't have it is left at once.
   */
  again(wanted: number): void {
    this.#wanted = wanted;
    if (this.#beginning || !this.#subscription) return;
    if (this.#o.clock.monotonic() - this.#newsAt > SILENCE) this.#again();
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    this.#stopWatch();
    this.#stopAgain();
    this.#subscription?.unsubscribe();
  }

  #look(): void {
    if (this.#beginning || !this.#subscription) return;
    if (this.#o.clock.monotonic() - this.#lastSign > SILENCE) this.#again();
  }

  #again(): void {
    this.#subscription?.unsubscribe();
    this.#subscription = undefined;
    this.#stopAgain();
    if (!this.#closed) this.#stopAgain = this.#o.clock.after(AGAIN, () => this.#begin());
  }

  async #begin(): Promise<void> {
    if (this.#beginning || this.#closed) return;
    this.#beginning = true;
    const { nc, jsm, bucket, filter, clock } = this.#o;
    const inbox = `_INBOX.labswarm.${crypto.randomUUID()}`;
    this.#delivered = 0;
    this.#isCaughtUp = false;
    try {
      const subscription = nc.subscribe(inbox, {
        callback: (error, message) => {
          if (this.#subscription !== subscription) return;
          if (error) return this.#again();
          this.#hear(message);
        },
      });
      this.#subscription = subscription;
      const { num_pending: pending } = await jsm.consumers.add(`KV_${bucket}`, {
        ...{ deliver_subject: inbox, filter_subject: `$KV.${bucket}.${filter}`, ack_policy: "none" as const },
        ...(this.#seq > 0
          ? { deliver_policy: "by_start_sequence" as const, opt_start_seq: this.#seq + 1 }
          : { deliver_policy: "all" as const }),
        ...{ flow_control: true, idle_heartbeat: HEARTBEAT * 1e6, inactive_threshold: 30_000 * 1e6 },
        ...{ mem_storage: true, num_replicas: 1, max_deliver: 1 },
      });
      this.#lastSign = this.#newsAt = clock.monotonic();
      this.#beginning = false;
      if (this.#closed) return subscription.unsubscribe();
      if (pending > 0) return;
      if (this.#seq < this.#wanted) return this.#again();
      this.#caughtUp();
    } catch {
      this.#beginning = false;
      this.#again();
    }
  }

  #hear(message: Msg): void {
    this.#lastSign = this.#o.clock.monotonic();
    const { headers } = message;
    if (headers && headers.code === 100) {
      if (message.reply) message.respond();
      // A heartbeat names the consumer's last message: one that we haven't heard got lost.
      const last = headers.get("Nats-Last-Consumer");
      if (last !== "" && Number(last) !== this.#delivered) this.#again();
      return;
    }
    const place = placeOf(message.reply ?? "");
    if (!place) return;
    if (place.delivered !== this.#delivered + 1) return this.#again();
    this.#delivered = place.delivered;
    this.#seq = place.seq;
    this.#newsAt = this.#lastSign;
    this.#o.heard({
      key: message.subject.slice(`$KV.${this.#o.bucket}.`.length),
      seq: place.seq,
      value: isRemoval(headers?.get("KV-Operation")) ? undefined : new Uint8Array(message.data),
      writer: headers?.get(WRITER) ?? "",
    });
    if (place.pending === 0) this.#caughtUp();
  }

  #caughtUp(): void {
    if (this.#isCaughtUp) return;
    this.#isCaughtUp = true;
    this.#o.caughtUp?.();
  }
}

/** Tells whether a message under a key says that there's nothing any more. */
export function isRemoval(operation: string | undefined): boolean {
  return operation === "DEL" || operation === "PURGE";
}

/**
 * What the subject for acknowledgements says of a message: `$JS.ACK.STREAM.CONSUMER.TRIES.SEQ.DELIVERED.TIME.PENDING`, and
 * three words more in the newer form.
 */
function placeOf(reply: string): { seq: number; delivered: number; pending: number } | undefined {
  const words = reply.split(".");
  if (words.length < 9 || words[0] !== "$JS" || words[1] !== "ACK") return undefined;
  const at = words.length === 9 ? 5 : 7;
  const [seq, delivered, , pending] = words.slice(at, at + 4).map(Number);
  return [seq, delivered, pending].every((number) => Number.isSafeInteger(number))
    ? { seq: seq!, delivered: delivered!, pending: pending! }
    : undefined;
}
