/**
 * One question and its answers: everything on a connection that carries the same stream id. Either side may send more
 * than one message on it; the side that asked may cancel it.
 */

import { type Bytes, Gathering } from "../base/bytes.ts";
import { whenPatienceEnds } from "../base/clock.ts";
import { isErrorCode, LabError, RemoteError, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { printable } from "../base/text.ts";
import type { ControlName, DataName, Message, MessageOf } from "../protocol/messages.ts";
import type { Budget } from "./budget.ts";
import type { Connection } from "./connection.ts";

/** What arrives on a stream: a message, or a part of a data frame. */
export type Incoming = Message | {
  kind: "data";
  data: DataName;
  length: number;
  offset: number;
  bytes: Bytes;
};

/** One question and its answers. */
export class Exchange {
  /** Made when something has to wait: most questions are one message. */
  #queue: { incoming: Incoming; size: number }[] | undefined;
  #queuedBytes = 0;
  #waiting: { resolve: (incoming: Incoming) => void; reject: (reason: unknown) => void } | undefined;
  #ended: unknown;
  #abort: AbortController | undefined;
  #overs: Set<() => void> | undefined;

  /** @param budget of the other side, where the question is its own: what waits here counts there. */
  constructor(readonly connection: Connection, readonly stream: number, private budget?: Budget) {}

  /** Aborted when the other side cancels, the connection ends, or the handler has returned. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#ended !== undefined) this.#abort.abort(this.#ended);
    return this.#abort.signal;
  }

  /** As {@linkcode signal} says; without making one, which would cost a tenth of what it takes to send a piece. */
  get aborted(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Calls back once when it ends; at once when it has ended.
   *
   * @returns what takes that back.
   */
  onEnd(callback: () => void): () => void {
    if (this.aborted) {
      callback();
      return () => {};
    }
    this.#overs ??= new Set();
    this.#overs.add(callback);
    return () => void this.#overs?.delete(callback);
  }

  /** Sends a message on this stream. */
  send(message: Message): Promise<void> {
    return this.connection.send(message, this.stream);
  }

  /** Sends an error on this stream: the end of this exchange for the other side. Nobody need await it. */
  fail(thrown: unknown): Promise<void> {
    const error = thrown instanceof LabError
      ? thrown
      : new LabError("failed", "Cannot do that: an internal error");
    return this.send({ kind: "Error", code: error.code, message: error.message.slice(0, 1000) });
  }

  /**
   * The next thing that arrives. One wait at a time.
   *
   * @param timeout milliseconds.
   * @throws {RemoteError} when the other side answered with an error.
   * @throws {LabError} "timeout", or "unreachable" when the connection ended.
   */
  next(timeout: number = TIMEOUTS.request): Promise<Incoming> {
    const queued = this.#queue?.shift();
    if (queued) {
      this.#queuedBytes -= queued.size;
      this.budget?.release(queued.size);
      return settle(queued.incoming);
    }
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#waiting) return Promise.reject(new Error("Somebody waits on this exchange already"));
    return new Promise<Incoming>((resolve, reject) => {
      const cancel = whenPatienceEnds(this.connection.clock, timeout, () => {
        this.#waiting = undefined;
        reject(
          new LabError(
            "timeout",
            `${this.connection.title} did not answer within ${Math.round(timeout / 1000)} s`,
          ),
        );
      });
      this.#waiting = {
        resolve: (incoming) => {
          cancel();
          resolve(settle(incoming));
        },
        reject: (reason) => {
          cancel();
          reject(reason);
        },
      };
    });
  }

  /** The next message, which must be of this kind. */
  async expect<K extends ControlName>(kind: K, timeout?: number): Promise<MessageOf<K>> {
    const incoming = await this.next(timeout);
    if (incoming.kind !== kind) {
      throw new RemoteProtocolError(
        `${this.connection.title} answered with ${incoming.kind} where ${kind} was due`,
      );
    }
    return incoming as MessageOf<K>;
  }

  /**
   * Collects a whole data frame. Memory grows with what has arrived, not with what was announced.
   *
   * @param max bytes that the caller is ready for.
   */
  async collect(kind: DataName, max: number, timeout?: number): Promise<Bytes> {
    let gathering: Gathering | undefined;
    while (true) {
      const incoming = await this.next(timeout);
      if (
        incoming.kind !== "data" || incoming.data !== kind || incoming.length > max ||
        incoming.offset !== (gathering?.filled ?? 0)
      ) {
        throw new RemoteProtocolError(`${this.connection.title} sent something else where ${kind} was due`);
      }
      gathering ??= new Gathering(incoming.length);
      gathering.add(incoming.bytes);
      const whole = gathering.whole();
      if (whole) return whole;
    }
  }

  /** Asks the other side to stop working on this. */
  async cancel(): Promise<void> {
    this.end(new LabError("interrupted", "Cancelled"));
    this.connection.forget(this);
    await this.send({ kind: "Cancel" }).catch(() => {});
  }

  /**
   * Called by the connection: something arrived.
   *
   * @param size bytes that it had on the wire.
   * @throws {RemoteProtocolError} when too much lies here unread.
   */
  deliver(incoming: Incoming, size: number): void {
    if (this.#ended !== undefined) return;
    if (incoming.kind === "Cancel") return this.end(new LabError("interrupted", "The other side cancelled"));
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      waiting.resolve(incoming);
    } else {
      this.#keep(incoming, size);
    }
  }

  #keep(incoming: Incoming, size: number): void {
    this.#queue ??= [];
    this.#queue.push({ incoming, size });
    this.#queuedBytes += size;
    // Counted before anything is refused: what lies here is given back at the end, all of it.
    const hasRoom = this.budget?.hold(size) ?? true;
    if (this.#queue.length > LIMITS.unreadParts || this.#queuedBytes > LIMITS.unreadBytes) {
      throw new RemoteProtocolError("Too many unread messages on one stream");
    }
    if (!hasRoom) throw new RemoteProtocolError("Too many unread messages on all streams together");
  }

  /** What the other side sent on with a question that is over: nobody need read it, and its handler may stay for a while. */
  #drop(budget: Budget): void {
    for (const { size } of this.#queue ?? []) budget.release(size);
    this.#queue = undefined;
  }

  /** Called by the connection: nothing more will arrive. */
  end(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    if (this.budget) this.#drop(this.budget);
    this.#abort?.abort(reason);
    for (const callback of this.#overs ?? []) callback();
    this.#overs = undefined;
    this.#waiting?.reject(reason);
    this.#waiting = undefined;
  }
}

function settle(incoming: Incoming): Promise<Incoming> {
  return incoming.kind === "Error" ? Promise.reject(remoteError(incoming)) : Promise.resolve(incoming);
}

/** What an Error message says, as an error; a code that we don't know counts as "failed". */
export function remoteError({ code, message }: MessageOf<"Error">, prefix = ""): RemoteError {
  return new RemoteError(isErrorCode(code) ? code : "failed", prefix + printable(message, 1000));
}
