/** The way in to an HTTP server of the runtime: who it lets in, and whom it closes. Real sockets, a clock that is told the time. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { until } from "../base/_patience.ts";
import { FakeClock } from "../base/clock.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { Porch } from "./porch.ts";
import { closeQuietly } from "./tls.ts";

const TRUSTED = "GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n";
const STRANGE = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const LONG = "GET /long HTTP/1.1\r\nHost: x\r\n\r\n";
/** More than the system takes for somebody who doesn't read. */
const LONG_BODY = new Uint8Array(32_000_000);

/** A server that trusts those who ask for the right path, and a porch before it. */
function open(limits: { connections?: number; strangers?: number } = {}) {
  const clock = new FakeClock();
  const callers: Deno.Conn[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request, { remoteAddr }) => {
    const visitor = porch.visitor(remoteAddr.port);
    if (!visitor) return new Response("nobody");
    porch.asked(visitor, request.url.endsWith("/trusted"));
    if (request.url.endsWith("/long")) return new Response(LONG_BODY);
    return new Response(`from ${visitor.remote.host}:${visitor.remote.port}`);
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const porch: Porch = new Porch(listener, { clock, port: server.addr.port, limits });
  return {
    clock,
    lingering: () => porch.lingering,
    inner: server.addr.port,
    /** Somebody who says this. */
    async call(text: string) {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: porch.address.port });
      callers.push(conn);
      clock.advance(1);
      await conn.write(new TextEncoder().encode(text));
      return conn;
    },
    async [Symbol.asyncDispose]() {
      for (const conn of callers) closeQuietly(conn);
      porch.close();
      await server.shutdown();
    },
  };
}

/** What is said next; empty when it has ended. */
async function heard(conn: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(4096);
  const n = await conn.read(buffer).catch(() => null);
  return new TextDecoder().decode(buffer.subarray(0, n ?? 0));
}

Deno.test("bytes go both ways, and the server knows who has come", async () => {
  await using porch = open();
  const conn = await porch.call(STRANGE);
  const { port } = conn.localAddr as Deno.NetAddr;
  const text = await heard(conn);
  assert(text.startsWith("HTTP/1.1 200") && text.endsWith(`from 127.0.0.1:${port}`), text);
  const response = await fetch(`http://127.0.0.1:${porch.inner}/trusted`);
  assertEquals(await response.text(), "nobody");
});

Deno.test("a request that doesn't end is waited for as long as is right, however its bytes dribble", async () => {
  await using porch = open();
  const slow = await porch.call("GET / HTTP/1.1\r\n");
  const idle = await porch.call(STRANGE);
  await heard(idle);
  const trusted = await porch.call(TRUSTED);
  await heard(trusted);
  porch.clock.advance(TIMEOUTS.pageRequest - 1_000);
  await slow.write(new TextEncoder().encode("X: y\r\n"));
  porch.clock.advance(3_000);
  assertEquals([await heard(slow), await heard(idle)], ["", ""]);
  await trusted.write(new TextEncoder().encode(TRUSTED));
  assert((await heard(trusted)).includes("from 127.0.0.1"));
  porch.clock.advance(TIMEOUTS.connectionIdle + 2_000);
  assertEquals(await heard(trusted), "");
});

Deno.test("strangers of one address push each other out, and nobody who is trusted", async () => {
  await using porch = open({ strangers: 3 });
  const trusted = await porch.call(TRUSTED);
  await heard(trusted);
  const strangers: Deno.Conn[] = [];
  for (let i = 0; i < 20; i++) strangers.push(await porch.call("GET / HTTP/1.1\r\n"));
  for (const gone of strangers.slice(0, 17)) assertEquals(await heard(gone), "");
  await trusted.write(new TextEncoder().encode(TRUSTED));
  assert((await heard(trusted)).includes("from 127.0.0.1"));
  const newcomer = await porch.call(TRUSTED);
  assert((await heard(newcomer)).includes("from 127.0.0.1"));
});

Deno.test("where all places are taken a stranger makes room, then who was silent longest", async () => {
  await using porch = open({ connections: 2 });
  const first = await porch.call(TRUSTED);
  await heard(first);
  const stranger = await porch.call("GET / HTTP/1.1\r\n");
  const second = await porch.call(TRUSTED);
  await heard(second);
  assertEquals(await heard(stranger), "");
  await heard(await porch.call(TRUSTED));
  assertEquals(await heard(first), "");
  await second.write(new TextEncoder().encode(TRUSTED));
  assert((await heard(second)).includes("from 127.0.0.1"));
});

Deno.test("who doesn't read keeps its socket, closed or not: there are no more of those than of others", async () => {
  await using porch = open({ strangers: 3 });
  const deaf: Deno.Conn[] = [];
  // One that had not come to a stop yet may go after all: then there is room once more, until there are three that don't.
  await until("three of them linger, and nobody else is let in", async () => {
    porch.clock.advance(TIMEOUTS.pageRequest + 2_000);
    if (porch.lingering() === 3) return await heard(await porch.call(STRANGE)) === "";
    const conn = await porch.call(LONG);
    deaf.push(conn);
    // The answer has begun, and soon it can't go on.
    await heard(conn);
    return false;
  });
  for (const conn of deaf) closeQuietly(conn);
  await until("their sockets are free", () => Promise.resolve(porch.lingering() === 0));
  assert((await heard(await porch.call(STRANGE))).includes("from 127.0.0.1"));
});

Deno.test("a server that is gone: who calls is hung up on; a porch that is closed takes nobody", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nobody = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = nobody.addr as Deno.NetAddr;
  nobody.close();
  const porch: Porch = new Porch(listener, { clock: new FakeClock(), port });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: porch.address.port });
  assertEquals(await heard(conn), "");
  porch.close();
  await until("nobody listens", async () => {
    await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port: porch.address.port }));
    return true;
  }, () => Promise.resolve());
});
