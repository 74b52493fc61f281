/**
 * The receiving end of a data connection: asks for pieces, and reads their bytes from the socket straight into the buffer
 * in which they are hashed and from which they are written. For workers, where every copy and every wait costs.
 *
 * It reads at most one header beyond the piece at hand, so a piece always begins at the front of the buffer.
 */

import { type Bytes, concat } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { LabError, messageOf, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { formatHostPort } from "../base/units.ts";
import { decodeMessage, encodeMessage, frameRule } from "../protocol/codec.ts";
import { HEADER_BYTES, LAST_STREAM, readHeader } from "../protocol/frame.ts";
import { DATA, type Message, type MessageOf } from "../protocol/messages.ts";
import { CREDIT_BYTES } from "./credit.ts";
import { remoteError } from "./exchange.ts";
import { checkWelcome, helloOf, type Identity, type Proving } from "./handshake.ts";
import { type ByteStream, writeAll } from "./stream.ts";

/**
 * At the rates of a LAN a read finds a few kilobytes, and the reads cost more than the bytes. So where bytes trickle, they
 * are given time to gather: as long as what is missing takes to come, `most` milliseconds at most. Above `fast` bytes per
 * millisecond nothing waits, for there a read finds plenty; nor do messages of less than `from` bytes.
 */
const GATHER = { most: 4, fast: 60_000, from: 16 * 1024 };

/** What a channel needs to let bytes gather. */
export interface Gathering {
  clock: Clock;
  /**
   * Waits so many milliseconds. A thread that does nothing but receive had better stand still than await a timer: every
   * packet that comes wakes a thread that waits for its sockets, thousands of times a second.
   */
  pause: (ms: number) => void | Promise<void>;
}

/** A piece that was asked for. */
export interface PieceTicket {
  content: string;
  piece: number;
  /** Bytes that it must have. */
  length: number;
  /** In a broadcast: the holder is told what has come of it, and sends no more than a window ahead of that. */
  paced?: boolean;
}

/** News of a holder that takes part in the same broadcast. */
export type HolderNews = MessageOf<"Have"> | MessageOf<"Choke">;

/** What came: the bytes for a ticket, valid until the next `receive`, or why there are none; or news of the holder. */
export type PieceAnswer =
  | { kind: "piece"; ticket: PieceTicket; bytes: Bytes }
  | { kind: "refused"; ticket: PieceTicket; error: LabError }
  | { kind: "told"; news: HolderNews };

/** The receiving end of a data connection. */
export class PieceChannel {
  #stream: ByteStream;
  #buffer: Bytes = new Uint8Array(64 * 1024);
  #filled = 0;
  #tickets = new Map<number, PieceTicket>();
  #nextStream = 1;
  #writing: Promise<void> = Promise.resolve();
  /** Frames that wait for their turn to be written. */
  #outgoing: Bytes[] = [];
  #moved = 0;

  private constructor(stream: ByteStream, private gathering: Gathering | undefined) {
    this.#stream = stream;
  }

  /**
   * Greets on a fresh connection.
   *
   * @param gathering lets bytes gather between two reads where they come slowly; without it nothing waits.
   * @param proving in a secured lab; the stream must be TLS, and nothing gathers: TLS hands out one record of 16 KiB at a time,
   *   however many have come, so to wait before each would be all loss.
   * @throws {LabError} when the other side isn't one of ours or refuses.
   */
  static async open(
    stream: ByteStream,
    identity: Identity,
    gathering?: Gathering,
    proving?: Proving,
  ): Promise<PieceChannel> {
    const channel = new PieceChannel(stream, proving ? undefined : gathering);
    const hello = helloOf(identity);
    const id = channel.#take();
    channel.#send(hello, id);
    if (proving) {
      const { nonce } = await channel.#greeting("Challenge");
      channel.#send({ kind: "Proof", ...await proving.security.prove(proving.to, nonce, hello) }, id);
    }
    checkWelcome(await channel.#greeting("Welcome"), formatHostPort(stream.remote), proving);
    return channel;
  }

  async #greeting<K extends "Challenge" | "Welcome">(kind: K): Promise<MessageOf<K>> {
    let message;
    do message = await this.#message(); while (!message);
    if (message.kind === "Error") throw remoteError(message);
    if (message.kind !== kind) throw new RemoteProtocolError(`${message.kind} where a ${kind} was due`);
    return message as MessageOf<K>;
  }

  /** Pieces asked for and not there yet. */
  get waiting(): number {
    return this.#tickets.size;
  }

  /** Counts bytes read; a watcher that sees it stand still knows that the source is stuck. */
  get moved(): number {
    return this.#moved;
  }

  /** Asks for a piece; answers come in the order in which the other side likes to send them. */
  ask(ticket: PieceTicket): void {
    if (this.#isSpent()) return;
    const stream = this.#take();
    this.#tickets.set(stream, ticket);
    const { content, piece, paced = false } = ticket;
    this.#isPaced ||= paced;
    this.#send({ kind: "PieceRequest", content, piece, ...paced && { paced } }, stream);
  }

  /** Tells the holder for which pieces it is going to be asked, and instead of whom. */
  claim(message: MessageOf<"Interested">): void {
    if (!this.#isSpent()) this.#send(message, this.#take());
  }

  /** For tests: no more than so many questions can be asked from now on, as after two thousand million of them. */
  leave(questions: number): void {
    this.#nextStream = LAST_STREAM - 2 * (questions - 1);
  }

  /**
   * The next answer.
   *
   * @throws {LabError} when the connection ended or the other side broke the protocol; the channel is then of no use.
   */
  async receive(): Promise<PieceAnswer> {
    while (true) {
      await this.#fill(HEADER_BYTES);
      const header = readHeader(this.#buffer);
      if (header.type === DATA.PieceData.type) {
        const ticket = this.#ticketFor(header.stream);
        if (header.length !== ticket.length) {
          throw new RemoteProtocolError(
            `A piece of ${header.length} bytes where ${ticket.length} were asked for`,
          );
        }
        await this.#fill(HEADER_BYTES + header.length);
        const bytes = this.#buffer.subarray(HEADER_BYTES, HEADER_BYTES + header.length);
        this.#consumeLater(HEADER_BYTES + header.length);
        return { kind: "piece", ticket, bytes };
      }
      const message = await this.#message();
      if (message?.kind === "Have" || message?.kind === "Choke") return { kind: "told", news: message };
      if (message?.kind !== "Error") continue;
      if (header.stream === 0) throw remoteError(message);
      return { kind: "refused", ticket: this.#ticketFor(header.stream), error: remoteError(message) };
    }
  }

  /** Ends the connection. @param why is what {@linkcode receive} then throws, instead of what the system makes of it. */
  close(why?: LabError): void {
    this.#why ??= why;
    this.#stream.close();
  }

  /** No stream id is left: then the channel ends, and whoever needs it dials again. */
  #isSpent(): boolean {
    if (this.#nextStream <= LAST_STREAM) return false;
    this.close(new LabError("unreachable", "the connection has used up its stream ids"));
    return true;
  }

  #take(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  #ticketFor(stream: number): PieceTicket {
    const ticket = this.#tickets.get(stream);
    if (!ticket) throw new RemoteProtocolError(`An answer on stream ${stream}, where nothing was asked`);
    this.#tickets.delete(stream);
    return ticket;
  }

  #send(message: Message, stream: number): void {
    this.#outgoing.push(encodeMessage(message, stream));
    if (this.#outgoing.length > 1) return;
    // What is said until the turn comes goes in one write.
    this.#writing = this.#writing.then(() => this.#flush()).catch(() => this.#stream.close());
  }

  #flush(): Promise<void> {
    const frames = this.#outgoing;
    this.#outgoing = [];
    return writeAll(this.#stream, frames.length === 1 ? frames[0]! : concat(frames));
  }

  /** Reads one control frame; nothing comes of a type that isn't known. */
  async #message(): Promise<Message | undefined> {
    await this.#fill(HEADER_BYTES);
    const { type, length } = readHeader(this.#buffer);
    const rule = frameRule(type, true);
    if (rule.data || length > Math.min(rule.cap, LIMITS.unknownMessage)) {
      throw new RemoteProtocolError(
        `A frame of type 0x${type.toString(16)} and ${length} bytes on a data connection`,
      );
    }
    await this.#fill(HEADER_BYTES + length);
    const message = rule.skip
      ? undefined
      : decodeMessage(type, this.#buffer.subarray(HEADER_BYTES, HEADER_BYTES + length));
    this.#consumeLater(HEADER_BYTES + length);
    return message;
  }

  /** Some of what is asked for is paced. */
  #isPaced = false;
  /** Bytes that have come since the holder was last told. */
  #uncredited = 0;
  #consumed = 0;
  /** Why we closed it. */
  #why: LabError | undefined;
  /** Bytes per millisecond that came lately; none until the first have come. */
  #pace = 0;
  #readAt = 0;

  /** Waits until about all that is missing should be there. */
  async #gather({ clock, pause }: Gathering, missing: number): Promise<void> {
    if (this.#pace === 0 || this.#pace > GATHER.fast) return;
    const ms = Math.min(GATHER.most, missing / this.#pace) - (clock.monotonic() - this.#readAt);
    if (ms >= 1) await pause(ms);
  }

  /** @param isPart a part of something large: a header or a small message says nothing of the pace. */
  #measure(now: number, bytes: number, isPart: boolean): void {
    const elapsed = now - this.#readAt;
    this.#readAt = now;
    // After a pause of the other side nothing is known of its pace.
    if (elapsed > 100) this.#pace = 0;
    else if (isPart) {
      this.#pace += (bytes / Math.max(elapsed, 0.05) - this.#pace) * (this.#pace === 0 ? 1 : 0.3);
    }
  }

  /** The first `bytes` of the buffer are done with, as soon as more is asked for. */
  #consumeLater(bytes: number): void {
    this.#consumed = bytes;
  }

  /** Makes the buffer hold at least `need` bytes from its front. */
  async #fill(need: number): Promise<void> {
    if (this.#consumed > 0) {
      this.#buffer.copyWithin(0, this.#consumed, this.#filled);
      this.#filled -= this.#consumed;
      this.#consumed = 0;
    }
    // Room for the header that follows: it then comes with the same read.
    if (this.#buffer.length < need + HEADER_BYTES) this.#grow(need + HEADER_BYTES);
    while (this.#filled < need) {
      if (this.gathering && need >= GATHER.from) await this.#gather(this.gathering, need - this.#filled);
      const n = await this.#read(this.#buffer.subarray(this.#filled, need + HEADER_BYTES));
      if (this.gathering) this.#measure(this.gathering.clock.monotonic(), n, need >= GATHER.from);
      this.#filled += n;
      this.#moved += n;
      if (this.#isPaced) this.#credit(n);
    }
  }

  /** Tells the holder what has come, where it waits for that; in the same words, if possible, for it reads these once. */
  #credit(bytes: number): void {
    this.#uncredited += bytes;
    const rest = this.#uncredited % CREDIT_BYTES;
    if (rest === this.#uncredited || this.#isSpent()) return;
    this.#send({ kind: "Credit", bytes: this.#uncredited - rest }, this.#take());
    this.#uncredited = rest;
  }

  async #read(into: Bytes): Promise<number> {
    let n;
    try {
      n = await this.#stream.read(into);
    } catch (cause) {
      throw this.#why ?? new LabError("unreachable", `the connection broke: ${messageOf(cause)}`, { cause });
    }
    if (n === null) throw this.#why ?? new LabError("unreachable", "the connection was closed");
    return n;
  }

  #grow(size: number): void {
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#filled));
    this.#buffer = larger;
  }
}
