/** Staying registered where several servers share a registry: they come, go and fall silent. */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { formatHostPort } from "../../base/units.ts";
import type { Message } from "../../protocol/messages.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { serve, type Server } from "../../transport/server.ts";
import { contextOf } from "../_testing.ts";
import { type RsAddress, textsOf } from "../rs_address.ts";
import { RegistrationKeeper } from "./registration.ts";

/** A registration server that says where the others are, and may fall silent. */
class One {
  readonly server: Server;
  servers: string[] | undefined;
  isSilent = false;
  isAway = false;
  isFull = false;

  constructor(
    readonly name: string,
    clock: FakeClock,
    private heard: (line: string) => void,
  ) {
    this.server = serve({ host: "127.0.0.1", port: 0 }, {
      identity: { role: "rs", agent: "test" },
      handlerFor: () => {
        if (!this.isAway) return (message, exchange) => this.#answer(message, exchange);
        this.heard(`${this.name} refuses`);
        throw new LabError("unreachable", "The registry is out of reach");
      },
    }, contextOf(clock));
  }

  /** As a server does that can't reach the registry. */
  stepDown(): void {
    this.isAway = true;
    for (const connection of this.server.connections) connection.close();
  }

  get at(): string {
    return formatHostPort(this.server.address);
  }

  async #answer(message: Message, exchange: Exchange): Promise<void> {
    const servers = this.servers ? { servers: this.servers } : {};
    if (message.kind === "Register" && this.isFull) {
      this.heard("no room");
      throw new LabError("busy", "There is no room for more");
    } else if (message.kind === "Register") {
      this.heard(`${this.name} Register ${message.cookie ?? "anew"}`);
      await exchange.send({
        ...{ kind: "Registered", peer: message.name, cookie: "c1", ttl: 7200, keepAlive: 2 },
        ...{ address: "127.0.0.1", ...servers },
      });
    } else if (message.kind === "Announce") {
      await exchange.send({ kind: "Announced", rows: 0 });
    } else if (message.kind === "KeepAlive") {
      this.heard(`${this.name} KeepAlive`);
      if (!this.isSilent) await exchange.send({ kind: "Alive", ttl: 7100, keepAlive: 2, ...servers });
    }
  }
}

/** Three servers and a peer. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly lines: string[] = [];
  readonly told: RsAddress[] = [];
  readonly servers: One[];
  readonly keeper: RegistrationKeeper;
  #cookie: string | undefined;
  #waiting: { line: string; resolve: () => void }[] = [];

  constructor() {
    this.servers = ["a", "b", "c"].map((name) => new One(name, this.clock, (line) => this.#heard(line)));
    this.keeper = new RegistrationKeeper({
      rs: this.servers[0]!.server.address,
      context: contextOf(this.clock),
      self: () => ({ name: "pc7", cookie: this.#cookie }),
      ...{ hostName: "PC7", port: 23476, rows: () => [], handler: () => {} },
      ...{ cookieTaken: () => {}, refused: () => {} },
      serversChanged: (rs) => {
        this.told.push(rs);
        this.#heard("servers changed");
      },
      registered: ({ cookie, rs }) => {
        this.#cookie = cookie;
        this.told.push(rs);
        this.#heard("registered");
      },
    });
    this.keeper.start();
  }

  /** The next line that is this. */
  next(line: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ line, resolve }));
  }

  /** Lets time pass in small steps until a line comes. @returns how long it took, milliseconds. */
  async passesUntil(line: string): Promise<number> {
    const began = this.clock.now();
    let isOver = false;
    this.next(line).then(() => isOver = true);
    while (!isOver) {
      this.clock.advance(20);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return this.clock.now() - began;
  }

  #heard(line: string): void {
    this.lines.push(line);
    const met = this.#waiting.filter((each) => each.line === line);
    this.#waiting = this.#waiting.filter((each) => each.line !== line);
    for (const { resolve } of met) resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keeper.close();
    for (const { server } of this.servers) server.close();
  }
}

Deno.test("registration: a server that dies is left at once for the next, with the same cookie", async () => {
  await using world = new World();
  const [a, b, c] = world.servers as [One, One, One];
  a.servers = [b.at, c.at];
  b.servers = c.servers = [];
  await world.next("registered");
  assertEquals(textsOf(world.told[0]!).toSorted(), [b.at, c.at].toSorted());
  a.server.close();
  await world.next("registered");
  const [, second] = world.lines.filter((line) => line.includes("Register"));
  assert(second === "b Register c1" || second === "c Register c1", second);
});

Deno.test("registration: a server that falls silent is left within five seconds", async () => {
  await using world = new World();
  const [a, b] = world.servers as [One, One, One];
  a.servers = [b.at];
  await world.next("registered");
  await world.passesUntil("a KeepAlive");
  a.isSilent = true;
  assertLess(await world.passesUntil("b Register c1"), 5_000);
});

Deno.test("registration: each server has its turn before a pause, and all are tried until one takes the peer", async () => {
  await using world = new World();
  const [a, b, c] = world.servers as [One, One, One];
  a.servers = [b.at, c.at];
  await world.next("registered");
  b.isAway = c.isAway = true;
  a.stepDown();
  await world.passesUntil("a refuses");
  const refused = world.lines.filter((line) => line.endsWith("refuses"));
  // Time goes on while the sockets work: another round may have begun by now.
  assertEquals(new Set(refused.slice(0, 3)).size, 3);
  a.isAway = false;
  assertLess(await world.passesUntil("a Register c1"), 2_000);
});

Deno.test("registration: servers that come later are told with a KeepAlive", async () => {
  await using world = new World();
  const [a, b] = world.servers as [One, One, One];
  await world.next("registered");
  assertEquals(textsOf(world.told[0]!), []);
  a.servers = [b.at];
  await world.passesUntil("servers changed");
  assertEquals(textsOf(world.told.at(-1)!), [b.at]);
});

Deno.test("registration: no room at one server is none at the others: they aren't asked before a pause", async () => {
  await using world = new World();
  const [a, b, c] = world.servers as [One, One, One];
  a.servers = [b.at, c.at];
  await world.next("registered");
  for (const each of [a, b, c]) each.isFull = true;
  for (const connection of a.server.connections) connection.close();
  await world.next("no room");
  const pauses = [];
  for (let n = 0; n < 3; n++) pauses.push(await world.passesUntil("no room"));
  // A half of each at least, as they are spread.
  pauses.forEach((pause, n) => assertGreaterOrEqual(pause, 250 * 2 ** n));
});
