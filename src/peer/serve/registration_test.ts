/** Staying registered with a server that comes, goes, forgets and refuses. The server is a fake; time is told. */

import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { inPages } from "../../base/pages.ts";
import { LIMITS, TIMEOUTS } from "../../base/limits.ts";
import type { IndexRow } from "../../catalog/row.ts";
import type { Message, MessageOf } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { serve, type Server } from "../../transport/server.ts";
import { contextOf } from "../_testing.ts";
import { RegistrationKeeper } from "./registration.ts";

const row = (name: string): IndexRow => ({
  name,
  title: "",
  size: 5,
  sha256: "a".repeat(64),
  modified: "2026-01-02T03:04:05Z",
  flag: 1,
});

const REGISTERED: MessageOf<"Registered"> = {
  ...{ kind: "Registered", peer: "pc7", cookie: "c1", ttl: 7200, keepAlive: 30, address: "127.0.0.1" },
};

/** A registration server as the peer sees it. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly context = contextOf(this.clock);
  readonly heard: Message[] = [];
  readonly registered: string[] = [];
  rows: IndexRow[] = [row("a")];
  cookie: string | undefined;
  cookiesTaken = 0;
  answer: (message: Message, exchange: Exchange) => Promise<void> | void = (m, e) => this.usual(m, e);
  readonly keeper: RegistrationKeeper;
  #server!: Server;
  #waiting: { test: () => boolean; resolve: () => void }[] = [];
  readonly port: number;

  constructor() {
    this.listen(0);
    this.port = this.#server.address.port;
    this.keeper = new RegistrationKeeper({
      rs: { host: "127.0.0.1", port: this.port },
      context: this.context,
      self: () => ({ name: "pc7", cookie: this.cookie }),
      hostName: "PC7",
      port: 23476,
      rows: () => this.rows,
      handler: () => {},
      refused: () => {},
      cookieTaken: () => {
        this.cookiesTaken++;
        this.cookie = undefined;
      },
      registered: ({ peer, cookie }) => {
        this.cookie = cookie;
        this.registered.push(`${peer} ${cookie}`);
        this.#look();
      },
    });
    const warn = this.context.log.warn;
    this.context.log.warn = (line) => (warn(line), this.#look());
  }

  listen(port: number): void {
    this.#server = serve({ host: "127.0.0.1", port }, {
      identity: { role: "rs", agent: "test" },
      handlerFor: () => async (message, exchange) => {
        this.heard.push(message);
        await this.answer(message, exchange);
        this.#look();
      },
    }, this.context);
  }

  usual(message: Message, exchange: Exchange): Promise<void> | void {
    switch (message.kind) {
      case "Register":
        return exchange.send({
          ...REGISTERED,
          peer: message.name,
          cookie: message.cookie ?? `c${this.heard.length}`,
        });
      case "Announce":
        return exchange.send({ kind: "Announced", rows: message.rows.length });
      case "KeepAlive":
        return exchange.send({ kind: "Alive", ttl: 7100 });
      case "Leave":
        return exchange.send({ kind: "Left" });
    }
  }

  kinds(): string[] {
    return this.heard.map(({ kind }) => kind);
  }

  /** Waits until something is so; looked at after each message and each line in the log. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ test, resolve }));
  }

  #look(): void {
    const met = this.#waiting.filter(({ test }) => test());
    this.#waiting = this.#waiting.filter((each) => !met.includes(each));
    for (const { resolve } of met) resolve();
  }

  async dropAll(): Promise<void> {
    const all = [...this.#server.connections];
    for (const each of all) each.close();
    await Promise.all(all.map((each) => each.closed));
  }

  async stop(): Promise<void> {
    const all = [...this.#server.connections];
    this.#server.close();
    await Promise.all(all.map((each) => each.closed));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keeper.close();
    await this.stop();
  }
}

/** Moves time until something is so; each step lets what it set off happen. */
async function passUntil(world: World, test: () => boolean, step = 250): Promise<number> {
  const began = world.clock.now();
  while (!test()) {
    world.clock.advance(step);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return world.clock.now() - began;
}

Deno.test("registers, tells the whole index, keeps alive, leaves with a word", async () => {
  await using w = new World();
  w.rows = [row("a"), row("b")];
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  assertEquals(w.kinds(), ["Register", "Announce"]);
  const [register, announce] = w.heard as [MessageOf<"Register">, MessageOf<"Announce">];
  assertEquals({ ...register }, { kind: "Register", name: "pc7", host: "PC7", port: 23476 });
  assertEquals([announce.reset, announce.rows.map(({ name }) => name), announce.gone], [
    true,
    ["a", "b"],
    [],
  ]);
  assertEquals(w.keeper.current?.ttl, 7200);
  const waited = await passUntil(w, () => w.kinds().includes("KeepAlive"));
  assertGreaterOrEqual(waited, 22_000);
  assertLessOrEqual(waited, 31_000);
  await w.until(() => w.keeper.current?.ttl === 7100 || w.kinds().at(-1) === "KeepAlive");
  await w.keeper.leave();
  assertEquals(w.kinds().at(-1), "Leave");
  assertEquals(w.keeper.current, undefined);
});

Deno.test("a server that would have it said without a pause that it lives is told once a second", async () => {
  await using w = new World();
  w.answer = (message, exchange) =>
    message.kind === "Register"
      ? exchange.send({ ...REGISTERED, peer: message.name, keepAlive: 0 })
      : message.kind === "KeepAlive"
      ? exchange.send({ kind: "Alive", ttl: 7100, keepAlive: 0 })
      : w.usual(message, exchange);
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  const beats = () => w.kinds().filter((kind) => kind === "KeepAlive").length;
  const waited = await passUntil(w, () => beats() === 3, 50);
  assertGreaterOrEqual(waited, 3 * 750);
});

Deno.test("an empty share is told, too", async () => {
  await using w = new World();
  w.rows = [];
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  const [, announce] = w.heard as [Message, MessageOf<"Announce">];
  assertEquals([announce.reset, announce.rows], [true, []]);
});

Deno.test("an index that doesn't fit into one message comes in several; only the first resets", async () => {
  await using w = new World();
  w.rows = Array.from({ length: LIMITS.pageRows * 2 + 1 }, (_, i) => row(`f${i}`));
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  const told = w.heard.slice(1) as MessageOf<"Announce">[];
  assertEquals(told.map(({ reset }) => reset), [true, false, false]);
  assertEquals(told.flatMap(({ rows }) => rows).length, w.rows.length);
});

Deno.test("what changes while the index is being told is told right after", async () => {
  await using w = new World();
  const [a, b] = [row("a"), row("b")];
  w.rows = [a, b];
  w.answer = (message, exchange) => {
    if (message.kind === "Announce" && message.reset) {
      w.rows = [a, row("c")];
      // Nobody is registered yet: this call comes too early and must not be needed.
      w.keeper.announce([row("c")], ["b"]);
    }
    return w.usual(message, exchange);
  };
  w.keeper.start();
  await w.until(() => w.kinds().filter((kind) => kind === "Announce").length >= 3);
  const later = w.heard.filter((m): m is MessageOf<"Announce"> => m.kind === "Announce" && !m.reset);
  assertEquals(later.flatMap(({ rows }) => rows.map(({ name }) => name)), ["c"]);
  assertEquals(later.flatMap(({ gone }) => gone), ["b"]);
});

Deno.test("changes are told in their order, one after the other", async () => {
  await using w = new World();
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  w.keeper.announce([row("b")], []);
  w.keeper.announce([], ["b"]);
  w.keeper.announce([row("c")], ["a"]);
  await w.until(() => w.kinds().length === 6);
  const told = w.heard.slice(2) as MessageOf<"Announce">[];
  assertEquals(
    told.map(({ rows, gone }) => [...rows.map(({ name }) => `+${name}`), ...gone.map((name) => `-${name}`)]),
    [
      ["+b"],
      ["-b"],
      ["+c"],
      ["-a"],
    ],
  );
});

Deno.test("when the connection breaks it comes back with its cookie and tells the whole index anew", async () => {
  await using w = new World();
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  w.rows = [row("b")];
  await w.dropAll();
  await passUntil(w, () => w.registered.length === 2);
  const [again, announce] = w.heard.slice(-2) as [MessageOf<"Register">, MessageOf<"Announce">];
  assertEquals([again.cookie, announce.reset, announce.rows[0]?.name], [w.cookie, true, "b"]);
});

Deno.test("a change that can't be told ends the connection, so that all is told anew", async () => {
  await using w = new World();
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  w.answer = (message, exchange) => {
    if (message.kind === "Announce" && !message.reset) throw new LabError("busy", "not now");
    return w.usual(message, exchange);
  };
  w.rows = [row("a"), row("b")];
  w.keeper.announce([row("b")], []);
  await passUntil(w, () => w.registered.length === 2);
  assertEquals((w.heard.at(-1) as MessageOf<"Announce">).rows.length, 2);
});

Deno.test("while the server is away the pauses grow to their limit, and it's complained of once", async () => {
  await using w = new World();
  await w.stop();
  const pauses: number[] = [];
  const sleep = w.clock.sleep.bind(w.clock);
  w.clock.sleep = (ms, signal) => {
    pauses.push(ms);
    return sleep(ms, signal);
  };
  w.keeper.start();
  await passUntil(w, () => pauses.length >= 9, 1000);
  pauses.slice(0, 9).forEach((pause, i) => {
    const middle = Math.min(TIMEOUTS.backoffMin * 2 ** i, TIMEOUTS.backoffMax);
    assertGreaterOrEqual(pause, middle * 0.5);
    assertLessOrEqual(pause, middle * 1.5);
  });
  const warned = w.context.log.lines.filter((line) => line.startsWith("warn"));
  // In fake time a dial may also time out before it is refused: another fault, told once, too, however often they take turns.
  assertEquals(warned.length, new Set(warned).size);
  assertLessOrEqual(warned.length, 3);
  assert(w.keeper.fault?.includes("Cannot reach the registration server"));
  while (true) {
    try {
      w.listen(w.port);
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  await passUntil(w, () => w.registered.length === 1, 1000);
  assertEquals(w.keeper.fault, undefined);
});

Deno.test("faults that take turns are each complained of once, and again after a registration", async () => {
  await using w = new World();
  let tries = 0;
  const refuse = (message: Message) => {
    if (message.kind === "Register") throw new LabError("unreachable", `Fault ${tries++ % 2}`);
  };
  const told = () =>
    w.context.log.lines.filter((line) => /^warn.*Fault/.test(line)).map((line) => /\d/.exec(line)?.[0]);
  w.answer = refuse;
  w.keeper.start();
  await passUntil(w, () => tries >= 6, 1000);
  w.answer = (message, exchange) => w.usual(message, exchange);
  await passUntil(w, () => w.registered.length === 1, 1000);
  assertEquals(told(), ["0", "1"]);
  w.answer = refuse;
  await w.dropAll();
  await passUntil(w, () => tries >= 10, 1000);
  assertEquals(told().toSorted(), ["0", "0", "1", "1"]);
});

Deno.test("a server that no longer knows the peer when it keeps alive is registered with again", async () => {
  await using w = new World();
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  w.answer = (message, exchange) => {
    if (message.kind !== "KeepAlive") return w.usual(message, exchange);
    throw new LabError("unknown_cookie", "who are you?");
  };
  await passUntil(w, () => w.registered.length === 2, 1000);
});

Deno.test("a cookie that another PC uses is given up", async () => {
  await using w = new World();
  w.cookie = "stolen";
  w.answer = (message, exchange) => {
    if (message.kind === "Register" && message.cookie) throw new LabError("not_permitted", "used by another");
    return w.usual(message, exchange);
  };
  w.keeper.start();
  await passUntil(w, () => w.registered.length === 1);
  assertEquals(w.cookiesTaken, 1);
  assertEquals(
    (w.heard.filter(({ kind }) => kind === "Register").at(-1) as MessageOf<"Register">).cookie,
    undefined,
  );
});

Deno.test("closing while it dials, waits or is registered ends it at once", async () => {
  for (const when of ["before", "dialling", "registered", "waiting"]) {
    await using w = new World();
    if (when === "waiting") await w.stop();
    if (when !== "before") w.keeper.start();
    if (when === "registered") await w.until(() => w.registered.length === 1);
    if (when === "waiting") await w.until(() => w.context.log.lines.length > 0);
    await w.keeper.close();
    assertEquals(w.keeper.current, undefined);
  }
});

Deno.test("pages hold all items in order, none too long, none empty", () => {
  assertEquals([...inPages([], () => 1)], []);
  const items = Array.from({ length: 5000 }, (_, i) => i);
  const pages = [...inPages(items, () => 10)];
  assertEquals(pages.flat(), items);
  assert(pages.every((page) => page.length > 0 && page.length <= LIMITS.pageRows));
  assertEquals([...inPages([1, 2], () => LIMITS.pageBytes)].length, 2);
  assertEquals([...inPages([1], () => 2 * LIMITS.pageBytes)], [[1]]);
});

Deno.test("a connection that has used up its stream ids makes way for a new one, with the whole index", async () => {
  await using w = new World();
  w.keeper.start();
  await w.until(() => w.registered.length === 1);
  w.keeper.connection!.leave(2);
  await passUntil(w, () => w.kinds().filter((kind) => kind === "KeepAlive").length === 1);
  // One is left, which this takes; what comes after it can't be told any more.
  w.rows = [row("a"), row("b")];
  w.keeper.announce([w.rows[1]!], []);
  await w.until(() => w.heard.filter(({ kind }) => kind === "Announce").length === 2);
  w.rows = [...w.rows, row("c")];
  w.keeper.announce([w.rows[2]!], []);
  const ms = await passUntil(w, () => w.registered.length === 2);
  assertLessOrEqual(ms, 5_000);
  const last = w.heard.findLast(({ kind }) => kind === "Announce") as MessageOf<"Announce">;
  assertEquals([last.reset, last.rows.map(({ name }) => name)], [true, ["a", "b", "c"]]);
  assertEquals(w.registered[1], w.registered[0], "the same name and cookie");
});
