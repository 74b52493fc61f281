/**
 * The messages of one bucket in their order: what is there, and what comes. A reading that is broken off, by a server that
 * dies or a message that gets lost, goes on behind the last message that was heard.
 *
 * Rules: each message is heard once and in order; nothing is left out but what was replaced or removed meanwhile. Reading
 * goes on until it's closed, however often it is broken off. It is the leader's copy that is read: a server that was killed
 * and is back may have another story to tell.
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
/** Consumers made in search of the leader: of three servers each is as likely; 1 in 3,000 searches ends with another. */
const PLACES_MAX = 20;
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
    const inbox = `_INBOX.labswarm.${crypto.randomUUID()}`;
    this.#delivered = 0;
    this.#isCaughtUp = false;
    try {
      // Nothing is sent until somebody listens.
      const pending = await this.#consume(inbox);
      this.#lastSign = this.#o.clock.monotonic();
      this.#beginning = false;
      if (this.#closed) return;
      this.#listen(inbox);
      if (pending === 0) this.#caughtUp();
    } catch {
      this.#beginning = false;
      this.#again();
    }
  }

  #listen(inbox: string): void {
    const subscription = this.#o.nc.subscribe(inbox, {
      callback: (error, message) => {
        if (this.#subscription !== subscription) return;
        if (error) return this.#again();
        this.#hear(message);
      },
    });
    this.#subscription = subscription;
  }

  /** Has a consumer made at the server that leads the copies; where it is made, NATS leaves to chance. @returns what it has to tell. */
  async #consume(inbox: string): Promise<number> {
    const { jsm, bucket, filter } = this.#o;
    const stream = `KV_${bucket}`;
    const leader = (await jsm.streams.info(stream)).cluster?.leader;
    for (let tries = 1;; tries++) {
      const { name, cluster, num_pending } = await jsm.consumers.add(stream, {
        ...{ deliver_subject: inbox, filter_subject: `$KV.${bucket}.${filter}`, ack_policy: "none" as const },
        ...(this.#seq > 0
          ? { deliver_policy: "by_start_sequence" as const, opt_start_seq: this.#seq + 1 }
          : { deliver_policy: "all" as const }),
        ...{ flow_control: true, idle_heartbeat: HEARTBEAT * 1e6, inactive_threshold: 30_000 * 1e6 },
        ...{ mem_storage: true, num_replicas: 1, max_deliver: 1 },
      });
      if (!leader || !cluster?.leader || cluster.leader === leader || tries === PLACES_MAX) {
        return num_pending;
      }
      await jsm.consumers.delete(stream, name);
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
