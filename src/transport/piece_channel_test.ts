/** The receiving end of a data connection, against a holder that speaks the protocol, oddly, wrongly, or not at all. */

import { assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { concat } from "../base/bytes.ts";
import { FakeClock } from "../base/clock.ts";
import { codeOf, LabError } from "../base/errors.ts";
import { decodeMessage, encodeMessage, frameRule } from "../protocol/codec.ts";
import { encodeFrame, FrameDecoder } from "../protocol/frame.ts";
import { CONTROL, DATA } from "../protocol/messages.ts";
import type { Handler } from "./connection.ts";
import { welcome } from "./handshake.ts";
import { memoryPipe } from "./memory.ts";
import { PieceChannel } from "./piece_channel.ts";
import { type ByteStream, writeAll } from "./stream.ts";
import { Watchdog } from "./watchdog.ts";

const CONTENT = "cd".repeat(32);
const TOOL = { role: "tool", agent: "test" } as const;
const WELCOME = encodeMessage(
  { kind: "Welcome", version: 2, role: "peer", agent: "t", features: [], mode: "open" },
  1,
);
const ticket = (piece: number, length: number) => ({ content: CONTENT, piece, length });
const pieceFrame = (stream: number, bytes: number[]) =>
  encodeFrame(DATA.PieceData.type, stream, new Uint8Array(bytes));
const errorFrame = (stream: number, code: string, message = "") =>
  encodeMessage({ kind: "Error", code, message }, stream);

/** A channel to a holder that says just this, in this order. */
async function channelTo(...frames: Uint8Array[]): Promise<{ channel: PieceChannel; holder: ByteStream }> {
  const [near, holder] = memoryPipe();
  await writeAll(holder, concat([WELCOME, ...frames]));
  return { channel: await PieceChannel.open(near, TOOL), holder };
}

Deno.test("pieces from a connection of ours, many asked for at once", async () => {
  const clock = new FakeClock();
  const [near, far] = memoryPipe();
  const handlerFor = () => servePieces;
  const holder = welcome(far, { identity: { role: "peer", agent: "t" }, handlerFor }, {
    clock,
    watchdog: new Watchdog(clock),
  });
  const channel = await PieceChannel.open(near, TOOL);
  const lengths = [300_000, 0, 1, 70_000, 7];
  lengths.forEach((length, piece) => channel.ask(ticket(piece, length)));
  for (const [piece, length] of lengths.entries()) {
    const answer = await channel.receive();
    if (answer.kind === "told") throw new Error("No news were due");
    if (answer.kind === "refused") throw answer.error;
    assertEquals([answer.ticket.piece, answer.bytes.length], [piece, length]);
    assertEquals(answer.bytes.every((b, i) => b === (i + piece) % 256), true);
  }
  assertEquals(channel.waiting, 0);
  channel.close();
  await holder.closed;
});

const servePieces: Handler = async (message, exchange) => {
  if (message.kind !== "PieceRequest") return;
  const lengths = [300_000, 0, 1, 70_000, 7];
  await exchange.connection.sendData({
    kind: "PieceData",
    stream: exchange.stream,
    length: lengths[message.piece]!,
    fill: (into, offset) => into.forEach((_, i) => into[i] = offset + i + message.piece),
  });
};

Deno.test("what is asked for at once goes in one write", async () => {
  const [near, holder] = memoryPipe();
  await writeAll(holder, WELCOME);
  const writes: Uint8Array[] = [];
  const write = (bytes: Uint8Array) => (writes.push(bytes.slice()), near.write(bytes));
  const channel = await PieceChannel.open({ ...near, write }, TOOL);
  writes.length = 0;
  for (let piece = 0; piece < 4; piece++) channel.ask(ticket(piece, 1));
  await writeAll(holder, pieceFrame(3, [9]));
  await channel.receive();
  const frames = new FrameDecoder((type) => frameRule(type, true)).push(writes[0]!);
  assertEquals([writes.length, [...frames].map(({ stream }) => stream)], [1, [3, 5, 7, 9]]);
  channel.close();
  holder.close();
});

Deno.test("answers in another order, a refusal between them", async () => {
  const { channel } = await channelTo(
    pieceFrame(7, [7]),
    errorFrame(3, "not_found", "gone\n"),
    pieceFrame(5, [5, 5]),
  );
  channel.ask(ticket(0, 9));
  channel.ask(ticket(1, 2));
  channel.ask(ticket(2, 1));
  const first = await channel.receive();
  assertEquals(first.kind === "piece" && first.ticket.piece, 2);
  const second = await channel.receive();
  assertEquals(second.kind === "refused" && [second.ticket.piece, second.error.code, second.error.message], [
    0,
    "not_found",
    "gone\\u{a}",
  ]);
  const third = await channel.receive();
  assertEquals(third.kind === "piece" && [...third.bytes], [5, 5]);
  channel.close();
});

Deno.test("messages that aren't known are skipped, before a piece and before an error", async () => {
  const odd = encodeFrame(0xee, 99, new Uint8Array(70));
  const { channel } = await channelTo(odd, pieceFrame(3, [1]), odd, odd, errorFrame(5, "changed"));
  channel.ask(ticket(0, 1));
  channel.ask(ticket(1, 1));
  assertEquals((await channel.receive()).kind, "piece");
  const refused = await channel.receive();
  assertEquals(refused.kind === "refused" && [refused.ticket.piece, refused.error.code], [1, "changed"]);
  channel.close();
});

const WRONG: [string, string, Uint8Array][] = [
  ["a piece of another length", "protocol", pieceFrame(3, [1, 2])],
  ["a piece that nobody asked for", "protocol", pieceFrame(9, [1])],
  ["a manifest", "protocol", encodeFrame(DATA.ManifestData.type, 3, new Uint8Array(1))],
  ["a message of 64 KiB and more", "protocol", encodeFrame(CONTROL.Peers.type, 3, new Uint8Array(65_537))],
  ["another protocol", "protocol", new TextEncoder().encode("HTTP/1.1 400 Bad Request")],
  ["an error on stream 0", "busy", errorFrame(0, "busy")],
];
for (const [what, code, bytes] of WRONG) {
  Deno.test(`${what}: ${code}`, async () => {
    const [near, holder] = memoryPipe({ capacity: 100_000 });
    await writeAll(holder, concat([WELCOME, bytes]));
    const channel = await PieceChannel.open(near, TOOL);
    channel.ask(ticket(0, 1));
    assertEquals(codeOf(await assertRejects(() => channel.receive(), LabError)), code);
    channel.close();
  });
}

Deno.test("a holder that goes, between pieces and in the middle of one, and a channel that is closed", async () => {
  for (const bytes of [new Uint8Array(0), pieceFrame(3, [1, 2, 3]).subarray(0, 13)]) {
    const { channel, holder } = await channelTo(bytes);
    channel.ask(ticket(0, 3));
    const failed = assertRejects(() => channel.receive(), LabError);
    holder.close();
    assertEquals(codeOf(await failed), "unreachable");
    channel.ask(ticket(1, 3));
    channel.close();
  }
  const { channel } = await channelTo();
  const failed = assertRejects(() => channel.receive(), LabError);
  channel.close();
  assertEquals(codeOf(await failed), "unreachable");
});

Deno.test("why a channel was closed is what whoever receives from it learns", async () => {
  const { channel } = await channelTo();
  const failed = assertRejects(() => channel.receive(), LabError, "it sent nothing for 15 s");
  channel.close(new LabError("timeout", "it sent nothing for 15 s"));
  assertEquals(codeOf(await failed), "timeout");
});

Deno.test("a holder that refuses the greeting", async () => {
  const [near, holder] = memoryPipe();
  await writeAll(holder, errorFrame(1, "unsupported", "old"));
  const e = await assertRejects(() => PieceChannel.open(near, TOOL), LabError, "old");
  assertEquals(e.code, "unsupported");
  near.close();
});

/** A wire of so many bytes per millisecond: a read finds what has come since the one before, or waits for a packet. */
class Wire implements ByteStream {
  readonly remote = { host: "192.0.2.1", port: 1 };
  readonly local = { host: "192.0.2.2", port: 2 };
  reads = 0;
  #at = 0;
  #began: number;

  constructor(private clock: FakeClock, private bytes: Uint8Array, private pace: number) {
    this.#began = clock.monotonic();
  }

  read(into: Uint8Array): Promise<number | null> {
    this.reads++;
    const come = () =>
      Math.min(this.bytes.length, WELCOME.length + (this.clock.monotonic() - this.#began) * this.pace) | 0;
    while (come() === this.#at) this.clock.advance(Math.max(1_448 / this.pace, 0.1));
    const n = Math.min(into.length, come() - this.#at);
    into.set(this.bytes.subarray(this.#at, this.#at + n));
    this.#at += n;
    return Promise.resolve(n);
  }
  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(bytes.length);
  }
  close(): void {}
}

/** A clock whose sleepers are woken at once, by moving it on. */
class QuickClock extends FakeClock {
  slept: number[] = [];
  override sleep(ms: number): Promise<void> {
    this.slept.push(ms);
    this.advance(ms);
    return Promise.resolve();
  }
}

/** Receives a piece of 1 MiB over a wire of this pace, bytes per millisecond. */
async function receiveAt(pace: number, gathers = true) {
  const clock = new QuickClock();
  const piece = new Uint8Array(1024 * 1024).map((_, i) => i % 251);
  const wire = new Wire(clock, concat([WELCOME, encodeFrame(DATA.PieceData.type, 3, piece)]), pace);
  const channel = await PieceChannel.open(
    wire,
    TOOL,
    gathers ? { clock, pause: (ms) => clock.sleep(ms) } : undefined,
  );
  const began = clock.monotonic();
  channel.ask(ticket(0, piece.length));
  const answer = await channel.receive();
  assertEquals(answer.kind === "piece" && answer.bytes.every((b, i) => b === i % 251), true);
  channel.close();
  return { reads: wire.reads, took: clock.monotonic() - began, slept: clock.slept };
}

Deno.test("where bytes trickle, they gather: a tenth of the reads, in the same time", async () => {
  // 100 Mbit/s.
  const [plain, gathered] = [await receiveAt(12_500, false), await receiveAt(12_500)];
  assertGreater(plain.reads, 500);
  assertLess(gathered.reads, plain.reads / 10);
  assertLess(gathered.took, plain.took * 1.05);
  assertEquals(gathered.slept.every((ms) => ms >= 1 && ms <= 20), true);
});

Deno.test("where a read finds plenty, nothing waits", async () => {
  assertEquals((await receiveAt(100_000)).slept, []);
});

Deno.test("what comes of paced pieces is told every 96 KiB; of others nothing is", async () => {
  for (const paced of [true, false]) {
    const [near, holder] = memoryPipe({ capacity: 400_000 });
    await writeAll(holder, concat([WELCOME, encodeFrame(DATA.PieceData.type, 3, new Uint8Array(150_000))]));
    const channel = await PieceChannel.open(near, TOOL);
    channel.ask({ ...ticket(0, 150_000), paced });
    assertEquals((await channel.receive()).kind, "piece");
    for (let i = 0; i < 10; i++) await Promise.resolve();
    channel.close();
    const decoder = new FrameDecoder((type) => frameRule(type, true));
    const told: number[] = [];
    const buffer = new Uint8Array(64 * 1024);
    for (let n; (n = await holder.read(buffer).catch(() => null)) !== null;) {
      for (const frame of decoder.push(buffer.subarray(0, n))) {
        if (frame.kind !== "control" || frame.type !== CONTROL.Credit.type) continue;
        const message = decodeMessage(frame.type, frame.payload);
        if (message.kind === "Credit") told.push(message.bytes);
      }
    }
    assertEquals(told.every((bytes) => bytes >= 96 * 1024), true);
    assertEquals(told.length > 0 && told.reduce((a, b) => a + b) >= 96 * 1024, paced, `${told}`);
  }
});

Deno.test("a channel whose stream ids are used up ends with a fault that passes by dialling again", async () => {
  const [last, before] = [0xffffffff, 0xfffffffd];
  const { channel } = await channelTo(pieceFrame(before, [1]), pieceFrame(last, [2]));
  channel.leave(2);
  for (const piece of [7, 8]) channel.ask(ticket(piece, 1));
  for (const piece of [7, 8]) {
    const answer = await channel.receive();
    assertEquals(answer.kind === "piece" && answer.ticket.piece, piece);
  }
  channel.ask(ticket(9, 1));
  const fault = await assertRejects(() => channel.receive(), LabError, "stream ids");
  assertEquals([codeOf(fault), channel.waiting], ["unreachable", 0]);
});
