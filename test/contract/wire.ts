/** Bytes to what they mean, as a connection reads them: for the golden vectors and the property tests. */

import { concat } from "../../src/base/bytes.ts";
import { dataName, decodeMessage, frameRule } from "../../src/protocol/codec.ts";
import { FrameDecoder } from "../../src/protocol/frame.ts";
import type { DataName, Message } from "../../src/protocol/messages.ts";

/** A message, or a data frame put together again. */
export type Read = { stream: number; message: Message } | {
  stream: number;
  data: DataName;
  payload: Uint8Array;
};

/**
 * Reads frames and messages out of chunks.
 *
 * @param greeted whether the handshake is over.
 * @throws {RemoteProtocolError} as the codec does; what was read before is lost.
 */
export function readAll(chunks: Iterable<Uint8Array>, greeted = true): Read[] {
  const decoder = new FrameDecoder((type) => frameRule(type, greeted));
  const read: Read[] = [];
  let parts: Uint8Array[] = [];
  for (const chunk of chunks) {
    for (const frame of decoder.push(chunk)) {
      if (frame.kind === "control") {
        read.push({ stream: frame.stream, message: decodeMessage(frame.type, frame.payload) });
        continue;
      }
      parts.push(frame.bytes.slice());
      if (frame.offset + frame.bytes.length < frame.length) continue;
      read.push({ stream: frame.stream, data: dataName(frame.type)!, payload: concat(parts) });
      parts = [];
    }
  }
  return read;
}

/** The chunks that cutting at these places gives. */
export function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const borders = [0, ...places.filter((p) => p <= bytes.length).toSorted((a, b) => a - b), bytes.length];
  return borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
}

/** One chunk for each byte. */
export function singly(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
}
