/** Secured connections over real sockets: who gets in, who doesn't, and what a stranger can do with what it hears. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/base/clock.ts";
import { LabError } from "../../src/base/errors.ts";
import { makeLab, makeMember } from "../../src/join/_testing.ts";
import { createAuthority } from "../../src/join/authority.ts";
import type { LabSecurity } from "../../src/join/lab_security.ts";
import type { Fields, MessageOf } from "../../src/protocol/messages.ts";
import { type Address, connect, dial } from "../../src/transport/connect.ts";
import { Connection } from "../../src/transport/connection.ts";
import { greet, helloOf, type Host, type Proving } from "../../src/transport/handshake.ts";
import { PieceChannel } from "../../src/transport/piece_channel.ts";
import { serve } from "../../src/transport/server.ts";
import { dialTcp } from "../../src/transport/tcp.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";

const clock = systemClock;
const HERE = { host: "127.0.0.1", port: 0 };
const TOOL = { role: "tool" as const, agent: "test" };

/** A server that answers KeepAlive with what it knows of the asker. */
function open(security: LabSecurity | undefined, more: Partial<Host> = {}) {
  const options = { clock, watchdog: new Watchdog(clock) };
  const seen: (Connection["member"])[] = [];
  const host: Host = {
    identity: { role: "peer", name: security?.self.name ?? "open", agent: "test" },
    security,
    handlerFor: (connection) => {
      seen.push(connection.member);
      return (_, exchange) => exchange.send({ kind: "Alive", ttl: 7 });
    },
    ...more,
  };
  const server = serve(HERE, host, options);
  const at: Address = { ...server.address, id: security?.self.id };
  const ask = async (by: LabSecurity | undefined, to = at) => {
    const { connection } = await connect(to, TOOL, { ...options, security: by });
    try {
      return (await connection.request({ kind: "KeepAlive", cookie: "" }, "Alive")).ttl;
    } finally {
      await connection.finish();
    }
  };
  const close = async () => {
    const all = [...server.connections];
    server.close();
    await Promise.all(all.map((each) => each.closed));
  };
  return { server, at, ask, seen, options, [Symbol.asyncDispose]: close };
}

Deno.test("members know each other, on control and on data connections", async () => {
  const { rs, alice, bob } = await makeLab();
  await using host = open(alice);
  assertEquals(await host.ask(bob), 7);
  assertEquals(host.seen, [bob.self]);
  await using server = open(rs);
  assertEquals(await server.ask(alice, { ...server.at, id: "rs" }), 7);
  const { stream, proving } = await dial(host.at, { clock, security: rs });
  const channel = await PieceChannel.open(
    stream,
    TOOL,
    { clock, pause: (ms) => clock.sleep(ms) },
    proving,
  );
  assertEquals(host.seen[1], rs.self);
  channel.close();
});

Deno.test("somebody else at that address, another lab, a man in the middle with an authority of his own", async () => {
  const [lab, other] = await Promise.all([makeLab(), makeLab()]);
  const forged = await makeMember(await createAuthority(), "rs", "lead", true);
  await using host = open(lab.alice);
  await using middle = open(forged);
  const refused = (by: LabSecurity, to: Address, text: string) =>
    assertRejects(() => host.ask(by, to), LabError, text).then(({ code }) =>
      assertEquals(code, "not_permitted")
    );
  await refused(lab.bob, { ...host.at, id: lab.bob.self.id }, "another PC answers");
  await refused(lab.bob, { ...host.at, id: "rs" }, "another PC answers");
  await refused(lab.bob, { ...middle.at, id: "rs" }, "not of the lab");
  await refused(other.alice, host.at, "not of the lab");
  await refused(lab.bob, { ...host.at, id: undefined }, "nobody is dialled");
  assertEquals(await host.ask(lab.bob), 7);
  assertEquals([middle.seen, host.seen], [[], [lab.bob.self]]);
});

Deno.test("no way from one mode to the other", async () => {
  const { alice, bob } = await makeLab();
  await using secured = open(alice);
  await using plain = open(undefined);
  const e = await assertRejects(() => secured.ask(undefined), LabError);
  assertEquals(e.code, "not_permitted");
  assert(e.message.includes("secured"), e.message);
  const f = await assertRejects(() => secured.ask(bob, { ...plain.at, id: alice.self.id }), LabError);
  assertEquals(f.code, "not_permitted");
  assert(f.message.includes("open"), f.message);
  assertEquals([await secured.ask(bob), await plain.ask(undefined)], [7, 7]);
});

Deno.test("a proof heard on one connection is worth nothing on another, nor sent back to its maker", async () => {
  const { alice, bob } = await makeLab();
  await using host = open(alice);
  const heard: Fields<"Proof">[] = [];
  const listening: Proving = {
    to: alice.self.id,
    security: new Proxy(bob, {
      get: (target, key) =>
        key === "prove"
          ? async (...args: Parameters<LabSecurity["prove"]>) => {
            heard.push(await target.prove(...args));
            return heard[0]!;
          }
          : Reflect.get(target, key, target),
    }),
  };
  const greeting = async () => {
    const { stream } = await dial(host.at, { clock, security: bob });
    return await greet(stream, TOOL, { ...host.options, proving: listening });
  };
  (await greeting()).connection.close();
  await assertRejects(greeting, LabError, "does not fit this connection");
  assertEquals(host.seen, [bob.self]);
  // A member in the middle passes the server's challenge on, and the dialler's answer back: it names the wrong server.
  const mallory = {
    ...listening,
    security: { ...listening.security, prove: () => bob.prove("rs", "ab".repeat(32), helloOf(TOOL)) },
  };
  const { stream } = await dial(host.at, { clock, security: bob });
  await assertRejects(
    () => greet(stream, TOOL, { ...host.options, proving: mallory as unknown as Proving }),
    LabError,
    "another server",
  );
  assertEquals(await host.ask(bob), 7);
});

Deno.test("without a proof nothing is answered", async () => {
  const { alice, bob } = await makeLab();
  await using host = open(alice);
  const tls = { name: alice.self.id, authority: bob.credentials.authority };
  const stream = await dialTcp(host.server.address, { clock, tls });
  // It takes the challenge for a welcome, and asks.
  await assertRejects(() => greet(stream, TOOL, host.options), LabError, "Challenge");
  assertEquals(host.seen, []);
  assertEquals(await host.ask(bob), 7);
});

Deno.test("who is revoked loses its connections at once, both ways, and gets no new ones", async () => {
  const { alice, bob } = await makeLab();
  await using host = open(alice);
  await using other = open(bob);
  const dialled = await connect(host.at, TOOL, { ...host.options, security: bob });
  const accepted = await connect(other.at, TOOL, { ...host.options, security: alice });
  alice.revoke([bob.self.id]);
  await Promise.all([dialled.connection.closed, accepted.connection.closed]);
  await assertRejects(() => host.ask(bob), LabError, "revoked");
  await assertRejects(() => other.ask(alice, other.at), LabError, "revoked");
});

Deno.test("a newcomer is heard where there's somebody to let it in, and nowhere else", async () => {
  const { alice, bob } = await makeLab();
  const join: MessageOf<"Join"> = { kind: "Join", name: "n", key: "k", proof: "p", possession: "s" };
  const { certificate, card, authorityKey } = bob.credentials;
  const nonces: string[] = [];
  const ask = async (to: Address) => {
    const tls = { name: to.id!, authority: bob.credentials.authority };
    const connection = new Connection(await dialTcp(to, { clock, tls }), {
      clock,
      watchdog: new Watchdog(clock),
      side: "dialer",
    });
    try {
      const exchange = connection.open(helloOf(TOOL));
      const { nonce, authority } = await exchange.expect("Challenge");
      nonces.push(nonce);
      exchange.send(join);
      return { authority, joined: await exchange.expect("Joined") };
    } finally {
      connection.close();
    }
  };
  await using door = open(alice, {
    admission: {
      authority: "PEM",
      admit: (_, nonce) => {
        assertEquals(nonce, nonces.at(-1));
        return Promise.resolve({ kind: "Joined", certificate, card, authorityKey });
      },
    },
  });
  const { authority, joined } = await ask(door.at);
  assertEquals([authority, joined.card], ["PEM", card]);
  await using wall = open(alice);
  await assertRejects(() => ask(wall.at), LabError, "Join where a Proof was due");
  assertEquals(new Set(nonces).size, 2);
});
