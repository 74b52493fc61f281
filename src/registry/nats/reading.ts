/**
 * The messages of one bucket in their order: what is there, and what comes. A reading that is broken off, by a server that
 * dies or a message that gets lost, goes on behind the last message that was heard.
 *
 * Rules: each message is heard once and in order; nothing is left out but what was replaced or removed meanwhile. Reading
 * goes on until it's closed, however often it is broken off. With a proof nothing is told of a copy until it has numbered a
 * mark of ours as the copy did that leads; one that numbers it otherwise is left, and what it had told is told again.
 */

import type { Clock } from "../../base/clock.ts";
import type { ConsumerConfig, JetStreamManager, Msg, NatsConnection, Subscription } from "../../deps/nats.ts";

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
/** With a proof a reading begins so many messages before what it hasn't heard: a copy may number a new mark lower than that. */
const MARGIN = 256;
/** Marks of ours that wait for being acknowledged. */
const MARKS_MAX = 8;

/** Shows whether a copy numbers its messages as the one does that leads. */
export interface Proof {
  /** Writes a mark. @throws {LabError} when nobody leads. */
  mark(): Promise<unknown>;
  /** Tells whether this run of this server wrote it as a mark. */
  isMark(entry: Entry): boolean;
  /** The number of a mark as the copy says that leads; undefined where that isn't known for sure, or not yet. */
  numberOf(writer: string): number | undefined;
  /** The copy at this server of NATS is one to keep away from. */
  isShunned(server: string): boolean;
  /** The copy at this server has another number. */
  differs(server: string): void;
}

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
  /** What is heard is only told on once this shows that the copy is right. */
  proof?: Proof | undefined;
  /** What was heard so far had wrong numbers: all of it will be heard again. */
  restarts?: () => void;
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
  /** What this copy has told and isn't to be told on before it's proven. */
  #held: Entry[] | undefined;
  /** This copy has told all that it has. */
  #isDrained = false;
  /** Numbers of our marks as this copy tells them, by writer. */
  #marks = new Map<string, number>();
  #isMarking = false;
  /** The server of NATS where the copy is that is read. */
  #server = "";
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

  /** The server of NATS where the copy is that is read; "" where it's one alone, or not known yet. */
  get server(): string {
    return this.#server;
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

  /** Looks whether this copy has our marks under the numbers under which they were acknowledged. */
  compare(): void {
    const { proof } = this.#o;
    const known = [...this.#marks].findLast(([writer]) => proof?.numberOf(writer) !== undefined);
    if (!known || this.#isMarking) return;
    const [writer, seq] = known;
    this.#marks.clear();
    if (proof?.numberOf(writer) === seq) this.#proven();
    else this.#differs();
  }

  #look(): void {
    if (this.#beginning || !this.#subscription) return;
    if (this.#o.clock.monotonic() - this.#lastSign > SILENCE) this.#again();
    else if (this.#held) void this.#prove();
  }

  async #prove(): Promise<void> {
    if (this.#isMarking || this.#closed) return;
    this.#isMarking = true;
    try {
      await this.#o.proof!.mark();
    } catch {
      /* nobody leads, so nothing new is kept, either; it will be tried again */
    } finally {
      this.#isMarking = false;
    }
    if (!this.#closed) this.compare();
  }

  #proven(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    for (const entry of held) this.#tell(entry);
    if (this.#isDrained) this.#drained();
  }

  /** Numbers of this copy mean nothing elsewhere: all that it told is told again. */
  #differs(): void {
    const { proof, restarts } = this.#o;
    if (!this.#held) {
      this.#seq = 0;
      restarts?.();
    }
    this.#again();
    proof?.differs(this.#server);
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
    const { nc, jsm, bucket, clock, proof } = this.#o;
    const inbox = `_INBOX.labswarm.${crypto.randomUUID()}`;
    this.#delivered = 0;
    this.#isCaughtUp = this.#isDrained = false;
    this.#held = proof && [];
    this.#marks.clear();
    // Messages may come before we know from where.
    const early: Msg[] = [];
    try {
      const subscription = nc.subscribe(inbox, {
        callback: (error, message) => {
          if (this.#subscription !== subscription) return;
          if (error) return this.#again();
          if (this.#beginning) early.push(message);
          else this.#hear(message);
        },
      });
      this.#subscription = subscription;
      const { num_pending: pending, cluster } = await jsm.consumers.add(
        `KV_${bucket}`,
        this.#consumer(inbox),
      );
      this.#lastSign = this.#newsAt = clock.monotonic();
      this.#beginning = false;
      if (this.#closed) return subscription.unsubscribe();
      this.#server = cluster?.leader ?? "";
      if (proof?.isShunned(this.#server)) return this.#again();
      if (this.#held) void this.#prove();
      for (const message of early) if (this.#subscription === subscription) this.#hear(message);
      if (pending === 0) this.#drained();
    } catch {
      this.#beginning = false;
      this.#again();
    }
  }

  #consumer(inbox: string): Partial<ConsumerConfig> {
    const { bucket, filter, proof } = this.#o;
    const from = this.#seq + 1 - (proof ? MARGIN : 0);
    return {
      ...{ deliver_subject: inbox, filter_subject: `$KV.${bucket}.${filter}`, ack_policy: "none" },
      ...(this.#seq > 0 && from > 1
        ? { deliver_policy: "by_start_sequence", opt_start_seq: from }
        : { deliver_policy: "all" }),
      ...{ flow_control: true, idle_heartbeat: HEARTBEAT * 1e6, inactive_threshold: 30_000 * 1e6 },
      ...{ mem_storage: true, num_replicas: 1, max_deliver: 1 },
    };
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
    this.#newsAt = this.#lastSign;
    this.#take({
      key: message.subject.slice(`$KV.${this.#o.bucket}.`.length),
      seq: place.seq,
      value: isRemoval(headers?.get("KV-Operation")) ? undefined : new Uint8Array(message.data),
      writer: headers?.get(WRITER) ?? "",
    });
    if (place.pending === 0) this.#drained();
  }

  #take(entry: Entry): void {
    const { proof } = this.#o;
    if (this.#held) this.#held.push(entry);
    else this.#tell(entry);
    if (!proof?.isMark(entry)) return;
    this.#marks.set(entry.writer, entry.seq);
    if (this.#marks.size > MARKS_MAX) this.#marks.delete(this.#marks.keys().next().value!);
    this.compare();
  }

  #tell(entry: Entry): void {
    if (entry.seq <= this.#seq) return;
    this.#seq = entry.seq;
    this.#o.heard(entry);
  }

  #drained(): void {
    this.#isDrained = true;
    if (this.#held || this.#isCaughtUp) return;
    if (this.#seq < this.#wanted) return this.#again();
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
