/**
 * Callers who begin TLS's handshake and say nothing more: the runtime never lets go of such a socket, whatever is closed. What
 * they can cost is bounded all the same, and honest callers get in.
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock as clock } from "../../src/base/clock.ts";
import { LabError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { makeLab } from "../../src/join/_testing.ts";
import { RS_NAME } from "../../src/protocol/secured.ts";
import { dial } from "../../src/transport/connect.ts";
import { listenSecured } from "../../src/transport/secured_listener.ts";
import type { ByteStream } from "../../src/transport/stream.ts";
import { dialTcp } from "../../src/transport/tcp.ts";

const HERE = { host: "127.0.0.1", port: 0 };
const { rs, alice } = await makeLab();
const { credentials: tls } = rs;
const target = { name: RS_NAME, authority: tls.authority };
/** The first bytes of a ClientHello. */
const BEGUN = Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1);

/** A server, and whoever has come in. */
function open(unclosable: number) {
  const callers: ByteStream[] = [];
  let besieged = () => {};
  const siege = new Promise<void>((resolve) => besieged = resolve);
  let came = () => {};
  const server = listenSecured(HERE, {
    ...{ clock, tls, unclosable, besieged },
    accept: (stream) => (callers.push(stream), came()),
  });
  const begin = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    came = resolve;
    const conn = await Deno.connect({ hostname: HERE.host, port: server.address.port });
    await conn.write(BEGUN);
    await promise;
    return { conn, stream: callers.at(-1)! };
  };
  const enter = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    came = resolve;
    const [stream] = await Promise.all([dialTcp(server.address, { clock, tls: target }), promise]);
    return { stream, there: callers.at(-1)! };
  };
  return { server, siege, begin, enter };
}

async function speak(from: ByteStream, to: ByteStream): Promise<void> {
  await from.write(Uint8Array.of(1, 2, 3));
  const got = new Uint8Array(9);
  assertEquals([await to.read(got), got[2]], [3, 3]);
}

const isGone = (conn: Deno.Conn) => conn.read(new Uint8Array(100)).then((n) => n === null, () => true);

Deno.test("a few that can't be closed are left to themselves; with more, callers come by a door that can", async () => {
  const { server, siege, begin, enter } = open(2);
  const before = await enter();
  const lingering = [await begin(), await begin(), await begin()];
  for (const { stream } of lingering) {
    const reading = assertRejects(() => stream.read(new Uint8Array(1)), LabError, "closed");
    stream.close();
    await reading;
  }
  await siege;
  const after = await enter();
  for (const { stream, there } of [before, after]) {
    await speak(stream, there);
    await speak(there, stream);
    assertEquals([there.remote, there.local], [stream.local, stream.remote]);
  }
  // From now on they are gone as soon as they are given up.
  for (let i = 0; i < 5; i++) {
    const { conn, stream } = await begin();
    stream.close();
    assert(await isGone(conn));
    conn.close();
  }
  // So is one that takes nothing of what is sent to it.
  const stuck = await enter();
  const writing = assertRejects(async () => {
    while (true) await stuck.there.write(new Uint8Array(1 << 20));
  });
  await stuck.stream.read(new Uint8Array(1));
  stuck.there.close();
  await writing;
  while (
    await stuck.stream.read(new Uint8Array(1 << 16)).catch(() => null) !== null
  ) { /* what was on its way */ }
  for (const { stream, there } of [before, after, stuck]) {
    stream.close();
    there.close();
  }
  for (const { conn } of lingering) conn.close();
  server.close();
});

Deno.test("what is said before a close gets out by the door", async () => {
  const { server, siege, begin, enter } = open(0);
  const { conn, stream } = await begin();
  stream.close();
  await siege;
  conn.close();
  const { stream: caller, there } = await enter();
  const bytes = new Uint8Array(500_000).fill(7);
  const sending = (async () => {
    for (let at = 0; at < bytes.length;) at += await there.write(bytes.subarray(at));
    await there.closeWrite!();
    there.close();
  })();
  let got = 0;
  const into = new Uint8Array(1 << 16);
  for (let n; (n = await caller.read(into)) !== null; got += n) assertEquals(into[n - 1], 7);
  assertEquals(got, bytes.length);
  await sending;
  caller.close();
  server.close();
});

Deno.test("whoever was dialled and never ends the handshake is dialled no longer, after a few times", async () => {
  const silent = Deno.listen({ hostname: HERE.host, port: 0 });
  const to = { host: HERE.host, port: silent.addr.port, id: rs.self.id };
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < LIMITS.unclosablePerHost; i++) {
    const stop = new AbortController();
    const dialling = assertRejects(() => dial(to, { clock, security: alice, signal: stop.signal }), LabError);
    const conn = await silent.accept();
    conns.push(conn);
    await conn.read(new Uint8Array(1));
    stop.abort();
    assertEquals((await dialling).code, "interrupted");
  }
  assertEquals(alice.lingering.count, LIMITS.unclosablePerHost);
  const e = await assertRejects(() => dial(to, { clock, security: alice }), LabError, "hang");
  assertEquals(e.code, "unreachable");
  for (const conn of conns) conn.close();
  silent.close();
});
