/**
 * A port for the course's own programs: requests without handshake, frame or encryption. Rules: requests of one connection
 * are answered in their order; what waits is bounded; a request that doesn't come whole in time, or an answer that isn't
 * taken, ends the connection. What the answers are is not decided here.
 */

import type { Clock } from "../base/clock.ts";
import { LabError, messageOf, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { printable } from "../base/text.ts";
import { formatHostPort, type HostPort } from "../base/units.ts";
import { type ClassicAnswer, encodeAnswer, endsConnection } from "../protocol/classic/answer.ts";
import {
  type ClassicAsk,
  ClassicDecoder,
  type ClassicForm,
  type ClassicRequest,
} from "../protocol/classic/request.ts";
import type { RateLimiter } from "./rate.ts";
import { type ByteStream, writeAll } from "./stream.ts";
import { listenTcp } from "./tcp.ts";

/** Bytes of a file read and sent at a time. */
const PART = 64 * 1024;

/** Who asks, and at which of our addresses. */
export interface ClassicEnds {
  remote: HostPort;
  local: HostPort;
}

/** An answer; that of a file comes with its bytes. */
export interface ClassicReply {
  answer: ClassicAnswer;
  /** Of an answer of kind "file". */
  body?: ClassicBody;
}

/** The bytes of a file. */
export interface ClassicBody {
  /** Fills the buffer with the bytes from `offset` on, all of it; throws when the file is no longer what it was. */
  read: (into: Uint8Array, offset: number) => void;
  close: () => void;
}

/** What answers on such a port. */
export interface ClassicHost {
  clock: Clock;
  log: Logger;
  /** This PC's name. */
  name: string;
  /** What it thinks of a request; what it throws is told to the client. */
  answer: (ask: ClassicAsk, ends: ClassicEnds) => Promise<ClassicReply> | ClassicReply;
  rate?: RateLimiter;
  /** Hears of bytes of files that were sent. */
  sent?: (bytes: number) => void;
}

/** A port that is open. */
export interface ClassicServer {
  readonly address: HostPort;
  /** Connections now. */
  readonly connections: number;
  /** Stops listening and closes every connection. */
  close(): void;
}

/**
 * Opens the port.
 *
 * @param at where to listen; port 0 takes a free one.
 * @throws {LabError} "failed" when the port can't be had.
 */
export function serveClassic(at: HostPort, host: ClassicHost): ClassicServer {
  const talks = new Set<Talk>();
  const listener = listenTcp({ ...at, flag: "--classic" }, {
    clock: host.clock,
    accept: (stream) => {
      // The one that has been silent longest makes room: sets keep the order of insertion.
      if (talks.size >= LIMITS.classicConnections) {
        ([...talks].find((each) => each.isIdle) ?? [...talks][0])?.close();
      }
      const talk = new Talk(stream, host, () => talks.delete(talk));
      talks.add(talk);
    },
  });
  return {
    address: listener.address,
    get connections() {
      return talks.size;
    },
    close() {
      listener.close();
      for (const talk of talks) talk.close();
    },
  };
}

/** One connection. */
class Talk {
  #decoder = new ClassicDecoder();
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  #ending = new AbortController();
  #stopTimer = () => {};

  constructor(private stream: ByteStream, private host: ClassicHost, private ended: () => void) {
    this.#within(TIMEOUTS.classicRequest);
    this.#read();
  }

  /** True when it waits for a request. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  get #closed(): boolean {
    return this.#ending.signal.aborted;
  }

  close(): void {
    if (this.#closed) return;
    this.#ending.abort();
    this.#stopTimer();
    this.stream.close();
    this.ended();
  }

  /** From now on something has to happen within this time, milliseconds. */
  #within(time: number): void {
    this.#stopTimer();
    if (!this.#closed) this.#stopTimer = this.host.clock.after(time, () => this.close());
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(2048);
    try {
      while (!this.#closed) {
        const n = await this.stream.read(buffer);
        if (n === null) break;
        for (const request of this.#decoder.push(buffer.subarray(0, n))) this.#take(request);
      }
    } catch (cause) {
      if (cause instanceof RemoteProtocolError) this.#refuse(cause);
    }
    // Half-closed: the client has asked all that it wanted to.
    await this.#turn;
    this.close();
  }

  #take(request: ClassicRequest): void {
    if (this.#waiting >= LIMITS.classicPipelined) {
      throw new RemoteProtocolError(`More than ${LIMITS.classicPipelined} requests at once`);
    }
    this.#waiting++;
    this.#turn = this.#turn.then(() => this.#reply(request)).catch(() => this.close()).finally(() =>
      this.#waiting--
    );
  }

  /** Nothing more of it is read; it's told, after the answers that it still gets. */
  #refuse(cause: RemoteProtocolError): void {
    const { form } = this.#decoder;
    const answer = { kind: "refused", status: 400, reason: cause.message } as const;
    this.#turn = this.#turn.then(() => this.#send(form, answer)).catch(() => {});
  }

  async #reply({ form, ...ask }: ClassicRequest): Promise<void> {
    if (this.#closed) return;
    const { remote, local } = this.stream;
    this.#within(TIMEOUTS.request);
    const { answer, body } = await this.#ask(ask, { remote, local });
    try {
      await this.#send(form, answer);
      if (answer.kind === "file" && body) await this.#sendFile(answer.size, body);
    } finally {
      body?.close();
    }
    if (endsConnection(form, answer)) this.close();
    else this.#within(TIMEOUTS.classicLinger);
  }

  async #ask(ask: ClassicAsk, ends: ClassicEnds): Promise<ClassicReply> {
    if (ask.kind === "wrong") return { answer: { kind: "refused", status: ask.status, reason: ask.reason } };
    const { log, answer } = this.host;
    try {
      return await answer(ask, ends);
    } catch (thrown) {
      const line = `${printable(ask.kind, 20)} of the classic client ${
        formatHostPort(ends.remote)
      } was refused: ${printable(messageOf(thrown), 400)}`;
      if (thrown instanceof LabError) log.info(line, { code: thrown.code });
      else log.error(line, { error: thrown });
      return { answer: refusal(thrown) };
    }
  }

  async #send(form: ClassicForm, answer: ClassicAnswer): Promise<void> {
    const { clock, name } = this.host;
    await this.#write(encodeAnswer(form, answer, { host: name, os: Deno.build.os, now: clock.now() }));
  }

  async #sendFile(size: number, body: ClassicBody): Promise<void> {
    const buffer = new Uint8Array(Math.min(PART, size));
    for (let at = 0; at < size && !this.#closed;) {
      const part = buffer.subarray(0, Math.min(PART, size - at));
      body.read(part, at);
      const pause = this.host.rate?.take(part.length) ?? 0;
      this.#within(pause + TIMEOUTS.writeStall);
      if (pause > 0) await this.host.clock.sleep(pause, this.#ending.signal);
      await this.#write(part);
      this.host.sent?.(part.length);
      at += part.length;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#within(TIMEOUTS.writeStall);
    await writeAll(this.stream, bytes, () => this.#within(TIMEOUTS.writeStall));
  }
}

/** What a client is told of an error; of our own faults no more than that there is one. */
function refusal(thrown: unknown): ClassicAnswer {
  if (!(thrown instanceof LabError)) return { kind: "refused", status: 500, reason: "An internal error" };
  const status = thrown.code === "busy" ? 503 : thrown.code === "usage" ? 400 : 404;
  return { kind: "refused", status, reason: printable(thrown.message, 400) };
}
