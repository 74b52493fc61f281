/** For tests of this folder: two ends of a pipe in virtual time, greeted or bare. */

import { FakeClock } from "../base/clock.ts";
import { decodeMessage, frameRule } from "../protocol/codec.ts";
import { FrameDecoder, HEADER_BYTES, writeHeader } from "../protocol/frame.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Handler } from "./connection.ts";
import { greet, type Host, welcome } from "./handshake.ts";
import { memoryPipe } from "./memory.ts";
import type { ByteStream } from "./stream.ts";
import { Watchdog } from "./watchdog.ts";

export const CONTENT = "ab".repeat(32);
export const HELLO: MessageOf<"Hello"> = {
  kind: "Hello",
  versions: [2],
  role: "tool",
  agent: "test",
  features: [],
};

/** Lets everything run that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

export async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 1000) {
    clock.advance(Math.min(1000, ms - at));
    await settle();
  }
}

export function hostWith(handler: Handler): Host {
  return { identity: { role: "peer", name: "PC-7", agent: "test" }, handlerFor: () => handler };
}

export function world(capacity?: number) {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  const [near, far] = memoryPipe(capacity === undefined ? {} : { capacity });
  return { clock, watchdog, near, far, options: { clock, watchdog } };
}

/** Two connections that have greeted each other. */
export async function pair(setup: { acceptor?: Handler; dialer?: Handler; capacity?: number } = {}) {
  const w = world(setup.capacity);
  const acceptor = welcome(w.far, hostWith(setup.acceptor ?? (() => {})), w.options);
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, {
    ...w.options,
    ...(setup.dialer ? { handler: setup.dialer } : {}),
  });
  return { ...w, acceptor, dialer, end: () => (dialer.close(), acceptor.close()) };
}

/** An acceptor, and the bare stream of whoever dialled it. */
export function bare(handler: Handler = () => {}, capacity?: number) {
  const w = world(capacity);
  let greeted = 0;
  const acceptor = welcome(w.far, hostWith(handler), { ...w.options, greeted: () => greeted++ });
  return { ...w, acceptor, wire: w.near, greeted: () => greeted };
}

/** Reads messages off a bare stream. */
export function reader(stream: ByteStream, greeted = true) {
  const decoder = new FrameDecoder((type) => frameRule(type, greeted));
  const buffer = new Uint8Array(1 << 16);
  const queue: { stream: number; message: Message }[] = [];
  return async () => {
    while (queue.length === 0) {
      const n = await stream.read(buffer);
      if (n === null) return null;
      for (const frame of decoder.push(buffer.subarray(0, n))) {
        if (frame.kind === "control") {
          queue.push({ stream: frame.stream, message: decodeMessage(frame.type, frame.payload) });
        }
      }
    }
    return queue.shift()!;
  };
}

export const alive: Handler = (message, exchange) =>
  exchange.send({ kind: "Alive", ttl: Number(message.kind === "KeepAlive" ? message.cookie : 0) });

export function welcomeMessage(version: number): MessageOf<"Welcome"> {
  return { kind: "Welcome", version, role: "peer", agent: "test", features: [], mode: "open" };
}

export function header(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, { length, type, stream: 3 });
  return bytes;
}
