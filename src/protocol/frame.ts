/**
 * Frames: the lowest layer of P2P-DI/2. Bytes in, frames out; no I/O, no waiting.
 *
 *     0        4      5        8          12
 *     +--------+------+--------+----------+----------------
 *     | length | type |  zero  |  stream  | payload ...
 *     +--------+------+--------+----------+----------------
 *       u32 BE   u8     3 bytes   u32 BE     `length` bytes
 *
 * `length` counts the payload only. The decoder looks at length and type before it keeps a single byte of payload:
 * each type has its own cap. Payloads of control messages are collected; payloads of data frames (piece, manifest)
 * are passed on as they arrive, never collected here.
 */

import { type Bytes, Gathering } from "../base/bytes.ts";
import { RemoteProtocolError } from "../base/errors.ts";

/** Bytes in a frame's header. */
export const HEADER_BYTES = 12;
/** The last stream id: they are u32, and never used twice on a connection. */
export const LAST_STREAM = 0xffffffff;

/** Where the type stands in it. */
export const TYPE_AT = 4;

/** What a header says. */
export interface FrameHeader {
  /** Bytes of payload that follow. */
  length: number;
  /** The message type, see PROTOCOL.md. */
  type: number;
  /** Ties an answer to its question: odd when the dialling side asked, even when the accepting side did. */
  stream: number;
}

/** A complete control frame, or a part of a data frame's payload. */
export type Frame =
  | { kind: "control"; type: number; stream: number; payload: Uint8Array }
  | { kind: "data"; type: number; stream: number; length: number; offset: number; bytes: Uint8Array };

/** What the decoder must know of a message type: how much of it is accepted, and whether it's passed on in parts. */
export interface FrameRule {
  cap: number;
  data: boolean;
  /** The payload is skipped unread: a type that this version doesn't know. */
  skip?: boolean;
}

/** Writes a header into `target` at `offset`. */
export function writeHeader(target: Uint8Array, { length, type, stream }: FrameHeader, offset = 0): void {
  putU32(target, offset, length);
  putU32(target, offset + 4, type << 24);
  putU32(target, offset + 8, stream);
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Makes one frame out of a header's fields and a payload. */
export function encodeFrame(type: number, stream: number, payload: Uint8Array): Bytes {
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  writeHeader(frame, { length: payload.length, type, stream });
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/**
 * Reads a header.
 *
 * @param bytes at least {@linkcode HEADER_BYTES} bytes from `offset` on.
 * @throws {RemoteProtocolError} when the three reserved bytes are not zero.
 */
export function readHeader(bytes: Uint8Array, offset = 0): FrameHeader {
  if ((bytes[offset + 5]! | bytes[offset + 6]! | bytes[offset + 7]!) !== 0) {
    throw new RemoteProtocolError(
      "Cannot decode a frame: its reserved bytes are not zero, so this is not P2P-DI/2",
    );
  }
  return { length: u32(bytes, offset), type: bytes[offset + 4]!, stream: u32(bytes, offset + 8) };
}

/** Without a DataView: a server reads a header for each message, and making the view would cost more than reading. */
function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

/**
 * Turns a stream of bytes into frames, whatever the borders at which the bytes arrive.
 *
 * @example
 * ```ts
 * import { encodeFrame, FrameDecoder } from "./frame.ts";
 * const decoder = new FrameDecoder(() => ({ cap: 100, data: false }));
 * const frames = [...decoder.push(encodeFrame(5, 1, new Uint8Array([7])))];
 * if (frames.length !== 1) throw new Error("one frame expected");
 * ```
 */
export class FrameDecoder {
  #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #current: FrameHeader | undefined;
  #rule: FrameRule = { cap: 0, data: false };
  #seen = 0;
  #payload: Gathering | undefined;
  #broken = false;

  /** @param rule says what is accepted of a type, at this moment of the connection. */
  constructor(private rule: (type: number) => FrameRule) {}

  /** True between two frames: the connection may end here without anything being cut. */
  get atBorder(): boolean {
    return this.#headerFilled === 0 && this.#current === undefined;
  }

  /**
   * Takes the next bytes of the stream and yields the frames that they complete. It is lazy, so that a frame is acted
   * upon before the header of the next one is judged: a handshake changes what is accepted after it. Go on to its end.
   * A payload may be a part of the chunk: deal with it before the next frame is asked for, or copy it.
   *
   * @param chunk may be reused by the caller once all frames have been dealt with.
   * @throws {RemoteProtocolError} on a frame over its cap or a header that is not ours; the decoder is then of no further use.
   */
  *push(chunk: Uint8Array): Generator<Frame, void, void> {
    if (this.#broken) throw new RemoteProtocolError("Cannot decode after a broken frame");
    let at = 0;
    while (at < chunk.length || this.#complete()) {
      if (!this.#current) {
        at += this.#takeHeader(chunk, at);
      } else {
        const take = Math.min(this.#current.length - this.#seen, chunk.length - at);
        const frame = this.#takePayload(chunk.subarray(at, at + take));
        at += take;
        if (frame) yield frame;
      }
    }
  }

  #complete(): boolean {
    return this.#current !== undefined && this.#seen === this.#current.length;
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    if (this.#headerFilled === 0 && chunk.length - at >= HEADER_BYTES) {
      this.#judge(chunk, at);
      return HEADER_BYTES;
    }
    const take = Math.min(HEADER_BYTES - this.#headerFilled, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + take), this.#headerFilled);
    this.#headerFilled += take;
    if (this.#headerFilled === HEADER_BYTES) this.#judge(this.#header, 0);
    return take;
  }

  #judge(bytes: Uint8Array, at: number): void {
    this.#broken = true;
    const header = readHeader(bytes, at);
    const rule = this.rule(header.type);
    if (header.length > rule.cap) {
      throw new RemoteProtocolError(
        `Cannot decode a frame of type 0x${
          header.type.toString(16)
        } and ${header.length} bytes: the limit is ${rule.cap}`,
      );
    }
    this.#broken = false;
    this.#current = header;
    this.#rule = rule;
    this.#headerFilled = 0;
    this.#seen = 0;
  }

  #takePayload(bytes: Uint8Array): Frame | undefined {
    const { type, stream, length } = this.#current!;
    const { data, skip } = this.#rule;
    const offset = this.#seen;
    this.#seen += bytes.length;
    const last = this.#seen === length;
    if (last) this.#current = undefined;
    if (skip) return undefined;
    if (data) return { kind: "data", type, stream, length, offset, bytes };
    if (bytes.length === length) return { kind: "control", type, stream, payload: bytes };
    this.#payload ??= new Gathering(length);
    this.#payload.add(bytes);
    const payload = this.#payload.whole();
    if (!payload) return undefined;
    this.#payload = undefined;
    return { kind: "control", type, stream, payload };
  }
}
