/**
 * The writing half of a connection. Rules: one write at a time, in the order of the calls; what waits is bounded; a failed
 * write is the end of the connection, for a frame that was begun can't be taken back. Nobody need await what is
 * returned here: a rejection that nobody looks at is not an unhandled one.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { encodeInto, encodeMessage } from "../protocol/codec.ts";
import { HEADER_BYTES, TYPE_AT, writeHeader } from "../protocol/frame.ts";
import { DATA, type DataName, type Message } from "../protocol/messages.ts";
import { CreditWindow, PACED_BYTES } from "./credit.ts";
import type { Throttle } from "./rate.ts";
import { type ByteStream, writeAll } from "./stream.ts";
import type { Tally } from "./tally.ts";

/** Bytes of a data frame read from disk and written to the network at a time. */
const SEND_BYTES = 256 * 1024;

const NO_BYTES = new Uint8Array(0);

/** A data frame to be sent. */
export interface DataFrame {
  kind: DataName;
  stream: number;
  /** Bytes of payload, at most the type's cap. */
  length: number;
  /**
   * Puts the bytes from `offset` on into the buffer, all of it; what it throws ends the connection, for the frame can't be
   * completed.
   */
  fill: (into: Uint8Array, offset: number) => void;
  rate?: Throttle;
  /** Called before each part for which the limit made us wait. */
  limited?: () => void;
  /**
   * Given where the receiver says what has come: no more than a window goes ahead of that. True while another receiver is to
   * come first.
   */
  isAhead?: () => boolean;
  /** Bytes read and written at a time; tests take fewer, to break off in the middle. */
  partBytes?: number;
  /** Aborted before the first byte has gone: nothing is sent. After it, the frame is completed. */
  signal?: { readonly aborted: boolean };
}

/** Buffers for small messages: most servers' answers fit (20 records of a list too), and few are being written at one moment. */
const SPARE = { bytes: 16 * 1024, buffers: 64 };

/** The writing half of a connection. */
export class Outbox {
  /** Nobody's at the moment; shared by all connections, for each of 10,000 having one would be 40 MB. */
  static #spare: Uint8Array[] = [];
  #stream: ByteStream;
  #clock: Clock;
  #fail: (cause: unknown) => unknown;
  /** Settled when what was handed over last has been written or given up. */
  #turns: Promise<void> = Promise.resolve();
  #pending = 0;
  #queuedBytes = 0;
  #movedAt: number | undefined;
  #ended: unknown;
  #pausing: AbortController | undefined;
  #window: CreditWindow | undefined;
  #opened = () => {};
  /** Kept from one data frame to the next, until {@linkcode trim}: a new one for each would cost a fifth of the time. */
  #buffer: Uint8Array = NO_BYTES;

  /**
   * @param fail ends the connection and says for what reason it has ended.
   * @param tally counts what was written.
   */
  constructor(
    stream: ByteStream,
    clock: Clock,
    fail: (cause: unknown) => unknown,
    private tally?: Tally | undefined,
  ) {
    this.#stream = stream;
    this.#clock = clock;
    this.#fail = fail;
  }

  /** True while something is being written or waits for its turn. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /** Since when the write in progress has moved no byte, on the monotonic clock; undefined when none is, or while a rate limit makes it wait. */
  get stuckSince(): number | undefined {
    return this.#movedAt;
  }

  /**
   * Writes a message as one frame; resolves once it has been handed to the system.
   *
   * @throws {RangeError} when it is larger than its cap: our own fault.
   */
  sendMessage(message: Message, stream: number): Promise<void> {
    if (this.#pending > 0 || this.#ended !== undefined) return this.send(encodeMessage(message, stream));
    const buffer = Outbox.#spare.pop() ?? new Uint8Array(SPARE.bytes);
    return this.send(encodeInto(message, stream, buffer), buffer);
  }

  /**
   * Writes a whole frame; resolves once it has been handed to the system.
   *
   * @param spare goes back to all connections once the frame is written; after a write that failed the system may still read it.
   */
  send(bytes: Uint8Array, spare?: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) return rejected(this.#ended);
    if (this.#queuedBytes + bytes.length > LIMITS.writeQueue) {
      const waiting = this.#queuedBytes;
      return rejected(
        this.#fail(new LabError("unreachable", `The other side takes no more: ${waiting} bytes are waiting`)),
      );
    }
    this.#queuedBytes += bytes.length;
    return this.#inTurn(() => this.#writeFrame(bytes, spare));
  }

  async #writeFrame(bytes: Uint8Array, spare?: Uint8Array): Promise<void> {
    this.#movedAt = this.#clock.monotonic();
    // Most frames go at once, in one piece.
    const n = await this.#stream.write(bytes);
    if (n < bytes.length) await this.#write(bytes.subarray(n));
    this.#queuedBytes -= bytes.length;
    this.tally?.countSent(bytes[TYPE_AT]!);
    if (spare && Outbox.#spare.length < SPARE.buffers) Outbox.#spare.push(spare);
  }

  /** Sends a data frame, read bit by bit, so that a piece never lies whole in memory. */
  sendData(
    { kind, stream, length, fill, rate, limited, isAhead, partBytes = SEND_BYTES, signal }: DataFrame,
  ): Promise<void> {
    if (length > DATA[kind].cap) {
      return rejected(
        new RangeError(`Cannot send a ${kind} of ${length} bytes: the limit is ${DATA[kind].cap}`),
      );
    }
    return this.#inTurn(async () => {
      if (signal?.aborted) return;
      // The header goes out with the first part, on top of its bytes: a piece is then a whole number of parts.
      const atOnce = Math.min(partBytes, rate?.portion ?? Infinity);
      const most = HEADER_BYTES + Math.min(atOnce, length);
      if (this.#buffer.length < most) this.#buffer = new Uint8Array(most);
      const buffer = this.#buffer;
      writeHeader(buffer, { length, type: DATA[kind].type, stream });
      let head = HEADER_BYTES;
      let offset = 0;
      do {
        const take = Math.min(atOnce, length - offset);
        const part = buffer.subarray(0, head + take);
        fill(part.subarray(head), offset);
        const pause = rate?.take(part.length) ?? 0;
        await this.#pause(pause);
        if (pause > 0) limited?.();
        if (signal?.aborted && head > 0) return;
        const began = this.#clock.monotonic();
        await (isAhead ? this.#writePaced(part, isAhead) : this.#write(part));
        rate?.wrote?.(this.#clock.monotonic() - began);
        offset += take;
        head = 0;
      } while (offset < length);
      this.tally?.countSent(DATA[kind].type);
    });
  }

  /** Lets go of the buffer when there is nothing to send. */
  trim(): void {
    if (this.#pending === 0) this.#buffer = NO_BYTES;
  }

  /** Resolves when everything handed over so far has been written or given up. */
  flushed(): Promise<void> {
    return this.#turns.catch(() => {});
  }

  /** Called by the connection when it ends: whatever waits is given up. */
  end(reason: unknown): void {
    this.#ended ??= reason;
    this.#pausing?.abort(reason);
    this.#opened();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#movedAt = this.#clock.monotonic();
    await writeAll(this.#stream, bytes, () => this.#movedAt = this.#clock.monotonic());
    this.#movedAt = undefined;
  }

  /** Writes in parts that each go in one packet of the system's, none before the window is open. */
  async #writePaced(bytes: Uint8Array, isAhead: () => boolean): Promise<void> {
    this.#window ??= new CreditWindow();
    const step = Math.ceil(bytes.length / Math.ceil(bytes.length / PACED_BYTES));
    for (let at = 0; at < bytes.length; at += step) {
      const part = bytes.subarray(at, at + step);
      if (!this.#window.isOpen(isAhead())) await this.#whenOpen(this.#window, isAhead);
      this.#window.sent(part.length, this.#clock.monotonic());
      await this.#write(part);
    }
  }

  /** A receiver that says nothing more is stuck: the watchdog sees it. */
  async #whenOpen(window: CreditWindow, isAhead: () => boolean): Promise<void> {
    this.#movedAt = this.#clock.monotonic();
    while (!window.isOpen(isAhead())) {
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => this.#opened = resolve);
    }
  }

  /**
   * So many bytes of what was sent have come, the other side says.
   *
   * @returns how many of them were on the way.
   */
  came(bytes: number): number {
    const now = this.#clock.monotonic();
    const credited = this.#window?.came(bytes, now) ?? 0;
    if (credited > 0 && this.#movedAt !== undefined) this.#movedAt = now;
    this.#opened();
    return credited;
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0) return;
    this.#pausing ??= new AbortController();
    await this.#clock.sleep(ms, this.#pausing.signal);
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const isFirst = this.#pending++ === 0;
    const next = () => {
      if (this.#ended !== undefined) throw this.#ended;
      return write();
    };
    const writing = isFirst ? write() : this.#turns.then(next, next);
    const turn: Promise<void> = writing.then(() => this.#done(), (cause) => {
      this.#done();
      // Only now, for each promise costs: it counts as handled.
      turn.catch(() => {});
      throw this.#fail(cause);
    });
    return this.#turns = turn;
  }

  #done(): void {
    this.#pending--;
    this.#movedAt = undefined;
  }
}

/** A rejection that counts as handled even when nobody awaits it. */
export function rejected(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason);
  promise.catch(() => {});
  return promise;
}
