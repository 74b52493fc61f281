/** Connections over a pipe in memory, in virtual time: what either side may do, and what ends the connection. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { concat, utf8 } from "../base/bytes.ts";
import { FakeClock } from "../base/clock.ts";
import { codeOf, LabError, RemoteError, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { decodeMessage, encodeMessage, frameRule } from "../protocol/codec.ts";
import { encodeFrame, FrameDecoder, HEADER_BYTES, writeHeader } from "../protocol/frame.ts";
import { CONTROL, DATA, type Message } from "../protocol/messages.ts";
import { Connection, type Handler } from "./connection.ts";
import type { Exchange } from "./exchange.ts";
import { greet, type Host, welcome } from "./handshake.ts";
import { memoryPipe } from "./memory.ts";
import { RateLimiter } from "./rate.ts";
import { type ByteStream, writeAll } from "./stream.ts";
import { Watchdog } from "./watchdog.ts";

const CONTENT = "ab".repeat(32);
const HELLO: Message = { kind: "Hello", versions: [2], role: "tool", agent: "test", features: [] };

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
}

async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 1000) {
    clock.advance(Math.min(1000, ms - at));
    await settle();
  }
}

function hostWith(handler: Handler): Host {
  return { identity: { role: "peer", name: "PC-7", agent: "test" }, mode: "open", handlerFor: () => handler };
}

function world(capacity?: number) {
  const clock = new FakeClock();
  const watchdog = new Watchdog(clock);
  const [near, far] = memoryPipe(capacity === undefined ? {} : { capacity });
  return { clock, watchdog, near, far, options: { clock, watchdog } };
}

/** Two connections that have greeted each other. */
async function pair(setup: { acceptor?: Handler; dialer?: Handler; capacity?: number } = {}) {
  const w = world(setup.capacity);
  const acceptor = welcome(w.far, hostWith(setup.acceptor ?? (() => {})), w.options);
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, {
    ...w.options,
    ...(setup.dialer ? { handler: setup.dialer } : {}),
  });
  return { ...w, acceptor, dialer, end: () => (dialer.close(), acceptor.close()) };
}

/** An acceptor, and the bare stream of whoever dialled it. */
function bare(handler: Handler = () => {}, capacity?: number) {
  const w = world(capacity);
  let greeted = 0;
  const acceptor = welcome(w.far, hostWith(handler), { ...w.options, greeted: () => greeted++ });
  return { ...w, acceptor, wire: w.near, greeted: () => greeted };
}

/** Reads messages off a bare stream. */
function reader(stream: ByteStream, greeted = true) {
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

const alive: Handler = (message, exchange) =>
  exchange.send({ kind: "Alive", ttl: Number(message.kind === "KeepAlive" ? message.cookie : 0) });

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
  const p = await pair({
    acceptor: (message, exchange) => {
      if (message.kind === "KeepAlive") return alive(message, exchange);
      signals.push(exchange.signal);
      return new Promise((_, reject) =>
        exchange.signal.addEventListener("abort", () => reject(exchange.signal.reason))
      );
    },
  });
  const asked = p.dialer.open({ kind: "PQuery" });
  const answer = assertRejects(() => asked.next(), LabError, "Cancelled");
  await settle();
  assertEquals(signals.map((s) => s.aborted), [false]);
  await asked.cancel();
  await answer;
  await settle();
  assertEquals(signals.map((s) => s.aborted), [true]);
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
  assertEquals([error.code, error.message], ["failed", "a\ufffd[2Jb\ufffdc"]);
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

Deno.test("questions before Hello are not answered; the Hello that follows is", async () => {
  let asked = 0;
  const b = bare(() => void asked++);
  await writeAll(b.wire, encodeMessage({ kind: "PQuery" }, 1));
  await writeAll(b.wire, encodeMessage(HELLO, 3));
  assertEquals((await reader(b.wire)())?.stream, 3);
  assertEquals([asked, b.greeted()], [0, 1]);
  b.acceptor.close();
});

/** What a hostile dialler sends, and whether it is sent after a proper Hello. */
const ENDS_THE_CONNECTION: [string, boolean, Uint8Array][] = [
  ["a Welcome before Hello", false, encodeMessage(welcomeMessage(2), 1)],
  ["a second Hello", true, encodeMessage(HELLO, 3)],
  ["a huge frame before Hello", false, header(CONTROL.Hello.type, LIMITS.handshakeFrame + 1)],
  ["a frame of 4 GB", true, header(DATA.PieceData.type, 0xffffffff)],
  ["a huge unknown frame", true, header(0xee, LIMITS.unknownMessage + 1)],
  ["another protocol", false, utf8("GET / HTTP/1.1\r\n\r\n")],
  ["a message that is not JSON", true, encodeFrame(CONTROL.PQuery.type, 3, utf8("{"))],
  ["a message of wrong types", true, encodeFrame(CONTROL.KeepAlive.type, 3, utf8('{"cookie":7}'))],
];

for (const [what, afterHello, bytes] of ENDS_THE_CONNECTION) {
  Deno.test(`${what}: Error, then the end`, async () => {
    const b = bare();
    if (afterHello) await writeAll(b.wire, encodeMessage(HELLO, 1));
    const next = reader(b.wire);
    if (afterHello) assertEquals((await next())?.message.kind, "Welcome");
    await writeAll(b.wire, bytes);
    const said = await next();
    assertEquals([said?.stream, said?.message.kind], [0, "Error"]);
    assertEquals(said?.message.kind === "Error" && said.message.code, "protocol");
    assertEquals(await next(), null);
    await b.acceptor.closed;
  });
}

Deno.test("after a broken rule nothing more is read or answered", async () => {
  const b = bare();
  await writeAll(
    b.wire,
    concat(Array.from({ length: 100 }, (_, i) => encodeMessage(welcomeMessage(2), 2 * i + 1))),
  );
  const next = reader(b.wire);
  assertEquals((await next())?.message.kind, "Error");
  assertEquals(await next(), null);
});

Deno.test("no byte at all, or one a second, before the Hello: ended after the handshake time", async () => {
  for (const drip of [false, true]) {
    const b = bare();
    const flood = encodeFrame(0xee, 1, new Uint8Array(1000));
    for (let s = 0; s <= TIMEOUTS.handshake / 1000; s++) {
      assert(!b.acceptor.isClosed);
      if (drip) await writeAll(b.wire, flood.subarray(s, s + 1));
      await pass(b.clock, 1000);
    }
    assert(b.acceptor.isClosed);
  }
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
        length: 100_000,
        fill() {},
        rate: new RateLimiter(e.connection.clock, 1000),
      }),
  });
  w.dialer.idle = Infinity;
  const asked = w.dialer.open({ kind: "PieceRequest", content: CONTENT, piece: 0 });
  const got = asked.collect("PieceData", LIMITS.piece, 200_000);
  await pass(w.clock, 90_000);
  assert(!w.acceptor.isClosed);
  await pass(w.clock, 20_000);
  assertEquals((await got).length, 100_000);
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
    for (let i = 0; i < 300 && !b.acceptor.isClosed; i++) await writeAll(b.wire, big).catch(() => {});
    await b.acceptor.closed;
  }
});

Deno.test("versions: the dialler learns that it speaks none of ours, and the acceptor ends it", async () => {
  const b = bare();
  await writeAll(b.wire, encodeMessage({ ...HELLO, versions: [1, 3] }, 1));
  const next = reader(b.wire, false);
  const said = await next();
  assertEquals(said?.message.kind === "Error" && said.message.code, "unsupported");
  assertEquals(said?.stream, 1);
  assertEquals(await next(), null);
  assertEquals(b.greeted(), 0);
});

Deno.test("versions: an acceptor that answers with another one is not spoken to", async () => {
  const w = world();
  const greeting = greet(w.near, { role: "tool", agent: "test" }, w.options);
  await writeAll(w.far, encodeMessage(welcomeMessage(3), 1));
  const e = await assertRejects(() => greeting, LabError, "P2P-DI/3");
  assertEquals(codeOf(e), "unsupported");
});

Deno.test("a question right behind the Welcome, in the same bytes, gets through", async () => {
  const w = world();
  const greeting = greet(w.near, { role: "tool", agent: "test" }, { ...w.options, handler: alive });
  const both = new Uint8Array([
    ...encodeMessage(welcomeMessage(2), 1),
    ...encodeMessage({ kind: "KeepAlive", cookie: "6" }, 2),
  ]);
  await writeAll(w.far, both);
  const { connection } = await greeting;
  const next = reader(w.far);
  assertEquals((await next())?.message.kind, "Hello");
  assertEquals(await next(), { stream: 2, message: { kind: "Alive", ttl: 6 } });
  connection.close();
});

Deno.test("an acceptor may ask as soon as it is told of the greeting", async () => {
  const w = world();
  let answer: Promise<unknown> | undefined;
  const acceptor = welcome(w.far, hostWith(() => {}), {
    ...w.options,
    greeted: (c) => answer = c.request({ kind: "KeepAlive", cookie: "8" }, "Alive"),
  });
  const { connection } = await greet(w.near, { role: "tool", agent: "t" }, { ...w.options, handler: alive });
  assertEquals(await answer, { kind: "Alive", ttl: 8 });
  connection.close();
  acceptor.close();
});

Deno.test("greeting somebody who hangs up, says nothing, or speaks something else", async () => {
  const cases: [string, (w: ReturnType<typeof world>) => Promise<void>][] = [
    ["unreachable", (w) => Promise.resolve(w.far.close())],
    ["timeout", (w) => pass(w.clock, TIMEOUTS.handshake)],
    ["protocol", (w) => writeAll(w.far, utf8("SSH-2.0-OpenSSH_9.6\r\n"))],
    ["protocol", (w) => writeAll(w.far, encodeMessage(HELLO, 2))],
    ["unreachable", async (w) => {
      await writeAll(w.far, encodeMessage(welcomeMessage(2), 1).subarray(0, 20));
      w.far.close();
    }],
  ];
  for (const [code, act] of cases) {
    const w = world();
    const failed = assertRejects(() => greet(w.near, { role: "tool", agent: "test" }, w.options));
    await act(w);
    assertEquals(codeOf(await failed), code);
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

Deno.test("a name from the network can't steer a terminal through an error's text", async () => {
  const w = world();
  const greeting = greet(w.near, { role: "tool", agent: "test" }, w.options);
  await writeAll(w.far, encodeMessage({ ...welcomeMessage(2), name: "a\u001b[2J\u202e" }, 1));
  const { connection } = await greeting;
  assertEquals(connection.title, "a\ufffd[2J\ufffd");
  connection.close();
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

function welcomeMessage(version: number): Extract<Message, { kind: "Welcome" }> {
  return { kind: "Welcome", version, role: "peer", agent: "test", features: [], mode: "open" };
}

function header(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, { length, type, stream: 3 });
  return bytes;
}
