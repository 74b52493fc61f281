/**
 * A connection that speaks P2P-DI/2: frames over a stream, many exchanges at once in both directions.
 *
 * Rules: the dialling side opens odd streams, the accepting side even ones. Writes go out in order, one at a time; what
 * waits is bounded, and a failed or stuck write ends the connection. When it ends, every exchange on it ends.
 */

import { type Clock, sleepOrLess } from "../base/clock.ts";
import { codeOf, LabError, messageOf, RemoteError, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { printable } from "../base/text.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { dataName, encodeMessage, frameRule } from "../protocol/codec.ts";
import { type Frame, FrameDecoder, LAST_STREAM } from "../protocol/frame.ts";
import type { ControlName, Message, MessageOf } from "../protocol/messages.ts";
import { RepeatedMessages } from "../protocol/repeated.ts";
import type { Budget } from "./budget.ts";
import { CREDIT_BYTES } from "./credit.ts";
import { Exchange, remoteError } from "./exchange.ts";
import { Exchanges } from "./exchanges.ts";
import { type DataFrame, Outbox, rejected } from "./outbox.ts";
import type { Member } from "./security.ts";
import type { ByteStream } from "./stream.ts";
import type { Tally } from "./tally.ts";
import type { Watchdog } from "./watchdog.ts";

/** Answers a question from the other side. What it throws is sent back as an Error message. */
export type Handler = (message: Message, exchange: Exchange) => Promise<void> | void;

/** What a connection needs to know. */
export interface ConnectionOptions {
  clock: Clock;
  watchdog: Watchdog;
  side: "dialer" | "acceptor";
  handler?: Handler;
  /** Ends the connection after so many milliseconds without a byte from the other side. */
  idle?: number;
  /** Counts the frames. */
  tally?: Tally;
  /** How fast the other side may ask, and how much may wait of it; without it, as fast and much as it likes. */
  budget?: Budget;
}

/**
 * Bytes read at a time: most control messages are small, and a piece's bytes have a channel of their own. What more is
 * coming when `few` are full is read into a large buffer, which goes back to all connections afterwards: 10,000 peers that
 * have told their index once must not hold one each.
 */
const READ_BYTES = { few: 512, many: 64 * 1024 };

/** Large buffers kept for the next one, all connections together. */
const SPARE_BUFFERS = 64;

/** How long the last bytes may take to leave, milliseconds. */
const FAREWELL = 2_000;

/** One for all: an error with its stack for each message would cost as much as answering it. */
const OVER = new LabError("interrupted", "This exchange is over");

/** A connection that speaks P2P-DI/2. */
export class Connection {
  /** Nobody's at the moment. */
  static #spare: Uint8Array<ArrayBuffer>[] = [];
  readonly clock: Clock;
  readonly closed: Promise<void>;
  /** Who the other side says it is; set by the handshake. */
  peerName: string | undefined;
  /** Who is at the other end, once that is proved; undefined in an open lab. */
  member: Member | undefined;
  /** Idle limit in milliseconds; may change as the connection's purpose becomes known. */
  idle: number;
  /** How fast the other side may ask, and how much may wait of it; shared by the connections of a member once it's known who it is. */
  budget: Budget | undefined;
  #stream: ByteStream;
  #options: ConnectionOptions;
  #decoder: FrameDecoder;
  #greeted = false;
  #exchanges = new Exchanges();
  #nextStream: number;
  #working = 0;
  #outbox: Outbox;
  #started: number;
  #messages = new RepeatedMessages();
  #lastRead: number;
  #refused = false;
  #beforeGreeting = 0;
  /** Since when a control message has been coming in. */
  #begunAt: number | undefined;
  #resting: AbortController | undefined;
  #reason: unknown;
  #markClosed = () => {};
  /** Made once: with each piece that is sent it's asked for. */
  #titled: { peerName: string; title: string } | undefined;

  constructor(stream: ByteStream, options: ConnectionOptions) {
    this.#stream = stream;
    this.#options = options;
    this.clock = options.clock;
    this.budget = options.budget;
    this.idle = options.idle ?? TIMEOUTS.connectionIdle;
    this.#nextStream = options.side === "dialer" ? 1 : 2;
    this.#started = this.#lastRead = this.clock.monotonic();
    this.#outbox = new Outbox(stream, this.clock, (cause) => {
      this.close(asLost(cause, this.title));
      return this.#reason;
    }, options.tally);
    this.#decoder = new FrameDecoder((type) => frameRule(type, this.#greeted));
    this.closed = new Promise((resolve) => this.#markClosed = resolve);
    options.watchdog.add(this);
    this.#readLoop();
  }

  /** The other end's address. */
  get remote(): HostPort {
    return this.#stream.remote;
  }
  /** This end's address. */
  get local(): HostPort {
    return this.#stream.local;
  }
  /** How to call the other side in a sentence; fit for a terminal, whatever it calls itself. */
  get title(): string {
    if (!this.peerName) return formatHostPort(this.remote);
    if (this.#titled?.peerName !== this.peerName) {
      this.#titled = { peerName: this.peerName, title: printable(this.peerName) };
    }
    return this.#titled.title;
  }
  /** True once the connection has ended. */
  get isClosed(): boolean {
    return this.#reason !== undefined;
  }
  /** Why the connection has ended; undefined while it hasn't. */
  get reason(): unknown {
    return this.#reason;
  }
  /** When the last byte arrived, on the monotonic clock, milliseconds. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** The handshake is over: from now on all messages are accepted up to their own caps. */
  greeted(): void {
    this.#greeted = true;
  }

  /**
   * Opens a new exchange with a first message.
   *
   * @throws {LabError} when the connection has ended, or ends by this since it has no stream ids left.
   * @throws {RangeError} when the message is larger than its cap: our own fault.
   */
  open(message: Message): Exchange {
    if (this.isClosed) throw this.#reason;
    if (this.#nextStream > LAST_STREAM) {
      // Whoever needs it dials again; on this one nothing could ever be asked any more.
      this.close(new LabError("unreachable", `The connection to ${this.title} has used up its stream ids`));
      throw this.#reason;
    }
    const bytes = encodeMessage(message, this.#nextStream);
    const exchange = new Exchange(this, this.#nextStream);
    this.#nextStream += 2;
    this.#exchanges.add(exchange);
    this.#outbox.send(bytes);
    return exchange;
  }

  /** For tests: no more than so many exchanges can be opened from now on, as after two thousand million of them. */
  leave(exchanges: number): void {
    const isOdd = this.#nextStream % 2 === 1;
    this.#nextStream = LAST_STREAM - (isOdd ? 0 : 1) - 2 * (exchanges - 1);
  }

  /** Asks, and waits for the one answer, which must be of kind `expected`. */
  async request<K extends ControlName>(
    message: Message,
    expected: K,
    timeout?: number,
  ): Promise<MessageOf<K>> {
    const exchange = this.open(message);
    try {
      return await exchange.expect(expected, timeout);
    } catch (cause) {
      if (codeOf(cause) === "timeout" && !(cause instanceof RemoteError)) exchange.cancel();
      throw cause;
    } finally {
      this.forget(exchange);
    }
  }

  /** No more is expected on this exchange. */
  forget(exchange: Exchange): void {
    this.#exchanges.remove(exchange);
  }

  /** Sends a message; resolves once it has been handed to the system. Nobody need await it. */
  send(message: Message, stream: number): Promise<void> {
    try {
      return this.#outbox.sendMessage(message, stream);
    } catch (cause) {
      return rejected(cause);
    }
  }

  /** Sends a data frame, read bit by bit, so that a piece never lies whole in memory. */
  sendData(frame: DataFrame): Promise<void> {
    return this.#outbox.sendData(frame);
  }

  /** Ends the connection. Everything that waits on it ends with the reason. */
  close(reason: unknown = new LabError("unreachable", `The connection to ${this.title} was closed`)): void {
    if (this.isClosed) return;
    this.#reason = reason;
    this.#options.watchdog.remove(this);
    this.#outbox.end(reason);
    this.#resting?.abort(reason);
    this.#stream.close();
    for (const exchange of this.#exchanges.takeAll()) exchange.end(reason);
    this.#markClosed();
  }

  /** Waits until everything handed over has been written, then closes. */
  async finish(): Promise<void> {
    await this.#end();
  }

  async #end(reason?: unknown): Promise<void> {
    await this.#outbox.flushed();
    if (this.#stream.closeWrite && !this.isClosed) {
      // A reader that takes nothing must not keep it open.
      const patience = new AbortController();
      const end = () => patience.abort();
      await Promise.race([
        this.#stream.closeWrite().then(end, end),
        sleepOrLess(this.clock, FAREWELL, patience.signal),
      ]);
      patience.abort();
    }
    this.close(reason);
  }

  /** Called once a second by the watchdog. */
  check(now: number): void {
    this.#outbox.trim();
    const stuckSince = this.#outbox.stuckSince;
    if (stuckSince !== undefined && now - stuckSince > TIMEOUTS.writeStall) {
      this.close(new LabError("timeout", `${this.title} took no byte for ${seconds(TIMEOUTS.writeStall)}`));
    } else if (!this.#greeted && now - this.#started > TIMEOUTS.handshake) {
      // Counted from the start, not from the last byte: one byte a second must not keep a connection for ever.
      this.close(
        new LabError("timeout", `${this.title} did not greet within ${seconds(TIMEOUTS.handshake)}`),
      );
    } else if (this.#begunAt !== undefined && now - this.#begunAt > TIMEOUTS.message) {
      this.close(
        new LabError("timeout", `${this.title} did not end its message within ${seconds(TIMEOUTS.message)}`),
      );
    } else if (!this.#outbox.busy && this.#working === 0 && now - this.#lastRead > this.idle) {
      this.close(new LabError("timeout", `${this.title} was silent for ${seconds(this.idle)}`));
    }
  }

  async #readLoop(): Promise<void> {
    const small = new Uint8Array(READ_BYTES.few);
    let buffer = small;
    try {
      while (true) {
        const n = await this.#stream.read(buffer);
        if (this.isClosed || this.#refused) return;
        if (n === null) break;
        this.#lastRead = this.clock.monotonic();
        if (!this.#greeted && isTlsAlert(buffer.subarray(0, n))) {
          throw new LabError(
            "not_permitted",
            `${this.title} is secured: join its lab first, with peer serve --join CODE; rs invite prints a code there`,
          );
        }
        let hasEnded = false;
        for (const frame of this.#decoder.push(buffer.subarray(0, n))) {
          hasEnded = true;
          this.#dispatch(frame);
          if (this.budget?.isOverdrawn) await this.rested();
          if (this.isClosed || this.#refused) return;
        }
        if (this.#decoder.atBorder) this.#begunAt = undefined;
        else if (hasEnded || this.#begunAt === undefined) this.#begunAt = this.#lastRead;
        if (buffer === small && n === small.length) {
          buffer = Connection.#spare.pop() ?? new Uint8Array(READ_BYTES.many);
        } else if (buffer !== small && n <= small.length && this.#decoder.atBorder) {
          if (Connection.#spare.length < SPARE_BUFFERS) Connection.#spare.push(buffer);
          buffer = small;
        }
      }
      const where = this.#decoder.atBorder ? "" : " in the middle of a message";
      this.close(new LabError("unreachable", `${this.title} closed the connection${where}`));
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  /** Resolves when the other side may ask again; undefined when it may now. For those who answer later what was read before. */
  rested(): Promise<void> | undefined {
    return this.budget?.isOverdrawn ? this.#rest(this.budget) : undefined;
  }

  /**
   * Whoever asks faster than it may, or more, is read later: what it has sent waits on its own side. Other connections of the
   * same member may have used up meanwhile what has come in.
   */
  async #rest(budget: Budget): Promise<void> {
    this.#resting ??= new AbortController();
    while (!this.isClosed) {
      const owed = budget.owed(this.clock.monotonic());
      if (owed === 0) return;
      await sleepOrLess(this.clock, owed, this.#resting.signal);
    }
  }

  /** The other side broke the rules: nothing more of it is read; it is told, as far as it listens; the connection ends. */
  #refuse(cause: unknown): void {
    if (this.isClosed || this.#refused) return;
    if (!(cause instanceof RemoteProtocolError)) return this.close(asLost(cause, this.title));
    this.#refused = true;
    this.send({ kind: "Error", code: cause.code, message: cause.message.slice(0, 1000) }, 0);
    const reason = new RemoteProtocolError(`${this.title} broke the protocol: ${cause.message}`, { cause });
    this.#end(reason);
  }

  #dispatch(frame: Frame): void {
    if (frame.kind === "control" || frame.offset === 0) this.#options.tally?.countReceived(frame.type);
    const exchange = this.#exchanges.get(frame.stream);
    const theirs = this.#isTheirs(frame.stream);
    if (frame.kind === "data") {
      // Data only ever answers. What nobody asked for, or no longer wants, is passed over.
      if (!exchange || theirs) return;
      const { length, offset } = frame;
      const bytes = frame.bytes.slice();
      return exchange.deliver(
        { kind: "data", data: dataName(frame.type)!, length, offset, bytes },
        bytes.length,
      );
    }
    if (!this.#greeted && ++this.#beforeGreeting > LIMITS.handshakeMessages) {
      throw new RemoteProtocolError("Too many messages before the handshake is over");
    }
    const message = this.#messages.decode(frame.type, frame.payload);
    if (message.kind === "Credit") {
      // Fast receivers send thousands a second; those that say nothing count as questions.
      if (this.#outbox.came(message.bytes) < CREDIT_BYTES) this.budget?.take(this.#lastRead);
      return;
    }
    this.budget?.take(this.#lastRead, frame.payload.length);
    if (exchange) {
      // At once, not when somebody reads it: what follows the Welcome in the same bytes must get through.
      if (message.kind === "Welcome" && !theirs) this.#greeted = true;
      exchange.deliver(message, frame.payload.length);
    } else if (message.kind === "Error" && frame.stream === 0) {
      this.close(remoteError(message, `${this.title} ended the connection: `));
    } else if (theirs && message.kind !== "Cancel" && message.kind !== "Error") {
      this.#answer(message, frame.stream);
    }
  }

  #isTheirs(stream: number): boolean {
    return stream > 0 && (stream % 2 === 1) === (this.#options.side === "acceptor");
  }

  #answer(message: Message, stream: number): void {
    if (this.#options.side === "dialer" && (!this.#greeted || message.kind === "Hello")) {
      throw new RemoteProtocolError(`A ${message.kind} where none is due`);
    }
    const exchange = new Exchange(this, stream, this.budget);
    if (!this.#options.handler) {
      exchange.fail(new LabError("unsupported", `Nobody answers ${message.kind} here`));
    } else if (this.#working >= LIMITS.requestsInFlight) {
      exchange.fail(
        new LabError("busy", `Too many requests at once: the limit is ${LIMITS.requestsInFlight}`),
      );
    } else {
      this.#exchanges.add(exchange);
      this.#working++;
      this.#work(this.#options.handler, message, exchange);
    }
  }

  #work(handler: Handler, message: Message, exchange: Exchange): void {
    let answered: Promise<void> | void;
    try {
      answered = handler(message, exchange);
    } catch (thrown) {
      return void this.#failed(exchange, thrown);
    }
    if (!answered) return this.#over(exchange);
    answered.then(() => this.#over(exchange), (thrown) => this.#failed(exchange, thrown));
  }

  async #failed(exchange: Exchange, thrown: unknown): Promise<void> {
    if (thrown instanceof RemoteProtocolError) this.#refuse(thrown);
    else await exchange.fail(thrown).catch(() => {});
    this.#over(exchange);
  }

  #over(exchange: Exchange): void {
    this.#working--;
    exchange.end(OVER);
    this.forget(exchange);
  }
}

/** What TLS answers to a frame of ours: an alert (21), version 3.x. As a frame it would be one of 352 MB. */
function isTlsAlert(bytes: Uint8Array): boolean {
  return bytes[0] === 21 && bytes[1] === 3;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

function asLost(cause: unknown, title: string): LabError {
  if (cause instanceof LabError) return cause;
  return new LabError("unreachable", `The connection to ${title} broke: ${messageOf(cause)}`, { cause });
}
