/** What a connection bears: messages that never end, more questions than anybody needs. */

import { assert, assertEquals } from "@std/assert";
import { concat } from "../base/bytes.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { encodeMessage } from "../protocol/codec.ts";
import { alive, bare, HELLO, hostWith, pass, reader, world } from "./_fixture.ts";
import { Budget } from "./budget.ts";
import type { Handler } from "./connection.ts";
import { greet, welcome } from "./handshake.ts";
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
  await Promise.all(Array.from({ length: 40 }, ask));
  assertEquals(answered, 40, "one read brings them all");
  const late = Promise.all(Array.from({ length: 5 }, ask));
  await pass(w.clock, 2_000);
  assertEquals(answered, 40);
  await pass(w.clock, 2_000);
  await late;
  assertEquals(answered, 45);
  dialer.close();
  acceptor.close();
});
