/**
 * Messages to frames and back. The decoder is pure and throws nothing but RemoteProtocolError, whatever it is fed.
 */

import { type Bytes, utf8 } from "../base/bytes.ts";
import { RemoteProtocolError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import * as v from "../deps/valibot.ts";
import { encodeFrame, type FrameRule, HEADER_BYTES, writeHeader } from "./frame.ts";
import { CONTROL, type ControlName, DATA, type DataName, type Message, type MessageOf } from "./messages.ts";
import { jsonOfPeers } from "./written.ts";

/** The version of the protocol that this code speaks. */
export const PROTOCOL_VERSION = 2;

const CONTROL_BY_TYPE = new Map<number, ControlName>(
  (Object.keys(CONTROL) as ControlName[]).map((kind) => [CONTROL[kind].type, kind]),
);
const DATA_BY_TYPE = new Map<number, DataName>(
  (Object.keys(DATA) as DataName[]).map((kind) => [DATA[kind].type, kind]),
);

/** Read before the handshake is over. */
const GREETINGS = new Set<ControlName>(["Hello", "Welcome", "Error", "Challenge", "Proof", "Join", "Joined"]);

const decodeText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * What the frame decoder accepts of a type.
 *
 * @param greeted false until the handshake is over; until then only handshake messages are read, up to their small cap.
 */
export function frameRule(type: number, greeted: boolean): FrameRule {
  return (greeted ? RULES.greeted : RULES.greeting)[type]!;
}

function ruleOf(type: number, greeted: boolean): FrameRule {
  const control = CONTROL_BY_TYPE.get(type);
  const data = DATA_BY_TYPE.get(type);
  if (!greeted) {
    return { cap: LIMITS.handshakeFrame, data: false, skip: !control || !GREETINGS.has(control) };
  }
  if (control) return { cap: CONTROL[control].cap, data: false };
  if (data) return { cap: DATA[data].cap, data: true };
  return { cap: LIMITS.unknownMessage, data: false, skip: true };
}

/** By type: a rule is looked up for each frame. */
const RULES = {
  greeting: Array.from({ length: 256 }, (_, type) => ruleOf(type, false)),
  greeted: Array.from({ length: 256 }, (_, type) => ruleOf(type, true)),
};

/** Name of a data frame's type. */
export function dataName(type: number): DataName | undefined {
  return DATA_BY_TYPE.get(type);
}

/** Name of any type that we know, for logs. */
export function typeName(type: number): string {
  return CONTROL_BY_TYPE.get(type) ?? DATA_BY_TYPE.get(type) ?? `0x${type.toString(16)}`;
}

/**
 * One frame that carries a message.
 *
 * @throws {RangeError} when the message is larger than its cap: our own fault.
 */
export function encodeMessage(message: Message, stream: number): Bytes {
  const { kind } = message;
  const payload = utf8(jsonOf(message));
  demandFit(kind, payload.length);
  return encodeFrame(CONTROL[kind].type, stream, payload);
}

/**
 * The same into a buffer that is there already: making one costs more than encoding a small message.
 *
 * @returns the frame: a part of the buffer, or one of its own where it might not fit.
 * @throws {RangeError} when the message is larger than its cap.
 */
export function encodeInto(message: Message, stream: number, into: Uint8Array): Uint8Array {
  const { kind } = message;
  const text = jsonOf(message);
  const { type } = CONTROL[kind];
  if (HEADER_BYTES + 3 * text.length > into.length) {
    const payload = utf8(text);
    demandFit(kind, payload.length);
    return encodeFrame(type, stream, payload);
  }
  const { written: length } = encoder.encodeInto(text, into.subarray(HEADER_BYTES));
  demandFit(kind, length);
  writeHeader(into, { length, type, stream });
  return into.subarray(0, HEADER_BYTES + length);
}

function jsonOf({ kind, ...fields }: Message): string {
  return kind === "Peers" ? jsonOfPeers(fields as MessageOf<"Peers">) : JSON.stringify(fields);
}

function demandFit(kind: ControlName, length: number): void {
  const { cap } = CONTROL[kind];
  if (length <= cap) return;
  throw new RangeError(`Cannot encode ${a(kind)} of ${length} bytes: the limit is ${cap}`);
}

const encoder = new TextEncoder();

/**
 * The message in a control frame's payload. Unknown fields are dropped.
 *
 * @throws {RemoteProtocolError} when it is not JSON, or not what the schema of its type says.
 */
export function decodeMessage(type: number, payload: Uint8Array): Message {
  const kind = CONTROL_BY_TYPE.get(type);
  if (!kind) {
    throw new RemoteProtocolError(`Cannot decode a message of type 0x${type.toString(16)}: it is not known`);
  }
  let value: unknown;
  try {
    value = JSON.parse(decodeText.decode(payload));
  } catch (cause) {
    throw new RemoteProtocolError(`Cannot decode ${a(kind)}: its payload is not JSON in UTF-8`, { cause });
  }
  if (Array.isArray(value)) {
    throw new RemoteProtocolError(`Cannot decode ${a(kind)}: it is a list, not an object`);
  }
  const parsed = v.safeParse(CONTROL[kind].schema, value, { abortEarly: true });
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const where = v.getDotPath(issue) ?? "its top";
    throw new RemoteProtocolError(`Cannot decode ${a(kind)}: ${where} is not as it must be`);
  }
  return { ...parsed.output, kind } as Message;
}

function a(kind: ControlName): string {
  return `${/^[AEIO]/.test(kind) ? "an" : "a"} ${kind}`;
}
