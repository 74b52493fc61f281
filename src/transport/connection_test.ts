/** Connections over a pipe in memory, in virtual time: what either side may do, what it costs, and what ends it. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { utf8 } from "../base/bytes.ts";
import { codeOf, LabError, RemoteError, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { encodeMessage } from "../protocol/codec.ts";
import { encodeFrame } from "../protocol/frame.ts";
import { CONTROL, DATA } from "../protocol/messages.ts";
import {
  alive,
  bare,
  CONTENT,
  HELLO,
  pair,
  pass,
  reader,
  settle,
  welcomeMessage,
  world,
} from "./_fixture.ts";
import type { Connection, Handler } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { greet } from "./handshake.ts";
import { RateLimiter } from "./rate.ts";
import { writeAll } from "./stream.ts";
Deno.test("many requests in flight, both ways, each gets its own answer", async () => {
  const p = await pair({ acceptor: alive, dialer: alive });
  const ask = (c: Connection, n: number) => c.request({ kind: "KeepAlive", cookie: String(n) }, "Alive");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, n) => [ask(p.dialer, n), ask(p.acceptor, 1000 + n)]).flat(),
  );
  assertEquals(answers.map((a) => a.ttl), Array.from({ length: 50 }, (_, n) => [n, 1000 + n]).flat());
  p.end();
});

Deno.test("answers may come out of order", async () => {
  const held: Exchange[] = [];
  const p = await pair({ acceptor: (_, exchange) => (held.push(exchange), new Promise(() => {})) });
  const asked = [1, 2, 3].map((n) => p.dialer.request({ kind: "KeepAlive", cookie: `${n}` }, "Alive"));
  await settle();
  for (const exchange of held.toReversed()) exchange.send({ kind: "Alive", ttl: exchange.stream });
  assertEquals((await Promise.all(asked)).map((a) => a.ttl), held.map((e) => e.stream));
  p.end();
});

Deno.test("a cancelled question aborts the work on it, and nothing else", async () => {
  const signals: AbortSignal[] = [];
  const ended: string[] = [];
  const p = await pair({
    acceptor: (message, exchange) => {
      if (message.kind === "KeepAlive") return alive(message, exchange);
      signals.push(exchange.signal);
      exchange.onEnd(() => {
        ended.push("heard");
        exchange.onEnd(() => ended.push("too late"));
      });
      exchange.onEnd(() => ended.push("taken back"))();
      return new Promise((_, reject) =>
        exchange.signal.addEventListener("abort", () => reject(exchange.signal.reason))
      );
    },
  });
  const asked = p.dialer.open({ kind: "PQuery" });
  const answer = assertRejects(() => asked.next(), LabError, "Cancelled");
  await settle();
  assertEquals([signals.map((s) => s.aborted), ended], [[false], []]);
  await asked.cancel();
  await answer;
  await settle();
  assertEquals([signals.map((s) => s.aborted), ended], [[true], ["heard", "too late"]]);
  assertEquals((await p.dialer.request({ kind: "KeepAlive", cookie: "5" }, "Alive")).ttl, 5);
  p.end();
});

Deno.test("a request that times out is cancelled on the other side", async () => {
  let signal: AbortSignal | undefined;
  const p = await pair({
    acceptor: (_, exchange) => {
      signal = exchange.signal;
      return new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
    },
  });
  const failed = assertRejects(
    () => p.dialer.request({ kind: "PQuery" }, "Peers", 5000),
    LabError,
    "within 5 s",
  );
  await pass(p.clock, 5000);
  assertEquals(codeOf(await failed), "timeout");
  await settle();
  assertEquals(signal?.aborted, true);
  p.end();
});

Deno.test("what a handler throws is answered: ours with its code, others without their text", async () => {
  const p = await pair({
    acceptor: (message) => {
      if (message.kind === "PQuery") throw new LabError("not_found", "No such thing");
      throw new TypeError("secret path /home/x");
    },
  });
  const known = await assertRejects(
    () => p.dialer.request({ kind: "PQuery" }, "Peers"),
    RemoteError,
    "No such thing",
  );
  assertEquals(known.code, "not_found");
  const other = await assertRejects(
    () => p.dialer.request({ kind: "Leave", cookie: "" }, "Left"),
    RemoteError,
  );
  assertEquals([other.code, other.message.includes("secret")], ["failed", false]);
  p.end();
});

Deno.test("an error's text from the network can't steer a terminal; an unknown code is 'failed'", async () => {
  const p = await pair({
    acceptor: (_, e) => e.send({ kind: "Error", code: "new_code", message: "a\u001b[2Jb\nc" }),
  });
  const error = await assertRejects(() => p.dialer.request({ kind: "PQuery" }, "Peers"), RemoteError);
  assertEquals([error.code, error.message], ["failed", "a\\u{1b}[2Jb\\u{a}c"]);
  p.end();
});

Deno.test("a side without a handler says so", async () => {
  const p = await pair();
  const e = await assertRejects(() => p.acceptor.request({ kind: "PQuery" }, "Peers"), RemoteError);
  assertEquals(e.code, "unsupported");
  p.end();
});

Deno.test("one request too many is answered with busy, and the others go on", async () => {
  const held: Exchange[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const p = await pair({
    acceptor: async (_, exchange) => {
      held.push(exchange);
      await gate;
      await exchange.send({ kind: "Left" });
    },
  });
  const asked = Array.from({ length: LIMITS.requestsInFlight + 1 }, () => p.dialer.open({ kind: "PQuery" }));
  const refused = await assertRejects(() => asked.at(-1)!.expect("Left"), RemoteError);
  assertEquals([refused.code, held.length], ["busy", LIMITS.requestsInFlight]);
  release();
  for (const each of asked.slice(0, -1)) await each.expect("Left");
  p.end();
});

Deno.test("data frames between control messages, whole and in order", async () => {
  const pieces: Handler = async (message, exchange) => {
    if (message.kind !== "PieceRequest") return alive(message, exchange);
    await exchange.connection.sendData({
      kind: "PieceData",
      stream: exchange.stream,
      length: message.piece,
      fill: (into, offset) => into.forEach((_, i) => into[i] = (offset + i) % 251),
    });
  };
  const p = await pair({ acceptor: pieces });
  const want = [0, 1, 700_000, 12];
  const asked = want.map((piece) => p.dialer.open({ kind: "PieceRequest", content: CONTENT, piece }));
  const beat = p.dialer.request({ kind: "KeepAlive", cookie: "9" }, "Alive");
  const got = await Promise.all(asked.map((e) => e.collect("PieceData", LIMITS.piece)));
  assertEquals(got.map((g) => g.length), want);
  for (const bytes of got) assert(bytes.every((b, i) => b === i % 251));
  assertEquals((await beat).ttl, 9);
  p.end();
});

Deno.test("a piece larger than the asker is ready for is refused", async () => {
  const p = await pair({
    acceptor: (_, e) =>
      e.connection.sendData({ kind: "PieceData", stream: e.stream, length: 101, fill() {} }),
  });
  const asked = p.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  await assertRejects(() => asked.collect("PieceData", 100), RemoteProtocolError);
  p.end();
});

Deno.test("a piece that can't be read to its end ends the connection", async () => {
  const p = await pair({
    acceptor: (_, e) =>
      e.connection.sendData({
        kind: "PieceData",
        stream: e.stream,
        length: 400_000,
        fill: (_, offset) => {
          if (offset > 0) throw new LabError("changed", "The file changed");
        },
      }),
  });
  const asked = p.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  const e = await assertRejects(
    () => asked.collect("PieceData", LIMITS.piece),
    LabError,
    "middle of a message",
  );
  assertEquals(codeOf(e), "unreachable");
  assert(p.acceptor.isClosed && p.dialer.isClosed);
});

Deno.test("data that nobody asked for is passed over", async () => {
  const b = bare(alive);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  for (const stream of [1, 2, 3]) {
    await writeAll(b.wire, encodeFrame(DATA.PieceData.type, stream, new Uint8Array(99)));
  }
  await writeAll(b.wire, encodeMessage({ kind: "KeepAlive", cookie: "3" }, 5));
  const next = reader(b.wire);
  assertEquals((await next())?.message.kind, "Welcome");
  assertEquals(await next(), { stream: 5, message: { kind: "Alive", ttl: 3 } });
  b.acceptor.close();
});

Deno.test("data sent to whoever answers is not kept", async () => {
  let exchange: Exchange | undefined;
  const b = bare((_, e) => (exchange = e, new Promise(() => {})));
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3));
  for (let i = 0; i < 1000; i++) {
    await writeAll(b.wire, encodeFrame(DATA.PieceData.type, 3, new Uint8Array(999)));
  }
  await writeAll(b.wire, encodeMessage({ kind: "OfferNext" }, 3));
  assertEquals((await exchange!.next()).kind, "OfferNext");
  b.acceptor.close();
});

Deno.test("unknown messages and fields are skipped", async () => {
  const b = bare(alive);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await writeAll(b.wire, encodeFrame(0xee, 3, utf8("not even JSON")));
  await writeAll(b.wire, encodeFrame(CONTROL.KeepAlive.type, 5, utf8('{"cookie":"4","later":[1]}')));
  const next = reader(b.wire);
  assertEquals((await next())?.message.kind, "Welcome");
  assertEquals(await next(), { stream: 5, message: { kind: "Alive", ttl: 4 } });
  b.acceptor.close();
});

Deno.test("a silent connection is ended by the watchdog, a working one is not", async () => {
  let release = () => {};
  const p = await pair({ acceptor: () => new Promise((resolve) => release = resolve) });
  p.dialer.idle = Infinity;
  p.dialer.open({ kind: "PQuery" });
  await pass(p.clock, TIMEOUTS.connectionIdle + 2000);
  assert(!p.acceptor.isClosed);
  release();
  await settle();
  await pass(p.clock, 1000);
  assert(p.acceptor.isClosed && p.dialer.isClosed);
});

Deno.test("a receiver that takes no byte is given up", async () => {
  const b = bare(
    (_, e) => e.connection.sendData({ kind: "PieceData", stream: e.stream, length: 9999, fill() {} }),
    512,
  );
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await reader(b.wire)();
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3));
  await pass(b.clock, TIMEOUTS.writeStall - 1000);
  assert(!b.acceptor.isClosed);
  await pass(b.clock, 3000);
  assert(b.acceptor.isClosed);
});

Deno.test("a slow receiver that takes a byte now and then is served", async () => {
  const b = bare(
    (_, e) => e.connection.sendData({ kind: "PieceData", stream: e.stream, length: 6, fill() {} }),
    512,
  );
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await reader(b.wire)();
  b.acceptor.send({ kind: "Event", line: { x: "x".repeat(1000) } }, 2);
  for (let i = 0; i < 4; i++) {
    await pass(b.clock, TIMEOUTS.writeStall - 2000);
    await b.wire.read(new Uint8Array(100));
    await settle();
  }
  assert(!b.acceptor.isClosed);
  b.acceptor.close();
});

Deno.test("waiting for a rate limit is no stall, and ends with the connection", async () => {
  const w = await pair({
    acceptor: (_, e) =>
      e.connection.sendData({
        kind: "PieceData",
        stream: e.stream,
        length: 11_000,
        fill() {},
        rate: new RateLimiter(e.connection.clock, 100),
      }),
  });
  w.dialer.idle = Infinity;
  const asked = w.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  const got = asked.collect("PieceData", LIMITS.piece, 200_000);
  await pass(w.clock, 90_000);
  assert(!w.acceptor.isClosed);
  await pass(w.clock, 29_000);
  assertEquals((await got).length, 11_000);
  const again = w.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  const lost = assertRejects(() => again.collect("PieceData", LIMITS.piece), LabError);
  await settle();
  w.end();
  await lost;
});

Deno.test("an aborted data frame is left out whole, the connection goes on", async () => {
  const p = await pair({
    acceptor: async (message, e) => {
      if (message.kind === "KeepAlive") return alive(message, e);
      const rate = new RateLimiter(e.connection.clock, 1000);
      await e.connection.sendData({
        kind: "PieceData",
        stream: e.stream,
        length: 50_000,
        fill() {},
        rate,
        signal: e.signal,
      });
    },
  });
  const asked = p.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  await settle();
  asked.cancel();
  await pass(p.clock, 60_000);
  assertEquals((await p.dialer.request({ kind: "KeepAlive", cookie: "2" }, "Alive")).ttl, 2);
  p.end();
});

Deno.test("one that asks and never reads is cut off before its answers fill the memory", async () => {
  const b = bare((_, e) => e.send({ kind: "Event", line: { x: "x".repeat(900_000) } }), 4096);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  for (let i = 0; i < 20 && !b.acceptor.isClosed; i++) {
    await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3 + 2 * i)).catch(() => {});
    await settle();
  }
  assert(b.acceptor.isClosed);
});

Deno.test("too much unread on one stream ends the connection", async () => {
  for (const size of [10, 900_000]) {
    const b = bare(() => new Promise(() => {}));
    await writeAll(b.wire, encodeMessage(HELLO, 1));
    const big = encodeMessage({ kind: "Event", line: { x: "x".repeat(size) } }, 3);
    for (let i = 0; i < 9_000 && !b.acceptor.isClosed; i++) await writeAll(b.wire, big).catch(() => {});
    await b.acceptor.closed;
  }
});

Deno.test("a peer that closes in mid-frame: whoever waits learns it, once", async () => {
  const w = world();
  const greeting = greet(w.near, { role: "tool", agent: "test" }, w.options);
  await writeAll(w.far, encodeMessage(welcomeMessage(2), 1));
  const { connection } = await greeting;
  const asked = connection.request({ kind: "PQuery" }, "Peers");
  const failed = assertRejects(() => asked, LabError, "middle of a message");
  await writeAll(w.far, encodeMessage({ kind: "Peers", peers: [] }, 3).subarray(0, 15));
  w.far.close();
  await failed;
  assert(connection.isClosed);
});

Deno.test("closing with writes queued rejects them, and nobody need look", async () => {
  const p = await pair({ capacity: 256 });
  const sent = Array.from(
    { length: 5 },
    () => p.dialer.send({ kind: "Event", line: { x: "x".repeat(999) } }, 7),
  );
  sent.push(p.dialer.send({ kind: "Left" }, 9));
  p.dialer.close(new LabError("interrupted", "enough"));
  const ends = await Promise.allSettled(sent);
  assertEquals(
    ends.map((e) => String(e.status === "rejected" && codeOf(e.reason))),
    sent.map(() => "interrupted"),
  );
  p.dialer.send({ kind: "Left" }, 11);
  p.dialer.sendData({ kind: "PieceData", stream: 11, length: 1, fill() {} });
  await assertRejects(() => p.dialer.request({ kind: "PQuery" }, "Peers"), LabError, "enough");
  await settle();
  p.end();
});

Deno.test("finish writes what was handed over before it closes", async () => {
  const b = bare((_, e) => {
    e.send({ kind: "Event", line: { x: "x".repeat(5000) } });
    e.send({ kind: "Left" });
    e.connection.finish();
  }, 512);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3));
  const next = reader(b.wire);
  const kinds = [];
  for (let m = await next(); m; m = await next()) kinds.push(m.message.kind);
  assertEquals(kinds, ["Welcome", "Event", "Left"]);
});

Deno.test("a message over its cap is our own fault: it is not sent, the connection goes on", async () => {
  const p = await pair({ acceptor: alive });
  const tooLong = { kind: "Error", code: "failed", message: "x".repeat(20_000) } as const;
  await assertRejects(() => p.dialer.send(tooLong, 3), RangeError);
  await assertRejects(() => p.dialer.request(tooLong, "Left"), RangeError);
  await assertRejects(
    () => p.dialer.sendData({ kind: "PieceData", stream: 1, length: LIMITS.piece + 1, fill() {} }),
    RangeError,
  );
  assertEquals((await p.dialer.request({ kind: "KeepAlive", cookie: "1" }, "Alive")).ttl, 1);
  p.end();
});

Deno.test("two waits on one exchange: the second is refused, the first is served", async () => {
  const p = await pair({ acceptor: () => new Promise(() => {}) });
  const asked = p.dialer.open({ kind: "PQuery" });
  const first = asked.next();
  await assertRejects(() => asked.next(), Error, "waits");
  p.acceptor.send({ kind: "Left" }, asked.stream);
  assertInstanceOf(await first, Object);
  p.end();
});

Deno.test("an answer that came before the end can still be read", async () => {
  const b = world();
  const greeting = greet(b.near, { role: "tool", agent: "test" }, b.options);
  await writeAll(b.far, encodeMessage(welcomeMessage(2), 1));
  const { connection } = await greeting;
  const asked = connection.open({ kind: "PQuery" });
  await writeAll(b.far, encodeMessage({ kind: "Left" }, asked.stream));
  b.far.close();
  await connection.closed;
  assertEquals((await asked.next()).kind, "Left");
  await assertRejects(() => asked.next(), LabError, "closed");
});

Deno.test("everything counts as unanswered when the other side says Error on stream 0", async () => {
  const p = await pair();
  const asked = assertRejects(() => p.dialer.request({ kind: "PQuery" }, "Peers"), RemoteError, "full");
  p.acceptor.send({ kind: "Error", code: "busy", message: "full" }, 0);
  assertEquals(codeOf(await asked), "busy");
  assert(p.dialer.isClosed);
  p.end();
});

Deno.test("a paced piece goes out no further than the receiver says it has come, and is whole in the end", async () => {
  const b = bare((_, e) => {
    const fill = (into: Uint8Array, offset: number) => into.forEach((_, i) => into[i] = (offset + i) % 251);
    return e.connection.sendData({
      kind: "PieceData",
      stream: e.stream,
      length: 600_000,
      fill,
      isAhead: () => false,
    });
  }, 1_000_000);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await reader(b.wire)();
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3));
  const got: number[] = [];
  const buffer = new Uint8Array(1_000_000);
  const waves: number[] = [];
  while (got.length < 600_012) {
    await settle();
    const n = await b.wire.read(buffer);
    for (const byte of buffer.subarray(0, n ?? 0)) got.push(byte);
    waves.push(n ?? 0);
    await writeAll(b.wire, encodeMessage({ kind: "Credit", bytes: n ?? 0 }, 5));
  }
  assert(waves.length > 2 && Math.max(...waves) <= 240_000, `${waves}`);
  assert(got.slice(12).every((byte, i) => byte === i % 251));
  b.acceptor.close();
});

Deno.test("a receiver that says no more what has come is given up like one that takes no byte", async () => {
  const b = bare((_, e) =>
    e.connection.sendData({
      kind: "PieceData",
      stream: e.stream,
      length: 600_000,
      fill() {},
      isAhead: () => false,
    }), 1_000_000);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  await reader(b.wire)();
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 3));
  await pass(b.clock, TIMEOUTS.writeStall - 1000);
  assert(!b.acceptor.isClosed);
  await pass(b.clock, 3000);
  assert(b.acceptor.isClosed);
});
