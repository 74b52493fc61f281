/** Greetings, good and bad, and what ends a connection because a rule was broken. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { concat, utf8 } from "../base/bytes.ts";
import { codeOf, LabError } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import { encodeMessage } from "../protocol/codec.ts";
import { encodeFrame } from "../protocol/frame.ts";
import { CONTROL, DATA } from "../protocol/messages.ts";
import { alive, bare, header, HELLO, hostWith, pass, reader, welcomeMessage, world } from "./_fixture.ts";
import { greet, welcome } from "./handshake.ts";
import type { Security } from "./security.ts";
import { writeAll } from "./stream.ts";
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
  ["a Welcome from the dialler", true, encodeMessage(welcomeMessage(2), 3)],
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

Deno.test("a signal ends the wait for a Welcome at once, and leaves alone who has been greeted", async () => {
  for (const isGreeted of [false, true]) {
    const w = world();
    const stop = new AbortController();
    const greeting = greet(w.near, { role: "tool", agent: "test" }, { ...w.options, signal: stop.signal });
    if (isGreeted) {
      await writeAll(w.far, encodeMessage(welcomeMessage(2), 1));
      const { connection } = await greeting;
      stop.abort();
      assert(!connection.isClosed);
      connection.close();
    } else {
      stop.abort();
      assertEquals(codeOf(await assertRejects(() => greeting, LabError, "Interrupted")), "interrupted");
    }
  }
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

Deno.test("a name from the network can't steer a terminal through an error's text", async () => {
  const w = world();
  const greeting = greet(w.near, { role: "tool", agent: "test" }, w.options);
  await writeAll(w.far, encodeMessage({ ...welcomeMessage(2), name: "a\u001b[2J\u202e" }, 1));
  const { connection } = await greeting;
  assertEquals(connection.title, "a\\u{1b}[2J\\u{202e}");
  connection.close();
});

Deno.test("before the handshake is over no more than a few messages are parsed", async () => {
  const w = world();
  let judged = 0;
  const security = {
    verify: () => {
      judged++;
      return new Promise<never>(() => {});
    },
    onRevoked: () => () => {},
  } as unknown as Security;
  const acceptor = welcome(w.far, { ...hostWith(() => {}), security }, w.options);
  const next = reader(w.near, false);
  await writeAll(w.near, encodeMessage(HELLO, 1));
  assertEquals((await next())?.message.kind, "Challenge");
  const many = Array.from({ length: LIMITS.handshakeMessages }, () => encodeMessage(welcomeMessage(2), 1));
  await writeAll(w.near, concat(many));
  const said = (await next())?.message;
  assert(said?.kind === "Error" && said.code === "protocol" && /Too many messages/.test(said.message));
  assertEquals(judged, 0);
  acceptor.close();
});
