import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeClock, systemClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import { connect } from "../../transport/connect.ts";
import type { Connection, Handler } from "../../transport/connection.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { serve, type Server } from "../../transport/server.ts";
import { contextOf, TOOL } from "../_testing.ts";
import { Allowance } from "./allowance.ts";
import { type CheckOptions, Checks } from "./checks.ts";
import { probe } from "./probe.ts";

const context = contextOf();
const identity = { role: "peer", name: "here", agent: "test" } as const;

/** A server that answers doctors, and a connection to it. */
class Bench {
  readonly checks: Checks;
  readonly server: Server;
  asker!: Connection;
  #more: { close(): void }[] = [];

  private constructor(options: Partial<CheckOptions>, handler: (checks: Checks) => Handler) {
    this.checks = new Checks({ context, identity: () => identity, ...options });
    this.server = serve({ host: "127.0.0.1", port: 0 }, {
      identity,
      handlerFor: () => handler(this.checks),
    }, context);
  }

  static async make(
    options: Partial<CheckOptions> = {},
    handler: (checks: Checks) => Handler = (checks) => checks.answer,
  ): Promise<Bench> {
    const bench = new Bench(options, handler);
    bench.asker = (await connect(bench.server.address, TOOL, context)).connection;
    return bench;
  }

  get port(): number {
    return this.server.address.port;
  }

  /** Another server; gives its port. */
  another(handler: Handler = () => {}): number {
    const server = serve({ host: "127.0.0.1", port: 0 }, { identity, handlerFor: () => handler }, context);
    this.#more.push(server);
    return server.address.port;
  }

  reach(message: Omit<MessageOf<"Reach">, "kind">): Promise<MessageOf<"Reached">> {
    return this.asker.request({ kind: "Reach", ...message }, "Reached");
  }

  [Symbol.dispose](): void {
    this.asker.close();
    this.server.close();
    for (const each of this.#more) each.close();
  }
}

/** A port on which nobody listens. */
function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return (listener.addr as Deno.NetAddr).port;
}

async function assertCode(work: Promise<unknown>, code: string): Promise<void> {
  assertEquals((await assertRejects(() => work, LabError)).code, code);
}

Deno.test("who asks is dialled back, and told the time", async () => {
  using bench = await Bench.make();
  const found = await bench.reach({ port: bench.another() });
  assertEquals(found.code, undefined);
  assert(found.ms! >= 0 && Math.abs(Date.parse(found.time) - Date.now()) < 10_000);
  const nobody = await bench.reach({ port: closedPort() });
  assertEquals([nobody.code, nobody.ms], ["unreachable", undefined]);
  assert(nobody.reason!.includes("connection refused"));
  assertEquals(Object.keys(await bench.reach({})).sort(), ["kind", "time"]);
});

Deno.test("who asks learns how fast it sends", async () => {
  using own = await Bench.make();
  using bench = await Bench.make();
  const found = await bench.reach({ port: own.port, bytes: 2_000_000 });
  assertEquals([found.code, found.bytes], [undefined, 2_000_000]);
  assert(found.seconds! > 0 && found.ms! >= 0);
});

Deno.test("something else that listens there isn't a peer", async () => {
  using bench = await Bench.make();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ended = listener.accept().then((conn) => conn.close());
  const found = await bench.reach({ port: (listener.addr as Deno.NetAddr).port });
  await ended;
  assert(found.code !== undefined);
});

Deno.test("nobody looks through a network with our eyes", async () => {
  using bench = await Bench.make();
  const to = { name: "pc7", address: "127.0.0.1", port: bench.another() };
  await assertCode(bench.reach({ to, bytes: 1 }), "not_permitted");
  await assertCode(bench.reach({ port: 22 }), "not_permitted");
  for (let i = 0; i < LIMITS.dialBacks; i++) await bench.reach({ port: to.port });
  await assertCode(bench.reach({ port: to.port }), "busy");
});

Deno.test("the registration server has another peer measured", async () => {
  using other = await Bench.make();
  using bench = await Bench.make({}, (checks) => checks.answerServer);
  const to = { name: "pc7", address: "127.0.0.1", port: other.port };
  const found = await bench.reach({ to, bytes: 3_000_000 });
  assertEquals([found.code, found.bytes], [undefined, 3_000_000]);
  assert(found.seconds! > 0 && found.ms! >= 0);
  const gone = await bench.reach({ to: { ...to, port: closedPort() }, bytes: 1 });
  assertEquals(gone.code, "unreachable");
  // Its own port it may have dialled, like anybody.
  assertEquals((await bench.reach({ port: other.port })).code, undefined);
});

Deno.test("bytes come, as many as were asked for, and no faster than the limit", async () => {
  using fast = await Bench.make();
  const signal = new AbortController().signal;
  const options = { context, identity: TOOL, signal };
  const all = await probe(fast.server.address, { ...options, bytes: LIMITS.probe });
  assertEquals(all.bytes, LIMITS.probe);
  using slow = await Bench.make({ rate: new RateLimiter(systemClock, 2_000_000) });
  const some = await probe(slow.server.address, { ...options, bytes: LIMITS.probe });
  assert(some.bytes < LIMITS.probe && some.seconds * 1000 >= TIMEOUTS.probe * 0.9, JSON.stringify(some));
  assert(some.bytes / some.seconds < 4_000_000, JSON.stringify(some));
});

Deno.test("only so many are sent bytes at once", async () => {
  using bench = await Bench.make({ rate: new RateLimiter(new FakeClock(), 1) });
  const asked = Array.from(
    { length: LIMITS.probesAtOnce },
    () => bench.asker.open({ kind: "Probe", bytes: 1000 }),
  );
  const { connection } = await connect(bench.server.address, TOOL, context);
  await assertCode(connection.request({ kind: "Probe", bytes: 1 }, "Reached"), "busy");
  connection.close();
  for (const each of asked) await each.cancel();
});

Deno.test("who sends something else than bytes, or none at all, is told so", async () => {
  using bench = await Bench.make();
  const signal = new AbortController().signal;
  const wrong = bench.another((_, exchange) => exchange.send({ kind: "Left" }));
  const options = { context, identity: TOOL, bytes: 10, signal };
  await assertCode(probe({ host: "127.0.0.1", port: wrong }, options), "protocol");
  const old = bench.another(() => {
    throw new LabError("unsupported", "What is a Probe?");
  });
  await assertCode(probe({ host: "127.0.0.1", port: old }, options), "unsupported");
});

Deno.test("an allowance: per key and minute, and at once", () => {
  const allowance = new Allowance({ perMinute: 2, atOnce: 2 });
  const [first, second] = [allowance.begin("a", 0), allowance.begin("b", 0)];
  assert(first && second && !allowance.begin("c", 0));
  first();
  first();
  assert(allowance.begin("a", 1));
  assert(!allowance.begin("c", 1));
  second();
  assert(!allowance.begin("a", 2));
  assert(allowance.begin("a", 60_001));
});
