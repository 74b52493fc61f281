/**
 * Reading pieces from a stream that gives one record of 16 KiB at a time, as TLS does here: as many reads as there are records
 * and nothing that waits between them. Counts, since times would depend on the machine.
 */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { concat } from "../base/bytes.ts";
import { FakeClock } from "../base/clock.ts";
import { encodeMessage } from "../protocol/codec.ts";
import { encodeFrame } from "../protocol/frame.ts";
import { DATA } from "../protocol/messages.ts";
import type { Proving } from "./handshake.ts";
import { memoryPipe } from "./memory.ts";
import { PieceChannel } from "./piece_channel.ts";
import { type ByteStream, writeAll } from "./stream.ts";

const CONTENT = "cd".repeat(32);
const TOOL = { role: "tool", agent: "test" } as const;
const RECORD = 16 * 1024;
const PIECES = 4;
const LENGTH = 1024 * 1024;

/** Gives a record at most at a time, each of them a millisecond after the one before. */
function inRecords(stream: ByteStream, clock: FakeClock) {
  const counted = { reads: 0, pauses: 0 };
  const records: ByteStream = {
    remote: stream.remote,
    local: stream.local,
    write: (bytes) => stream.write(bytes),
    close: () => stream.close(),
    read: (into) => {
      counted.reads++;
      clock.advance(1);
      return stream.read(into.subarray(0, RECORD));
    },
  };
  return { records, counted };
}

/** Receives some pieces from a holder; gives how many reads and pauses that took. */
async function receive(proving: Proving | undefined) {
  const clock = new FakeClock();
  const [near, holder] = memoryPipe({ capacity: 2 * PIECES * LENGTH });
  const { records, counted } = inRecords(near, clock);
  const mode = proving ? "secured" : "open";
  const greeting = [
    ...proving ? [encodeMessage({ kind: "Challenge", nonce: "ab".repeat(32) }, 1)] : [],
    encodeMessage({ kind: "Welcome", version: 2, role: "peer", agent: "t", features: [], mode }, 1),
  ];
  await writeAll(holder, concat(greeting));
  const pause = (ms: number) => {
    counted.pauses++;
    clock.advance(ms);
  };
  const channel = await PieceChannel.open(records, TOOL, { clock, pause }, proving);
  for (let piece = 0; piece < PIECES; piece++) channel.ask({ content: CONTENT, piece, length: LENGTH });
  for (let piece = 0; piece < PIECES; piece++) {
    const stream = 3 + 2 * piece;
    await writeAll(holder, encodeFrame(DATA.PieceData.type, stream, new Uint8Array(LENGTH).fill(piece)));
  }
  counted.reads = counted.pauses = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    const answer = await channel.receive();
    if (answer.kind !== "piece") throw new Error(`No ${answer.kind} was due`);
    assertEquals([answer.bytes.length, answer.bytes.every((byte) => byte === piece)], [LENGTH, true]);
  }
  channel.close();
  holder.close();
  return counted;
}

/** Shows a proof that nobody looks at. */
const PROVING = {
  to: "b",
  security: {
    prove: () =>
      Promise.resolve({
        to: "b",
        card: { name: "a", role: "member", key: "key", signature: "signature" },
        signature: "signature",
      }),
  },
} as unknown as Proving;

Deno.test("secured: a read for each record, one more for each header, and no pause", async () => {
  const { reads, pauses } = await receive(PROVING);
  assertLessOrEqual(reads, PIECES * (LENGTH / RECORD + 2));
  assertEquals(pauses, 0);
});

Deno.test("open: what comes at that pace is given time to gather", async () => {
  const { pauses } = await receive(undefined);
  assertGreater(pauses, 0);
});
