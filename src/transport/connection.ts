/**
 * A connection that speaks P2P-DI/2: frames over a stream, many exchanges at once in both directions.
 *
 * Rules: the dialling side opens odd streams, the accepting side even ones. Writes go out in order, one at a time; what
 * waits is bounded, and a failed or stuck write ends the connection. When it ends, every exchange on it ends.
 */

import type { Clock } from "../base/clock.ts";
import { LabError, messageOf, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { dataName, decodeMessage, encodeMessage, frameRule } from "../protocol/codec.ts";
import { type Frame, FrameDecoder, HEADER_BYTES, writeHeader } from "../protocol/frame.ts";
import { type ControlName, DATA, type DataName, type Message, type MessageOf } from "../protocol/messages.ts";
import { Exchange } from "./exchange.ts";
import type { RateLimiter } from "./rate.ts";
import { type ByteStream, writeAll } from "./stream.ts";
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
}

/** Bytes read at a time: control messages are small; a piece's bytes have a channel of their own. */
const READ_BYTES = { first: 2 * 1024, most: 64 * 1024 };

/** Bytes of a data frame read from disk and written to the network at a time. */
const SEND_BYTES = 256 * 1024;

/** A connection that speaks P2P-DI/2. */
export class Connection {
  readonly clock: Clock;
  readonly closed: Promise<void>;
  /** Who the other side says it is; set by the handshake. */
  peerName: string | undefined;
  /** Idle limit in milliseconds; may change as the connection's purpose becomes known. */
  idle: number;
  #stream: ByteStream;
  #options: ConnectionOptions;
  #decoder: FrameDecoder;
  #greeted = false;
  #exchanges = new Map<number, Exchange>();
  #nextStream: number;
  #working = 0;
  #writing: Promise<void> = Promise.resolve();
  #queuedBytes = 0;
  #writeSince: number | undefined;
  #lastRead: number;
  #reason: unknown;
  #markClosed = () => {};

  constructor(stream: ByteStream, options: ConnectionOptions) {
    this.#stream = stream;
    this.#options = options;
    this.clock = options.clock;
    this.idle = options.idle ?? TIMEOUTS.connectionIdle;
    this.#nextStream = options.side === "dialer" ? 1 : 2;
    this.#lastRead = this.clock.monotonic();
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
  /** How to call the other side in a sentence. */
  get title(): string {
    return this.peerName ?? formatHostPort(this.remote);
  }
  /** True once the connection has ended. */
  get isClosed(): boolean {
    return this.#reason !== undefined;
  }
  /** When the last byte arrived, on the monotonic clock, milliseconds. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** The handshake is over: from now on all messages are accepted up to their own caps. */
  greeted(): void {
    this.#greeted = true;
  }

  /** Opens a new exchange with a first message. */
  open(message: Message): Exchange {
    if (this.isClosed) throw this.#reason;
    const exchange = new Exchange(this, this.#nextStream);
    this.#nextStream += 2;
    this.#exchanges.set(exchange.stream, exchange);
    exchange.send(message).catch(() => {});
    return exchange;
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
    } finally {
      this.forget(exchange);
    }
  }

  /** No more is expected on this exchange. */
  forget(exchange: Exchange): void {
    this.#exchanges.delete(exchange.stream);
  }

  /** Sends a message; resolves once it has been handed to the system. */
  send(message: Message, stream: number): Promise<void> {
    if (this.isClosed) return Promise.reject(this.#reason);
    const bytes = encodeMessage(message, stream);
    if (this.#queuedBytes + bytes.length > LIMITS.writeQueue) {
      this.close(
        new LabError("unreachable", `${this.title} takes no more: ${this.#queuedBytes} bytes are waiting`),
      );
      return Promise.reject(this.#reason);
    }
    this.#queuedBytes += bytes.length;
    return this.#inTurn(async () => {
      await writeAll(this.#stream, bytes);
      this.#queuedBytes -= bytes.length;
    });
  }

  /**
   * Sends a data frame, read bit by bit, so that a piece never lies whole in memory.
   *
   * @param frame.length bytes of payload, at most the type's cap.
   * @param frame.fill puts the bytes from `offset` on into the buffer, all of it; what it throws ends the connection, for
   *   the frame can't be completed.
   */
  sendData(frame: {
    kind: DataName;
    stream: number;
    length: number;
    fill: (into: Uint8Array, offset: number) => void;
    rate?: RateLimiter;
    signal?: AbortSignal;
  }): Promise<void> {
    const { kind, stream, length, fill, rate } = frame;
    return this.#inTurn(async () => {
      if (frame.signal?.aborted) return;
      const buffer = new Uint8Array(Math.min(SEND_BYTES, HEADER_BYTES + length));
      writeHeader(buffer, { length, type: DATA[kind].type, stream });
      let head = HEADER_BYTES;
      let offset = 0;
      do {
        const take = Math.min(buffer.length - head, length - offset);
        const part = buffer.subarray(0, head + take);
        fill(part.subarray(head), offset);
        const wait = rate?.take(part.length) ?? 0;
        if (wait > 0) await this.clock.sleep(wait);
        if (this.isClosed) throw this.#reason;
        this.#writeSince = this.clock.monotonic();
        await writeAll(this.#stream, part);
        offset += take;
        head = 0;
      } while (offset < length);
    });
  }

  /** Ends the connection. Everything that waits on it ends with the reason. */
  close(reason: unknown = new LabError("unreachable", `The connection to ${this.title} was closed`)): void {
    if (this.isClosed) return;
    this.#reason = reason;
    this.#options.watchdog.remove(this);
    this.#stream.close();
    for (const exchange of this.#exchanges.values()) exchange.end(reason);
    this.#exchanges.clear();
    this.#markClosed();
  }

  /** Waits until everything handed over has been written, then closes. */
  async finish(): Promise<void> {
    await this.#writing.catch(() => {});
    this.close();
  }

  /** Called once a second by the watchdog. */
  check(now: number): void {
    if (this.#writeSince !== undefined && now - this.#writeSince > TIMEOUTS.writeStall) {
      this.close(new LabError("timeout", `${this.title} took no byte for ${TIMEOUTS.writeStall / 1000} s`));
    } else if (this.#writeSince === undefined && now - this.#lastRead > this.idle && this.#working === 0) {
      this.close(new LabError("timeout", `${this.title} was silent for ${Math.round(this.idle / 1000)} s`));
    }
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(async () => {
      if (this.isClosed) throw this.#reason;
      this.#writeSince = this.clock.monotonic();
      try {
        await write();
      } catch (cause) {
        this.close(asLost(cause, this.title));
        throw this.#reason;
      } finally {
        this.#writeSince = undefined;
      }
    });
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async #readLoop(): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES.first);
    try {
      while (!this.isClosed) {
        const n = await this.#stream.read(buffer);
        if (n === null) break;
        this.#lastRead = this.clock.monotonic();
        for (const frame of this.#decoder.push(buffer.subarray(0, n))) {
          if (this.isClosed) return;
          this.#dispatch(frame);
        }
        if (n === buffer.length && n < READ_BYTES.most) buffer = new Uint8Array(READ_BYTES.most);
      }
      this.close(new LabError("unreachable", `${this.title} closed the connection`));
    } catch (cause) {
      this.#refuse(cause);
    }
  }

  #refuse(cause: unknown): void {
    if (this.isClosed) return;
    if (!(cause instanceof RemoteProtocolError)) return this.close(asLost(cause, this.title));
    this.send({ kind: "Error", code: cause.code, message: cause.message.slice(0, 1000) }, 0).catch(() => {});
    const reason = new RemoteProtocolError(`${this.title} broke the protocol: ${cause.message}`, { cause });
    this.#writing.then(() => this.close(reason));
  }

  #dispatch(frame: Frame): void {
    const incoming = frame.kind === "control" ? decodeMessage(frame.type, frame.payload) : undefined;
    const exchange = this.#exchanges.get(frame.stream);
    if (frame.kind === "data") {
      const { length, offset } = frame;
      // A data frame that nobody asked for, or no longer wants, is passed over.
      exchange?.deliver({
        kind: "data",
        data: dataName(frame.type)!,
        length,
        offset,
        bytes: frame.bytes.slice(),
      });
    } else if (exchange) {
      exchange.deliver(incoming!);
    } else if (incoming!.kind === "Error" && frame.stream === 0) {
      this.close(new LabError("failed", `${this.title} ended the connection: ${incoming!.message}`));
    } else if (this.#isTheirs(frame.stream) && incoming!.kind !== "Cancel" && incoming!.kind !== "Error") {
      this.#answer(incoming!, frame.stream);
    }
  }

  #isTheirs(stream: number): boolean {
    return stream > 0 && (stream % 2 === 1) === (this.#options.side === "acceptor");
  }

  #answer(message: Message, stream: number): void {
    const exchange = new Exchange(this, stream);
    if (!this.#options.handler) {
      exchange.fail(new LabError("unsupported", `Nobody answers ${message.kind} here`)).catch(() => {});
      return;
    }
    if (this.#working >= LIMITS.requestsInFlight) {
      exchange.fail(
        new LabError("busy", `Too many requests at once: the limit is ${LIMITS.requestsInFlight}`),
      )
        .catch(() => {});
      return;
    }
    this.#exchanges.set(stream, exchange);
    this.#working++;
    this.#work(message, exchange);
  }

  async #work(message: Message, exchange: Exchange): Promise<void> {
    try {
      await this.#options.handler!(message, exchange);
    } catch (thrown) {
      if (thrown instanceof RemoteProtocolError) this.#refuse(thrown);
      else await exchange.fail(thrown).catch(() => {});
    } finally {
      this.#working--;
      exchange.end(new LabError("interrupted", "This exchange is over"));
      if (this.#exchanges.get(exchange.stream) === exchange) this.forget(exchange);
    }
  }
}

function asLost(cause: unknown, title: string): LabError {
  if (cause instanceof LabError) return cause;
  return new LabError("unreachable", `The connection to ${title} broke: ${messageOf(cause)}`, { cause });
}
