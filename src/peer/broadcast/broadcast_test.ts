/** The sending side of a broadcast, against receivers that answer as they are told. */

import { assert, assertEquals, assertLessOrEqual, assertMatch, assertRejects } from "@std/assert";
import { until } from "../../base/_patience.ts";
import { codeOf, LabError } from "../../base/errors.ts";
import type { MessageOf } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { serve, type Server } from "../../transport/server.ts";
import { contextOf, fastClock, TOOL } from "../_testing.ts";
import type { SendFile } from "../send_files.ts";
import { Broadcast, type BroadcastSetting, type Target } from "./broadcast.ts";

const FILE = { offered: "image.bin", size: 1000, sha256: "ab".repeat(32) } as SendFile;

/** What a receiver does with an offer; `attempt` counts from 1. */
type Receiver = (exchange: Exchange, attempt: number, offer: MessageOf<"Offer">) => Promise<void>;

const done: Receiver = (exchange) => exchange.send({ kind: "Receipt", files: [] });
const failing =
  (code: "disk_full" | "busy", times = Infinity): Receiver => async (exchange, attempt, offer) => {
    if (attempt <= times) throw new LabError(code, "no room");
    await done(exchange, attempt, offer);
  };
const breaking: Receiver = async (exchange, attempt, offer) => {
  if (attempt === 1) return exchange.connection.close();
  await done(exchange, attempt, offer);
};
const silent: Receiver = (exchange) =>
  new Promise((resolve) => exchange.signal.addEventListener("abort", () => resolve()));

class World implements AsyncDisposable {
  readonly context = contextOf(fastClock(20));
  readonly offers = new Map<string, MessageOf<"Offer">[]>();
  /** Names whose port the registration server tells wrong at first: it is that of another program. */
  readonly stale = new Map<string, string>();
  /** When all registered. */
  registered = "";
  #servers = new Map<string, Server>();
  #rs: Server;

  constructor(receivers: Record<string, Receiver>) {
    for (const [name, receive] of Object.entries(receivers)) {
      this.#servers.set(name, this.#receiver(name, receive));
    }
    this.#rs = serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "rs", agent: "test" },
      handlerFor: () => (_, exchange) => {
        const portOf = (name: string) => this.#servers.get(this.stale.get(name) ?? name)!.address.port;
        const sent = exchange.send({
          kind: "Peers",
          peers: [...this.#servers.keys()].map((name) => ({
            name,
            host: name,
            address: "127.0.0.1",
            port: portOf(name),
            active: true,
            ttl: 100,
            registrations30d: 1,
            lastRegistered: this.registered,
          })),
        });
        this.stale.clear();
        return sent;
      },
    }, this.context);
  }

  #receiver(name: string, receive: Receiver): Server {
    return serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "peer", name, agent: "test" },
      handlerFor: () => async (message, exchange) => {
        assert(message.kind === "Offer");
        const offers = [...this.offers.get(name) ?? [], message];
        this.offers.set(name, offers);
        await receive(exchange, offers.length, message);
      },
    }, this.context);
  }

  async broadcast(
    more: Partial<BroadcastSetting> = {},
    begun: (run: Broadcast) => void = () => {},
  ): Promise<Map<string, Target>> {
    const run = new Broadcast([FILE], {
      rs: this.#rs.address,
      identity: TOOL,
      context: this.context,
      cookie: undefined,
      name: "rs",
      to: undefined,
      timeout: 60_000,
      port: 7,
      home: ["127.0.0.1"],
      changed: () => {},
      signal: new AbortController().signal,
      ...more,
    });
    const running = run.run();
    begun(run);
    await running;
    return new Map(run.targets.map((target) => [target.name, target]));
  }

  async [Symbol.asyncDispose]() {
    for (const server of [this.#rs, ...this.#servers.values()]) {
      const all = [...server.connections];
      server.close();
      await Promise.all(all.map((each) => each.closed));
    }
  }
}

Deno.test("all get an offer with their place in the plan, and are done when they say so", async () => {
  await using w = new World({ a: done, b: done, c: done });
  const reached: string[] = [];
  const targets = await w.broadcast({ reachedAt: ({ host }) => reached.push(host) });
  assertEquals(
    [...targets.values()].map(({ state, bytes }) => [state, bytes]),
    Array(3).fill(["done", 1000]),
  );
  assertEquals(reached, Array(3).fill("127.0.0.1"));
  const stripesOf = (pc: string) =>
    w.offers.get(pc)![0]!.stripes!.map((list) => list.map(({ name }) => name));
  assertEquals(stripesOf("a"), [[], ["c"]]);
  assertEquals(stripesOf("b"), [["a", "c"], ["c", "a"]]);
  assertEquals(stripesOf("c"), [["a"], []]);
  assertEquals(w.offers.get("a")![0]!.port, 7);
});

Deno.test("only those that are named; who is not there fails at once, with a reason", async () => {
  await using w = new World({ a: done, b: done });
  const targets = await w.broadcast({ to: ["B", "b", "nobody"] });
  assertEquals([...targets.keys()], ["b", "nobody"]);
  assertEquals([targets.get("b")!.state, targets.get("nobody")!.state], ["done", "failed"]);
  assertMatch(String(targets.get("nobody")!.reason), /no active peer/);
  assertEquals(w.offers.has("a"), false);
});

Deno.test("a PC that lost its power and has registered anew is offered it again, though its connection says nothing", async () => {
  const cut: Receiver = async (exchange, attempt, offer) => {
    w.registered = "again";
    await (attempt === 1 ? silent : done)(exchange, attempt, offer);
  };
  await using w = new World({ a: cut });
  const reasons = new Set<string>();
  const changed = (all: readonly Target[]) => void reasons.add(all[0]!.reason ?? "");
  const targets = await w.broadcast({ changed, timeout: 600_000 });
  assertEquals([targets.get("a")!.state, [...reasons]], ["done", ["", "it was cut off, and has come back"]]);
});

Deno.test("a connection that breaks, a PC that is busy: offered again, as the same broadcast", async () => {
  await using w = new World({ a: breaking, b: failing("busy", 2) });
  const targets = await w.broadcast();
  assertEquals(
    [...targets.values()].map(({ state, reason }) => [state, reason]),
    Array(2).fill(["done", undefined]),
  );
  const [first, second] = w.offers.get("a")!;
  assertEquals(first!.id, second!.id);
  assertEquals(w.offers.get("b")!.length, 3);
});

Deno.test("a killed PC's port has gone to another program: it is waited for, and its word is not the other's", async () => {
  await using w = new World({ a: done, b: done });
  w.stale.set("a", "b");
  const reasons = new Set<string | undefined>();
  const targets = await w.broadcast({
    changed: (all) => reasons.add(all.find(({ name }) => name === "a")?.reason),
  });
  assertEquals([targets.get("a")!.state, targets.get("b")!.state], ["done", "done"]);
  assertEquals([w.offers.get("a")?.length, w.offers.get("b")?.length], [1, 1]);
  assertMatch([...reasons].join(), /another PC answers there now, b/);
});

Deno.test("a full disk is the end for that PC, with its reason, and nothing to the others", async () => {
  await using w = new World({ a: failing("disk_full"), b: done });
  const targets = await w.broadcast();
  assertEquals([targets.get("a")!.state, targets.get("b")!.state], ["failed", "done"]);
  assertMatch(String(targets.get("a")!.reason), /no room/);
  assertEquals(w.offers.get("a")!.length, 1);
});

Deno.test("when the time is up, who isn't done has failed: the silent one, and the one that stays busy", async () => {
  await using w = new World({ a: silent, b: done, c: failing("busy") });
  const targets = await w.broadcast({ timeout: 5_000 });
  assertEquals(targets.get("b")!.state, "done");
  for (const name of ["a", "c"]) {
    assertEquals(targets.get(name)!.state, "failed", name);
    assertMatch(String(targets.get(name)!.reason), /time is up/, name);
  }
  // What kept it waiting is what helps.
  assertMatch(String(targets.get("c")!.reason), /no room/);
});

Deno.test("the time is up while a busy PC is asked once more: what kept it waiting is told all the same", async () => {
  const busyOnce: Receiver = (exchange, attempt, offer) =>
    attempt === 1 ? failing("busy")(exchange, attempt, offer) : silent(exchange, attempt, offer);
  await using w = new World({ a: busyOnce });
  const targets = await w.broadcast({ timeout: 5_000 });
  assertEquals(w.offers.get("a")?.length, 2);
  assertMatch(String(targets.get("a")!.reason), /time is up; the last try: no room/);
});

Deno.test("its file changed: PCs go on among themselves; when nothing moves, who isn't done has failed", async () => {
  const slow: Receiver = async (exchange, attempt, offer) => {
    for (let bytes = 100; bytes < 1000; bytes += 100) {
      await exchange.send({ kind: "OfferProgress", bytes, total: 1000 });
      await w.context.clock.sleep(1_000);
    }
    await done(exchange, attempt, offer);
  };
  await using w = new World({ a: silent, b: done, c: slow });
  const changed = new LabError("changed", "image.bin has changed");
  const targets = await w.broadcast({}, (run) => run.spoiled(changed));
  assertEquals(["b", "c"].map((name) => targets.get(name)!.state), ["done", "done"]);
  const { state, code, reason } = targets.get("a")!;
  assertEquals([state, code, reason], ["failed", "changed", "image.bin has changed"]);
});

Deno.test("its file changed: a PC that has all of it and takes long to put it on its disk is waited for", async () => {
  const finishing: Receiver = async (exchange, attempt, offer) => {
    await exchange.send({ kind: "OfferProgress", bytes: offer.bytes, total: offer.bytes });
    await w.context.clock.sleep(8_000);
    await done(exchange, attempt, offer);
  };
  await using w = new World({ a: silent, b: finishing });
  const changed = new LabError("changed", "image.bin has changed");
  const targets = await w.broadcast({}, (run) => run.spoiled(changed));
  assertEquals(["a", "b"].map((name) => targets.get(name)!.state), ["failed", "done"]);
  assertEquals(targets.get("a")!.reason, "image.bin has changed");
});

Deno.test("who tells without end how far it is, or more than there is, costs the others nothing", async () => {
  const told: number[] = [];
  const chatty: Receiver = async (exchange, attempt, offer) => {
    for (let i = 1; i <= 2_000; i++) {
      const bytes = i === 2_000 ? 2 ** 53 - 1 : i % 1000;
      const sent = exchange.send({ kind: "OfferProgress", bytes, total: 1000 });
      if (i % 100 === 0) await sent;
    }
    await until("what it has is told", () => told.includes(1000));
    await done(exchange, attempt, offer);
  };
  await using w = new World({ a: chatty });
  const { clock } = w.context;
  const began = clock.monotonic();
  await w.broadcast({ changed: ([a]) => void told.push(a!.bytes) });
  // Its states, and ten times a second what it has.
  assertLessOrEqual(told.length, 5 + (clock.monotonic() - began) / 100);
  assertEquals(Math.max(...told), 1000);
});

Deno.test("interrupted, it ends; with nobody there, it says so", async () => {
  await using w = new World({ a: silent });
  const stop = new AbortController();
  const interrupted = assertRejects(() => w.broadcast({ signal: stop.signal }));
  while (!w.offers.has("a")) await w.context.clock.sleep(20);
  stop.abort(new LabError("interrupted", "Interrupted"));
  assertEquals(codeOf(await interrupted), "interrupted");
  await using empty = new World({});
  assertEquals(codeOf(await assertRejects(() => empty.broadcast(), LabError)), "not_found");
});
