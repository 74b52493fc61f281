/**
 * A peer's registration connection as the load generator needs it: one question at a time, frames made by hand, answers
 * read with as little work as can be, so that one process can be thousands of peers.
 */

import { utf8 } from "../../../src/base/bytes.ts";
import { encodeFrame, HEADER_BYTES, readHeader } from "../../../src/protocol/frame.ts";
import { CONTROL, type ControlName, type MessageOf, type WireRow } from "../../../src/protocol/messages.ts";

/** Bytes read at a time; an answer that is longer is put together. */
const READ_BYTES = 1024;

const decode = new TextDecoder();

/** An answer that wasn't the one that was due. */
export class Refused extends Error {
  override name = "Refused";
}

/** One peer. */
export class LoadPeer {
  cookie = "";
  /** The version of the list of peers that it has seen last. */
  version: string | undefined;
  #stream = 1;
  #buffer = new Uint8Array(READ_BYTES);
  #keepAlive: Uint8Array | undefined;
  #asking = false;
  /** Questions that wait for the answer to the one before: a keep-alive comes due in the middle of a measurement. */
  #waiting: (() => void)[] = [];

  private constructor(private conn: Deno.TcpConn, readonly name: string) {}

  /** Dials, and greets. */
  static async dial(to: Deno.ConnectOptions, name: string): Promise<LoadPeer> {
    const conn = await Deno.connect(to);
    conn.setNoDelay(true);
    const peer = new LoadPeer(conn, name);
    const hello = { versions: [2], role: "peer", name, agent: "load", features: [] } as const;
    try {
      await peer.ask({ kind: "Hello", ...hello, versions: [2], features: [] }, "Welcome");
      return peer;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  /** Registers, with the cookie if it has one. */
  async register(port: number): Promise<MessageOf<"Registered">> {
    const { name } = this;
    const shown = this.cookie === "" ? {} : { cookie: this.cookie };
    const answer = await this.ask({ kind: "Register", name, host: name, port, ...shown }, "Registered");
    this.cookie = answer.cookie;
    return answer;
  }

  /** Keeps alive; the answer is looked at no further than its kind. */
  async keepAlive(): Promise<void> {
    const { cookie } = this;
    this.#keepAlive ??= encodeFrame(CONTROL.KeepAlive.type, 0, utf8(JSON.stringify({ cookie })));
    await this.#exchange(this.#keepAlive, "Alive");
  }

  /** Tells its index: one message. */
  async announce(rows: WireRow[]): Promise<void> {
    await this.ask({ kind: "Announce", cookie: this.cookie, reset: true, rows, gone: [] }, "Announced");
  }

  /** Takes note of how the list of peers is now, without reading all of it: it has been read before, say. */
  async learnVersion(): Promise<void> {
    this.version = (await this.ask({ kind: "PQuery" }, "Peers")).version;
  }

  /** Asks for what has changed in the list of peers since the last time. Gives how many records were told. */
  async changes(): Promise<number> {
    const since = this.version === undefined ? {} : { since: this.version };
    const { peers, version } = await this.ask({ kind: "PQuery", ...since }, "Peers");
    this.version = version;
    return peers.length;
  }

  /** Asks, and gives the answer. @throws {Refused} when it's another than was due. */
  async ask<K extends ControlName>(
    { kind, ...fields }: MessageOf<ControlName>,
    expected: K,
  ): Promise<MessageOf<K>> {
    const frame = encodeFrame(CONTROL[kind].type, 0, utf8(JSON.stringify(fields)));
    const payload = await this.#exchange(frame, expected);
    return { ...JSON.parse(decode.decode(payload)), kind: expected };
  }

  /** Hangs up. */
  close(): void {
    try {
      this.conn.close();
    } catch { /* the server was faster */ }
  }

  /** One question at a time, for all answers are read into one buffer. */
  async #exchange(frame: Uint8Array, expected: ControlName): Promise<Uint8Array> {
    if (this.#asking) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#asking = true;
    try {
      return await this.#answerTo(frame, expected);
    } finally {
      this.#asking = this.#waiting.length > 0;
      this.#waiting.shift()?.();
    }
  }

  async #answerTo(frame: Uint8Array, expected: ControlName): Promise<Uint8Array> {
    new DataView(frame.buffer, frame.byteOffset).setUint32(8, this.#stream);
    this.#stream += 2;
    for (let at = 0; at < frame.length;) at += await this.conn.write(at === 0 ? frame : frame.subarray(at));
    let bytes = this.#buffer;
    let filled = 0;
    for (let whole = HEADER_BYTES; filled < whole;) {
      const n = await this.conn.read(bytes.subarray(filled));
      if (n === null) throw new Refused(`${this.name}: the server hung up`);
      filled += n;
      if (filled < HEADER_BYTES) continue;
      whole = HEADER_BYTES + readHeader(bytes).length;
      if (whole > bytes.length) {
        const larger = new Uint8Array(whole);
        larger.set(bytes.subarray(0, filled));
        bytes = larger;
      }
    }
    const payload = bytes.subarray(HEADER_BYTES, filled);
    if (readHeader(bytes).type === CONTROL[expected].type) return payload;
    throw new Refused(`${this.name}: ${expected} was due, and came ${decode.decode(payload).slice(0, 300)}`);
  }
}
