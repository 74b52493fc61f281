/** What a connection bears: messages that never end, more questions than anybody needs. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat } from "../base/bytes.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { encodeMessage } from "../protocol/codec.ts";
import { alive, bare, HELLO, hostWith, pass, reader, settle, world } from "./_fixture.ts";
import { within } from "../base/_patience.ts";
import { Budget } from "./budget.ts";
import { connect } from "./connect.ts";
import type { Connection, Handler } from "./connection.ts";
import { greet, welcome } from "./handshake.ts";
import { serve } from "./server.ts";
import { writeAll } from "./stream.ts";

Deno.test("a message that has begun must end in time, however its bytes dribble; whole ones may go on for ever", async () => {
  const b = bare(alive);
  await writeAll(b.wire, encodeMessage(HELLO, 1));
  const next = reader(b.wire);
  await next();
  const question = encodeMessage({ kind: "KeepAlive", cookie: "7" }, 3);
  // The end of one and the beginning of the next in the same bytes, again and again: each of them ends in time.
  await writeAll(b.wire, question.subarray(0, 5));
  for (let at = 0; at < 2 * TIMEOUTS.message; at += 10_000) {
    await pass(b.clock, 10_000);
    await writeAll(b.wire, concat([question.subarray(5), question.subarray(0, 5)]));
    assertEquals((await next())?.message.kind, "Alive");
  }
  const dribble = new Uint8Array(TIMEOUTS.message / 1000 + 10);
  for (let second = 0; !b.acceptor.isClosed && second < dribble.length; second++) {
    await writeAll(b.wire, second < 7 ? question.subarray(5 + second, 6 + second) : dribble.subarray(0, 0));
    await pass(b.clock, 1000);
  }
  assert(b.acceptor.isClosed);
  assertEquals(codeOf(b.acceptor.reason), "timeout");
  assert(messageOf(b.acceptor.reason).includes("did not end its message"), messageOf(b.acceptor.reason));
});

Deno.test("who asks too fast is read later, and loses nothing", async () => {
  const w = world();
  let answered = 0;
  const count: Handler = (_, exchange) => (answered++, exchange.send({ kind: "Alive", ttl: 7 }));
  const acceptor = welcome(w.far, hostWith(count), { ...w.options, budget: new Budget(10) });
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
  const ask = () => dialer.request({ kind: "KeepAlive", cookie: "7" }, "Alive", 60_000);
  const all = Promise.all(Array.from({ length: 40 }, ask));
  await settle();
  assert(answered >= 10 && answered < 15, `${answered} at once`);
  await pass(w.clock, 1_000);
  assert(answered < 30, `${answered} after a second`);
  for (let i = 0; i < 40; i++) await pass(w.clock, 100);
  await all;
  assertEquals(answered, 40);
  dialer.close();
  acceptor.close();
});

Deno.test("whom we dialled is read later too, where we say how fast it may tell", async () => {
  const { clock, watchdog } = world();
  const options = { clock, watchdog };
  const asking = Promise.withResolvers<Connection>();
  const server = serve({ host: "127.0.0.1", port: 0 }, {
    ...hostWith(() => {}),
    handlerFor: (connection) => {
      asking.resolve(connection);
      return () => {};
    },
  }, options);
  let answered = 0;
  const handler: Handler = (_, exchange) => (answered++, exchange.send({ kind: "Alive", ttl: 7 }));
  const identity = { role: "tool", agent: "test" } as const;
  const { connection } = await connect(server.address, identity, {
    ...options,
    handler,
    budget: new Budget(10),
  });
  const acceptor = await asking.promise;
  const all = Array.from(
    { length: 30 },
    () => acceptor.request({ kind: "KeepAlive", cookie: "7" }, "Alive", 60_000),
  );
  await all[9];
  assert(answered < 15, `${answered} at once`);
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    await within("the next ones", all[Math.min(29, 10 * (second + 1))]!);
  }
  assertEquals(answered, 30);
  connection.close();
  server.close();
  await acceptor.closed;
});

Deno.test("who sends long messages is read later: to read them takes as long as to answer many short ones", async () => {
  const w = world(4 * LIMITS.listMessage);
  let read = 0;
  const acceptor = welcome(w.far, hostWith(() => void read++), { ...w.options, budget: new Budget() });
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
  const names = Array.from({ length: LIMITS.pageRows }, (_, i) => `${i}`.padStart(500, "x"));
  for (let i = 0; i < 22; i++) {
    dialer.forget(dialer.open({ kind: "Announce", cookie: "7", reset: false, rows: [], gone: names }));
    await settle();
  }
  // 1 MB each.
  assert(read >= 10 && read <= 11, `${read} at once`);
  await pass(w.clock, 1_000);
  assert(read >= 20 && read <= 21, `${read} after a second`);
  for (let i = 0; i < 40; i++) await pass(w.clock, 100);
  assertEquals(read, 22);
  dialer.close();
  acceptor.close();
});

Deno.test("whose questions take long is read later, on all its connections together, between two of them too", async () => {
  const budget = new Budget();
  const w = [world(), world(), world()];
  const clock = w[0]!.clock;
  let answered = 0;
  const slow: Handler = (_, exchange) => {
    answered++;
    exchange.connection.budget?.work(50);
    return exchange.send({ kind: "Alive", ttl: 7 });
  };
  const ends = await Promise.all(w.map(async ({ near, far, watchdog }) => {
    const options = { clock, watchdog };
    const acceptor = welcome(far, hostWith(slow), { ...options, budget });
    const { connection } = await greet(near, { role: "tool", agent: "test" }, options);
    return { acceptor, connection };
  }));
  const all = ends.flatMap(({ connection }) =>
    Array.from({ length: 10 }, () => connection.request({ kind: "KeepAlive", cookie: "7" }, "Alive", 60_000))
  );
  await settle();
  // A quarter of a second in one go, and one that overdraws for each who was about to be read.
  assert(answered >= 5 && answered <= 8, `${answered} at once`);
  await pass(clock, 1_000);
  assert(answered <= 8 + 5 + 3, `${answered} after a second`);
  for (let i = 0; i < 10; i++) await pass(clock, 1_000);
  await Promise.all(all);
  for (const { acceptor, connection } of ends) {
    connection.close();
    acceptor.close();
  }
});

Deno.test("what nobody reads yet is bounded for all questions of somebody together, on all its connections", async () => {
  const shared = new Budget(Infinity);
  const never: Handler = (_, exchange) => new Promise((resolve) => void exchange.onEnd(resolve));
  const gone = Array.from({ length: 500 }, (_, i) => String(i).padStart(1_000, "x"));
  const more = encodeMessage({ kind: "Announce", cookie: "7", reset: false, rows: [], gone }, 3);
  /** Asks sixteen questions, and sends on with each of them as much as one stream takes. */
  const flood = async () => {
    const w = world();
    const acceptor = welcome(w.far, hostWith(never), { ...w.options, budget: shared });
    const { connection } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
    let taken = 0;
    for (let i = 0; i < 16 && !acceptor.isClosed; i++) {
      const { stream } = connection.open({ kind: "KeepAlive", cookie: "7" });
      new DataView(more.buffer).setUint32(8, stream);
      for (let part = 0; part < 8 && !acceptor.isClosed; part++) {
        await writeAll(w.near, more).catch(() => {});
        await settle();
        if (!acceptor.isClosed) taken += more.length;
      }
    }
    return { acceptor, taken, end: () => (connection.close(), acceptor.close()) };
  };
  const one = await flood();
  await one.acceptor.closed;
  assert(messageOf(one.acceptor.reason).includes("all streams together"), messageOf(one.acceptor.reason));
  assert(one.taken > 12 * 1024 ** 2 && one.taken <= LIMITS.unreadInAll, `${one.taken} bytes`);
  // What it held is let go with it.
  const two = await flood();
  assertEquals(two.taken, one.taken);
  one.end();
  two.end();
});

Deno.test("who sends too much on one stream has no more room on all of them for that, however often it comes again", async () => {
  const budget = new Budget(Infinity);
  const never: Handler = (_, exchange) => new Promise((resolve) => void exchange.onEnd(resolve));
  const more = encodeMessage({ kind: "Event", line: { x: "x".repeat(900_000) } }, 3);
  for (let time = 0; time < 3; time++) {
    const w = world();
    const acceptor = welcome(w.far, hostWith(never), { ...w.options, budget });
    const { connection } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
    const { stream } = connection.open({ kind: "KeepAlive", cookie: "7" });
    new DataView(more.buffer).setUint32(8, stream);
    while (!acceptor.isClosed) await writeAll(w.near, more).catch(() => {});
    assert(messageOf(acceptor.reason).includes("on one stream"), messageOf(acceptor.reason));
    connection.close();
  }
  const room = LIMITS.unreadInAll - LIMITS.unreadPart;
  assert(!budget.hold(room + 1), "more than ever fits");
  budget.release(room + 1);
  assert(budget.hold(room), "all of it is free again");
});

Deno.test("a large message is read with a large buffer, and what follows with a small one again", async () => {
  const w = world();
  const sizes: number[] = [];
  const read = w.far.read.bind(w.far);
  w.far.read = (into) => (sizes.push(into.length), read(into));
  const told: number[] = [];
  const acceptor = welcome(
    w.far,
    hostWith((message, exchange) => {
      if (message.kind === "RFCQuery") told.push(message.patterns?.length ?? 0);
      return exchange.send({ kind: "Alive", ttl: 1 });
    }),
    w.options,
  );
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
  const ask = (count: number) =>
    dialer.request({ kind: "RFCQuery", patterns: Array.from({ length: count }, (_, n) => `p${n}`) }, "Alive");
  for (const count of [1, 300, 300, 1]) await ask(count);
  await settle();
  assertEquals(told, [1, 300, 300, 1]);
  const [first, last] = [sizes[0]!, sizes.at(-1)!];
  assert(first <= 512 && last === first, `${sizes}`);
  assert(Math.max(...sizes) > 10_000, `${sizes}`);
  dialer.close();
  acceptor.close();
});

Deno.test("stream ids go up to the last one; then the connection ends on both sides, and whoever waits hears why", async () => {
  const w = world();
  const asked: number[] = [];
  const answer: Handler = (_, exchange) => {
    asked.push(exchange.stream);
    return asked.length === 2 ? Promise.resolve() : exchange.send({ kind: "Alive", ttl: 7 });
  };
  const acceptor = welcome(w.far, hostWith(answer), w.options);
  const { connection: dialer } = await greet(w.near, { role: "tool", agent: "test" }, w.options);
  dialer.leave(3);
  const ask = () => dialer.request({ kind: "KeepAlive", cookie: "7" }, "Alive");
  await ask();
  const waits = assertRejects(ask);
  await ask();
  assertEquals(asked, [0xfffffffb, 0xfffffffd, 0xffffffff]);
  const refused = await assertRejects(ask);
  assertEquals([codeOf(refused), messageOf(refused).includes("stream ids")], ["unreachable", true]);
  assertEquals(await waits, refused);
  await acceptor.closed;
  assert(dialer.isClosed);
});
