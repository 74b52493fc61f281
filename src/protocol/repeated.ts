/**
 * Messages that a connection carries again and again, byte for byte: a peer's KeepAlive is the same for as long as it lives,
 * and most of what a registration server reads are KeepAlives; most of what a sender of pieces reads are Credits. The last
 * one is remembered, and parsed once. Pure.
 */

import { decodeMessage } from "./codec.ts";
import { CONTROL, type Message } from "./messages.ts";

/** What is said again without a change; of others a memory would only cost. */
const REPEATED = new Set<number>([CONTROL.KeepAlive.type, CONTROL.Credit.type]);

/** Longer ones aren't remembered, bytes: a KeepAlive of ours has 60, and 10,000 connections keep one each. */
const LONGEST = 128;

/**
 * A connection's decoder of messages.
 *
 * @example
 * ```ts
 * import { utf8 } from "../base/bytes.ts";
 * import { CONTROL } from "./messages.ts";
 * import { RepeatedMessages } from "./repeated.ts";
 * const messages = new RepeatedMessages();
 * const payload = utf8(JSON.stringify({ cookie: "abc" }));
 * const first = messages.decode(CONTROL.KeepAlive.type, payload);
 * if (messages.decode(CONTROL.KeepAlive.type, payload) !== first) throw new Error("the same message expected");
 * ```
 */
export class RepeatedMessages {
  #type: number | undefined;
  #payload = new Uint8Array();
  #message: Message | undefined;

  /**
   * As {@linkcode decodeMessage}; who gets the message must not change it, for it may be given again.
   *
   * @param payload isn't kept: a copy is.
   * @throws {RemoteProtocolError} when it's not what its type says; that is not remembered.
   */
  decode(type: number, payload: Uint8Array): Message {
    if (!REPEATED.has(type) || payload.length > LONGEST) return decodeMessage(type, payload);
    if (type === this.#type && isSame(this.#payload, payload)) return this.#message!;
    const message = Object.freeze(decodeMessage(type, payload));
    this.#type = type;
    this.#payload = payload.slice();
    return this.#message = message;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
