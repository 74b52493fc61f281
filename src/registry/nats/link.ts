/**
 * The connection to NATS: buckets, writing that is acknowledged by most of their copies, reading back.
 *
 * Rules: a writing says which one it replaces, and is refused when another came between. A writing whose answer gets lost is
 * tried again until it is known what became of it, or the time is up; then the error says that it isn't known. The
 * connection goes to another of the servers when one doesn't answer.
 */

import { type Clock, sleepOrLess } from "../../base/clock.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type {
  ConnectionOptions,
  JetStreamClient,
  JetStreamManager,
  NatsConnection,
} from "../../deps/nats.ts";
import type { NatsPlace } from "./place.ts";
import { type Entry, isRemoval, type Proof, Reading, type ReadingOptions, WRITER } from "./reading.ts";

type Nats = typeof import("../../deps/nats.ts");

/** Copies of each bucket, where there are so many servers. */
const REPLICAS = 3;
/** One attempt to write, and all of them together, milliseconds: a new leader is found in about 4 s. */
const ATTEMPT = 2_000;
const WRITING = 10_000;
/** Pause between two attempts. */
const PAUSE = 200;
/** How long a start waits for a server, milliseconds: after a power cut all PCs start at once. */
const CONNECTING = 10_000;
/** How long a start waits for the servers to be there, milliseconds: they may be starting, too. */
const STARTING = 30_000;
/**
 * What has been written is heard within so long, milliseconds, or the reading is taken up elsewhere: a server of NATS whose
 * disk is full says every second that it's there, and tells nothing new.
 */
export const DEAF = 3_000;
/** Copies that are looked at, at NATS' choice, until each of three was. */
const LOOKS = 20;
/** Attempts that weren't answered before another server is asked. */
const SILENT_ATTEMPTS = 2;

/** NATS' codes of errors that mean something to us. */
const CODES = { wrongSequence: 10071, notClustered: 10074, noMessage: 10037 };
/** What NATS says when a message that is to be removed has gone already: not found, in words of several versions. */
const GONE = [CODES.noMessage, 10043, 10057];
/** Messages that are removed at the same time. */
const SWEPT_AT_ONCE = 32;

/** A bucket that is to be there. */
export interface BucketSetting {
  name: string;
  /** What is older than this vanishes, milliseconds. */
  ttl?: number;
}

/** A message that shows how far somebody has read. */
export interface Mark {
  seq: number;
  writer: string;
  /** It was acknowledged at once: it is there once, and under this number. */
  isSure: boolean;
}

/** Somebody else has written under the key. */
export class Conflict extends Error {
  override name = "Conflict";
  constructor(readonly current: Entry | undefined) {
    super("Another server has written there");
  }
}

/** What was written may be there or not, nobody knows: NATS didn't answer in time. */
export class Unanswered extends LabError {
  override name = "Unanswered";

  constructor(message: string, readonly writer: string, cause: unknown) {
    super("unreachable", message, { cause });
  }
}

/** A connection to NATS. */
export class NatsLink {
  #writings = 0;
  #silent = 0;
  #reconnecting = false;
  #replicas = REPLICAS;
  #lastAnswer: number;
  #closing = new AbortController();

  private constructor(
    private nats: Nats,
    private nc: NatsConnection,
    private jsm: JetStreamManager,
    private js: JetStreamClient,
    private o: { clock: Clock; log: Logger },
    /** Names this run: begins the writer's name of all that it writes. */
    readonly run: string,
    readonly place: NatsPlace,
  ) {
    this.#lastAnswer = o.clock.monotonic();
  }

  /**
   * Connects.
   *
   * @throws {LabError} "unreachable" when none of the servers can be had; "not_permitted" when they want another password, or
   *   aren't to be trusted.
   */
  static async open(
    options: { place: NatsPlace; clock: Clock; random: Random; log: Logger },
  ): Promise<NatsLink> {
    const { place, clock, random, log } = options;
    const [nats, { connectNats }] = await Promise.all([
      import("../../deps/nats.ts"),
      import("./transport.ts"),
    ]);
    const over = clock.monotonic() + CONNECTING;
    for (let attempt = 1;; attempt++) {
      try {
        const nc = await connectNats(connectionTo(place));
        const jsm = await nats.jetstreamManager(nc, { checkAPI: false, timeout: ATTEMPT });
        return new NatsLink(nats, nc, jsm, jsm.jetstream(), { clock, log }, random.id(6), place);
      } catch (cause) {
        const error = cannotConnect(place, cause);
        if (error.code !== "unreachable" || clock.monotonic() > over) throw error;
        if (attempt === 1) log.info(`Waiting for NATS at ${place.servers.join(", ")}`);
        await clock.sleep(PAUSE);
      }
    }
  }

  /** How many copies there are of what is written. */
  get replicas(): number {
    return this.#replicas;
  }

  /** How often something was written, or tried to be. */
  get writings(): number {
    return this.#writings;
  }

  /** Milliseconds since NATS answered last. */
  get silence(): number {
    return this.o.clock.monotonic() - this.#lastAnswer;
  }

  /**
   * Makes the buckets that are missing.
   *
   * @throws {LabError} "unreachable" when JetStream isn't there, or too few servers are.
   */
  async openBuckets(buckets: readonly BucketSetting[]): Promise<void> {
    const over = this.o.clock.monotonic() + STARTING;
    for (const bucket of buckets) {
      for (;;) {
        try {
          await this.#openBucket(bucket);
          break;
        } catch (cause) {
          if (this.#codeOf(cause) === CODES.notClustered && this.#replicas > 1) {
            this.#replicas = 1;
            this.o.log.warn(
              "NATS runs as a single server: what is kept there has no second copy; three servers in a cluster have",
            );
            continue;
          }
          if (this.o.clock.monotonic() > over) throw this.#cannotOpen(bucket.name, cause);
          await this.o.clock.sleep(PAUSE);
        }
      }
    }
  }

  async #openBucket({ name, ttl }: BucketSetting): Promise<void> {
    try {
      const { config } = await this.jsm.streams.info(`KV_${name}`);
      this.#replicas = config.num_replicas;
      return;
    } catch (cause) {
      if (this.#codeOf(cause) !== 10059) throw cause;
    }
    await new this.nats.Kvm(this.js).create(name, {
      ...{ replicas: this.#replicas, history: 1, allow_direct: false },
      ...(ttl === undefined ? {} : { ttl }),
    });
  }

  #cannotOpen(name: string, cause: unknown): LabError {
    return new LabError(
      "unreachable",
      `Cannot open the bucket ${name} in NATS: ${
        messageOf(cause)
      }; does each nats-server run with JetStream (-js), ` +
        "and are all three of the cluster up?",
      { cause },
    );
  }

  /**
   * Writes under a key.
   *
   * @param value undefined removes what is there.
   * @param expect the number of what it replaces, 0 for nothing; whatever it is unless told.
   * @returns its number.
   * @throws {Conflict}; {Unanswered} when NATS is away.
   */
  async write(bucket: string, key: string, value: unknown, expect?: number): Promise<number> {
    const writer = `${this.run}-${++this.#writings}`;
    const headers = this.nats.headers();
    headers.set(WRITER, writer);
    if (value === undefined) headers.set("KV-Operation", "DEL");
    const data = value === undefined ? new Uint8Array() : encoded(value);
    const options = {
      ...{ headers, timeout: ATTEMPT },
      // A cluster of NATS 2.9 lets two through that expect the same and come at the same moment. Of messages with the same
      // id it takes one, so what replaces the same bears the same id.
      msgID: expect === undefined ? writer : `${key}@${expect}`,
      ...(expect === undefined ? {} : { expect: { lastSubjectSequence: expect } }),
    };
    return await this.#untilAnswered("keep this", writer, async () => {
      try {
        const { seq, duplicate } = await this.js.publish(`$KV.${bucket}.${key}`, data, options);
        if (!duplicate) return seq;
      } catch (cause) {
        if (this.#codeOf(cause) !== CODES.wrongSequence) throw cause;
      }
      const current = await this.read(bucket, key);
      if (current && (current.writer === writer || expect === undefined)) return current.seq;
      // The other one is on its way: nobody knows yet whether it arrives.
      if ((current?.seq ?? 0) === expect) return undefined;
      throw new Conflict(current);
    });
  }

  /** Writes a mark under a key that nobody else writes. */
  async mark(bucket: string, key: string): Promise<Mark> {
    const writer = `${this.run}-${++this.#writings}`;
    const headers = this.nats.headers();
    headers.set(WRITER, writer);
    const options = { headers, timeout: ATTEMPT, msgID: writer };
    let isFirst = true;
    return await this.#untilAnswered("keep this", writer, async () => {
      const isSure = isFirst;
      isFirst = false;
      const { seq, duplicate } = await this.js.publish(`$KV.${bucket}.${key}`, encoded(this.run), options);
      return { seq, writer, isSure: isSure && !duplicate };
    });
  }

  /** Does it until NATS has answered, and knows. @param work gives undefined when it doesn't know yet. */
  async #untilAnswered<T>(
    what: string,
    writer: string,
    work: () => Promise<T | undefined>,
  ): Promise<T> {
    const { clock } = this.o;
    const over = clock.monotonic() + WRITING;
    let cause: unknown;
    for (let pause = PAUSE / 10;; pause = Math.min(2 * pause, PAUSE)) {
      try {
        const done = await work();
        this.#answered();
        if (done !== undefined) return done;
      } catch (thrown) {
        if (thrown instanceof Conflict || thrown instanceof Unanswered) throw thrown;
        cause = thrown;
        this.#unanswered();
      }
      const isOver = () => this.#closing.signal.aborted || this.nc.isClosed() || clock.monotonic() > over;
      if (!isOver()) await sleepOrLess(clock, pause, this.#closing.signal);
      if (isOver()) throw unanswered(what, writer, cause);
    }
  }

  /** What stands under a key, as the one says that leads its copies; its removal, too. */
  read(bucket: string, key: string): Promise<Entry | undefined> {
    return this.#read(bucket, { last_by_subj: `$KV.${bucket}.${key}` });
  }

  /**
   * What stands under a few keys, in the order in which it was written, as the one says that leads the copies.
   *
   * @param before only what has a lower number.
   */
  async list(bucket: string, filter: string, before = Infinity): Promise<Entry[]> {
    const entries: Entry[] = [];
    for (let seq = 1;;) {
      const entry = await this.#read(bucket, { seq, next_by_subj: `$KV.${bucket}.${filter}` });
      if (!entry || entry.seq >= before) return entries;
      entries.push(entry);
      seq = entry.seq + 1;
    }
  }

  async #read(
    bucket: string,
    query: { last_by_subj: string } | { seq: number; next_by_subj: string },
  ): Promise<Entry | undefined> {
    const { entry } = await this.#untilAnswered("read this", "", async () => {
      try {
        const found = await this.jsm.streams.getMessage(`KV_${bucket}`, query);
        if (!found) return { entry: undefined };
        const value = isRemoval(found.header.get("KV-Operation")) ? undefined : new Uint8Array(found.data);
        const key = found.subject.slice(`$KV.${bucket}.`.length);
        return { entry: { key, seq: found.seq, value, writer: found.header.get(WRITER) } };
      } catch (cause) {
        if (this.#codeOf(cause) === CODES.noMessage) return { entry: undefined };
        throw cause;
      }
    });
    return entry;
  }

  /**
   * Everything in a bucket up to a number, in the order in which it was written. A copy that lags behind is waited for: it is
   * a message's number that says that all before it was heard.
   */
  async readAll(bucket: string, upTo: number, proof?: Proof): Promise<Entry[]> {
    const entries: Entry[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { clock } = this.o;
    let heardAt = clock.monotonic();
    const heard = (entry: Entry) => {
      entries.push(entry);
      heardAt = clock.monotonic();
      if (entry.seq >= upTo) resolve();
    };
    const reading = this.follow({ bucket, filter: ">", heard, proof });
    const cancel = clock.every(1_000, () => {
      const late = clock.monotonic() - heardAt;
      if (reading.idle > WRITING || late > STARTING) reject(unheard());
      if (late > DEAF) reading.again(upTo);
    });
    try {
      await promise;
      return entries;
    } finally {
      cancel();
      reading.close();
    }
  }

  /** Hears what is there, and what comes. */
  follow(options: Omit<ReadingOptions, "nc" | "jsm" | "clock">): Reading {
    const { nc, jsm, o: { clock } } = this;
    return new Reading({ ...options, nc, jsm, clock });
  }

  /**
   * Removes what stands under some keys, without anybody being told. @param before only what has a lower number.
   *
   * Message by message: NATS up to 2.9.14 takes a purge of some keys for one of all that a reader hasn't heard yet.
   */
  async sweep(bucket: string, filter: string, before?: number): Promise<void> {
    const swept = await this.list(bucket, filter, before);
    for (let at = 0; at < swept.length; at += SWEPT_AT_ONCE) {
      await Promise.all(swept.slice(at, at + SWEPT_AT_ONCE).map(({ seq }) => this.#remove(bucket, seq)));
    }
  }

  async #remove(bucket: string, seq: number): Promise<void> {
    try {
      await this.jsm.streams.deleteMessage(`KV_${bucket}`, seq, false);
    } catch (cause) {
      if (!GONE.includes(this.#codeOf(cause) ?? 0)) throw cause;
    }
    this.#answered();
  }

  /** The server that leads a bucket's copies; "" where NATS is one server alone. */
  async leaderOf(bucket: string): Promise<string> {
    return (await this.jsm.streams.info(`KV_${bucket}`)).cluster?.leader ?? "";
  }

  /** Has another server lead a bucket's copies. */
  async stepDown(bucket: string): Promise<void> {
    await this.nc.request(`$JS.API.STREAM.LEADER.STEPDOWN.KV_${bucket}`, undefined, { timeout: ATTEMPT });
  }

  /** Writes a mark, and looks under which number each copy has it that can be had, by the names of their servers. */
  async numbersOf(bucket: string, key: string, signal: AbortSignal): Promise<Map<string, number>> {
    const { writer, isSure } = await this.mark(bucket, key);
    if (!isSure) throw unanswered("keep this", writer, "");
    const numbers = new Map<string, number>();
    for (let looks = 0; looks < LOOKS && numbers.size < this.#replicas && !signal.aborted; looks++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => resolve(), { once: true });
      const reading = this.follow({
        ...{ bucket, filter: key },
        heard: (entry) => {
          if (entry.writer !== writer) return;
          numbers.set(reading.server, entry.seq);
          resolve();
        },
      });
      const cancel = this.o.clock.after(ATTEMPT, resolve);
      await promise;
      cancel();
      reading.close();
    }
    return numbers;
  }

  /** Tells the other registration servers something that nobody has to keep. */
  tell(subject: string, value: unknown): void {
    if (!this.nc.isClosed()) this.nc.publish(subject, JSON.stringify(value));
  }

  /** Hears what they tell. @returns ends it. */
  hear(subject: string, heard: (text: string) => void): () => void {
    const subscription = this.nc.subscribe(subject, {
      callback: (error, message) => {
        if (!error) heard(message.string());
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.nc.close();
  }

  #answered(): void {
    this.#silent = 0;
    this.#lastAnswer = this.o.clock.monotonic();
  }

  /** A server that is cut off from the others answers nothing, and keeps the connection: another one may do better. */
  #unanswered(): void {
    if (++this.#silent < SILENT_ATTEMPTS || this.#reconnecting || this.nc.isClosed()) return;
    this.#silent = 0;
    this.#reconnecting = true;
    this.nc.reconnect().catch(() => {}).finally(() => this.#reconnecting = false);
  }

  #codeOf(thrown: unknown): number | undefined {
    return thrown instanceof this.nats.JetStreamApiError ? thrown.code : undefined;
  }
}

function encoded(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function connectionTo(place: NatsPlace): ConnectionOptions {
  return {
    ...{ servers: [...place.servers], name: "labswarm-rs", timeout: 4_000, reconnect: true },
    ...{ maxReconnectAttempts: -1, reconnectTimeWait: 250, reconnectJitter: 250, pingInterval: 5_000 },
    ...{ maxPingOut: 2, noAsyncTraces: true },
    ...(place.user === undefined ? {} : { user: place.user, pass: place.password ?? "" }),
    ...(place.token === undefined ? {} : { token: place.token }),
    ...(place.tls ? { tls: { ca: place.ca ?? "" } } : {}),
  };
}

function unanswered(what: string, writer: string, cause: unknown): Unanswered {
  return new Unanswered(
    `Cannot ${what}: NATS, where the registry lies, does not answer; another registration server may do better`,
    writer,
    cause,
  );
}

/** The copy that is read doesn't tell what is known to be there. */
export function unheard(): Unanswered {
  return unanswered("read the registry", "", "");
}

function cannotConnect(place: NatsPlace, cause: unknown): LabError {
  const text = messageOf(cause);
  const at = place.servers.join(", ");
  if (cause instanceof LabError && cause.code === "not_permitted") {
    return new LabError(cause.code, `Cannot use NATS at ${at}: ${text}`, { cause });
  }
  if (/authorization|authentication/i.test(text)) {
    return new LabError(
      "not_permitted",
      `Cannot use NATS at ${at}: ${text}; is the password in --store right?`,
      { cause },
    );
  }
  return new LabError(
    "unreachable",
    `Cannot reach NATS at ${at}: ${text}; is nats-server running there, with JetStream (-js)?`,
    { cause },
  );
}
