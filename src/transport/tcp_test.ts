/** Dialling and listening: the ways in which they fail, and that they leave nothing behind. */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { FakeClock, systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import type { ByteStream } from "./stream.ts";
import { dialTcp, listenTcp } from "./tcp.ts";

const HERE = { host: "127.0.0.1", port: 0 };

Deno.test("a port where nobody listens: unreachable, and said why", async () => {
  const listener = Deno.listen({ hostname: HERE.host, port: 0 });
  const to = { host: HERE.host, port: listener.addr.port };
  listener.close();
  const e = await assertRejects(() => dialTcp(to, { clock: systemClock }), LabError);
  assertEquals(e.code, "unreachable");
  assertMatch(e.message, /nothing listens there/);
});

Deno.test("a host that answers nothing: given up after the time, with nothing left open", async () => {
  const clock = new FakeClock();
  // 192.0.2.0/24 is for documentation: no answer, or at once "no route", which is unreachable as well.
  const failed = assertRejects(
    () => dialTcp({ host: "192.0.2.1", port: 9 }, { clock, timeout: 3000 }),
    LabError,
  );
  clock.advance(3000);
  assertEquals((await failed).code, "unreachable");
});

Deno.test("an interrupted dial, before and during", async () => {
  for (const before of [true, false]) {
    const stop = new AbortController();
    if (before) stop.abort();
    const dialling = dialTcp({ host: "192.0.2.1", port: 9 }, { clock: new FakeClock(), signal: stop.signal });
    const failed = assertRejects(() => dialling, LabError);
    stop.abort();
    assertEquals((await failed).code, "interrupted");
  }
});

Deno.test("a port that is taken, an address that isn't ours", () => {
  const server = listenTcp(HERE, { clock: systemClock, accept() {} });
  const taken = assertThrows(() => listenTcp(server.address, { clock: systemClock, accept() {} }), LabError);
  assertMatch(taken.message, /another program has that port/);
  server.close();
  assertThrows(
    () => listenTcp({ host: "192.0.2.1", port: 0 }, { clock: systemClock, accept() {} }),
    LabError,
  );
  const none = assertThrows(
    () => listenTcp({ host: "300.1.1.1", port: 0 }, { clock: systemClock, accept() {} }),
    LabError,
  );
  assertMatch(none.message, /Cannot listen on 300\.1\.1\.1: there is no such address.*--host/);
});

Deno.test("an accept that throws costs its own connection, not the listener", async () => {
  let first = true;
  const accepted = Promise.withResolvers<ByteStream>();
  const server = listenTcp(HERE, {
    clock: { ...systemClock, sleep: () => Promise.resolve() },
    accept: (stream) => {
      if (!first) return accepted.resolve(stream);
      first = false;
      throw new Error("refused");
    },
  });
  const lost = await dialTcp(server.address, { clock: systemClock });
  assertEquals(await lost.read(new Uint8Array(1)).catch(() => null), null);
  const kept = await dialTcp(server.address, { clock: systemClock });
  const there = await accepted.promise;
  assertEquals(there.remote, kept.local);
  for (const each of [lost, kept, there]) each.close();
  server.close();
});

Deno.test("closing a listener twice, while it rests after a failed accept", async () => {
  const resting = Promise.withResolvers<AbortSignal | undefined>();
  const server = listenTcp(HERE, {
    clock: {
      ...systemClock,
      sleep: (ms, signal) => (resting.resolve(signal), systemClock.sleep(ms, signal)),
    },
    accept: () => {
      throw new Error("no");
    },
  });
  const stream = await dialTcp(server.address, { clock: systemClock });
  const signal = await resting.promise;
  server.close();
  server.close();
  assert(signal?.aborted);
  stream.close();
});
