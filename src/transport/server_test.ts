/** A server over TCP: who is counted, who makes room when it is full, and that it closes whole. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import type { Connection } from "./connection.ts";
import { greet, type Host } from "./handshake.ts";
import { serve } from "./server.ts";
import { dialTcp } from "./tcp.ts";
import { Watchdog } from "./watchdog.ts";

const HOST: Host = {
  identity: { role: "rs", agent: "test" },
  handlerFor: () => (_, exchange) => exchange.send({ kind: "Left" }),
};

function start(limits: { connections: number; handshakes: number }, clock = systemClock) {
  const options = { clock, watchdog: new Watchdog(systemClock) };
  const server = serve({ host: "127.0.0.1", port: 0 }, HOST, options, limits);
  const dial = () => dialTcp(server.address, { clock: systemClock });
  const enter = async (): Promise<Connection> =>
    (await greet(await dial(), { role: "tool", agent: "test" }, options)).connection;
  return { server, dial, enter };
}

const works = async (c: Connection) => (await c.request({ kind: "Leave", cookie: "" }, "Left")).kind;

Deno.test("connections are counted, and all are closed with the server", async () => {
  const { server, enter } = start({ connections: 10, handshakes: 10 });
  const [one, two] = [await enter(), await enter()];
  assertEquals(server.connections.size, 2);
  one.close();
  assertEquals(await works(two), "Left");
  server.close();
  await two.closed;
  await assertRejects(enter, LabError);
  assertEquals(server.connections.size, 0);
});

Deno.test("when full, one that never greeted makes room for the newcomer", async () => {
  const { server, dial, enter } = start({ connections: 3, handshakes: 10 });
  const honest = [await enter(), await enter()];
  const idle = await dial();
  const newcomer = await enter();
  assertEquals(await idle.read(new Uint8Array(1)).catch(() => null), null);
  for (const each of [...honest, newcomer]) assertEquals(await works(each), "Left");
  for (const each of [...honest, newcomer, idle]) each.close();
  server.close();
});

Deno.test("when full of those that greeted, the one that was silent longest makes room", async () => {
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now++ };
  const { server, enter } = start({ connections: 3, handshakes: 10 }, clock);
  const [a, b, c] = [await enter(), await enter(), await enter()];
  await works(a);
  const d = await enter();
  await b.closed;
  for (const each of [a, c, d]) assertEquals(await works(each), "Left");
  for (const each of [a, c, d]) each.close();
  server.close();
});

Deno.test("a flood of connections that never greet can't keep others out", async () => {
  const { server, dial, enter } = start({ connections: 100, handshakes: 5 });
  const flood = [];
  for (let i = 0; i < 30; i++) flood.push(await dial());
  const honest = await enter();
  assertEquals(await works(honest), "Left");
  assert(server.connections.size <= 6);
  for (const each of [...flood, honest]) each.close();
  server.close();
});
