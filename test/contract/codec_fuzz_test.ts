/**
 * Properties of the codec, with inputs at random. FUZZ_RUNS sets the number of runs of each property; on a failure
 * fast-check prints the seed and the smallest input that fails.
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { concat, Gathering } from "../../src/base/bytes.ts";
import { RemoteProtocolError } from "../../src/base/errors.ts";
import * as fc from "../../src/deps/fast_check.ts";
import { encodeMessage, frameRule } from "../../src/protocol/codec.ts";
import { encodeFrame, FrameDecoder, HEADER_BYTES, writeHeader } from "../../src/protocol/frame.ts";
import { CONTROL, type ControlName, DATA } from "../../src/protocol/messages.ts";
import { anyMessage, messagesOf } from "./arbitraries.ts";
import { cut, readAll, singly } from "./wire.ts";

const RUNS = Number(Deno.env.get("FUZZ_RUNS") ?? 0);
const times = (numRuns: number) => ({ numRuns: RUNS > 0 ? RUNS : numRuns });
const STREAM = fc.integer({ min: 0, max: 0xffffffff });
const TYPES = [...Object.values(CONTROL), ...Object.values(DATA)].map((entry) => entry.type as number);

/** Reads, and accepts nothing but a result or a RemoteProtocolError. */
function outcome(chunks: Iterable<Uint8Array>, greeted = true): unknown {
  try {
    return readAll(chunks, greeted);
  } catch (thrown) {
    assertInstanceOf(thrown, RemoteProtocolError, `${thrown}`);
    return thrown.message;
  }
}

for (const kind of Object.keys(CONTROL) as ControlName[]) {
  Deno.test(`decode(encode(${kind})) is the same message`, () => {
    fc.assert(
      fc.property(messagesOf(kind), STREAM, (message, stream) => {
        let frame;
        try {
          frame = encodeMessage(message, stream);
        } catch (thrown) {
          // Texts of control characters may be six times as long in JSON: a message over its cap isn't ours to send.
          assertInstanceOf(thrown, RangeError);
          return;
        }
        assertEquals(readAll([frame]), [{ stream, message }]);
      }),
      times(40),
    );
  });
}

Deno.test("however the bytes are cut, they mean the same", () => {
  const frames = fc.array(
    fc.oneof(
      fc.tuple(anyMessage, STREAM).map(([message, stream]) =>
        tryEncode(() => encodeMessage(message, stream))
      ),
      fc.tuple(fc.constantFrom(...TYPES, 0, 0xee), STREAM, fc.uint8Array({ maxLength: 60 }))
        .map(([type, stream, payload]) => encodeFrame(type, stream, payload)),
    ),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(frames, fc.array(fc.nat(3000), { maxLength: 12 }), fc.boolean(), (list, places, greeted) => {
      const bytes = concat(list);
      const whole = outcome([bytes], greeted);
      assertEquals(outcome(cut(bytes, places), greeted), whole);
      assertEquals(outcome(singly(bytes), greeted), whole);
    }),
    times(150),
  );
});

Deno.test("garbage gives frames or a RemoteProtocolError, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
      fc.boolean(),
      (chunks, greeted) => {
        outcome(chunks, greeted);
      },
    ),
    times(500),
  );
});

Deno.test("garbage in a proper frame gives a message or a RemoteProtocolError, and nothing else", () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(text)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), STREAM, payload, (type, stream, bytes) => {
      outcome([encodeFrame(type, stream, bytes)]);
    }),
    times(1000),
  );
});

Deno.test("a good message with some bytes changed gives a message or a RemoteProtocolError", () => {
  const changes = fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(anyMessage, changes, (message, list) => {
      const frame = tryEncode(() => encodeMessage(message, 1));
      for (const [at, value] of list) frame[at % Math.max(frame.length, 1)] = value;
      outcome([frame]);
    }),
    times(500),
  );
});

Deno.test("a claimed length costs no memory: what is held grows with what arrived", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.array(fc.nat(2000), { maxLength: 40 }),
      (length, sizes) => {
        const gathering = new Gathering(length);
        for (const size of sizes) {
          if (gathering.filled + size > length) break;
          gathering.add(new Uint8Array(size));
          assert(gathering.held <= 2 * gathering.filled && gathering.held <= length);
        }
        assertEquals(gathering.whole() !== undefined, gathering.filled === length);
      },
    ),
    times(200),
  );
});

Deno.test("ten thousand headers that claim as much as they may, and one byte each, are held cheaply", () => {
  const before = Deno.memoryUsage();
  const waiting = Array.from({ length: 10_000 }, () => {
    const decoder = new FrameDecoder((type) => frameRule(type, true));
    const start = new Uint8Array(HEADER_BYTES + 1);
    writeHeader(start, { length: CONTROL.Peers.cap, type: CONTROL.Peers.type, stream: 1 });
    return [...decoder.push(start)].length === 0 && decoder;
  });
  const after = Deno.memoryUsage();
  const grown = after.external - before.external + after.heapUsed - before.heapUsed;
  assert(grown < 100e6, `${waiting.length} frames of 1 MiB that were only announced hold ${grown} bytes`);
});

Deno.test("a megabyte that comes byte by byte costs no more than one that comes whole", () => {
  const decoder = new FrameDecoder((type) => frameRule(type, true));
  const frame = encodeFrame(CONTROL.Event.type, 1, new Uint8Array(CONTROL.Event.cap));
  const before = Deno.memoryUsage();
  for (const byte of singly(frame.subarray(0, frame.length - 1))) {
    for (const _ of decoder.push(byte)) throw new Error();
  }
  const after = Deno.memoryUsage();
  assert(after.external - before.external < 64e6, `${after.external - before.external} bytes`);
  assertEquals([...decoder.push(frame.subarray(-1))].length, 1);
});

/** A message that is over its cap becomes no bytes at all. */
function tryEncode(encode: () => Uint8Array): Uint8Array {
  try {
    return encode();
  } catch {
    return new Uint8Array(0);
  }
}
