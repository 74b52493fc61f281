/** The whole server: registration, cookies, leases, connections. */

import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { within } from "../base/_patience.ts";
import { codeOf } from "../base/errors.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import { announce, Lab, peers, register } from "./_testing.ts";

async function codeFrom(link: Connection, message: Message): Promise<string> {
  return codeOf(await assertRejects(() => link.request(message, "Left")));
}

Deno.test("register, keep alive, list, leave: each is answered and shown", async () => {
  await using lab = await Lab.start();
  const pc7 = await lab.join("pc7");
  const { link, cookie } = pc7;
  assertEquals({ ...pc7, link: 0, cookie: 0 }, {
    ...{
      kind: "Registered",
      peer: "pc7",
      ttl: 7200,
      keepAlive: 30,
      address: "127.0.0.1",
      link: 0,
      cookie: 0,
    },
  } as never);
  assertMatch(cookie, /^[0-9a-f]{32}$/);
  lab.clock.advance(20_000);
  const [record] = (await link.request({ kind: "PQuery" }, "Peers")).peers;
  assertEquals(record, {
    ...{ name: "pc7", host: "PC7", address: "127.0.0.1", port: 23476, active: true, ttl: 7200 },
    ...{ registrations30d: 1, lastRegistered: "2026-01-01T00:00:00.000Z" },
  });
  assertEquals(await link.request({ kind: "KeepAlive", cookie }, "Alive"), { kind: "Alive", ttl: 7200 });
  assertEquals(await peers(link, { cookie }), []);
  await link.request({ kind: "Leave", cookie }, "Left");
  assertEquals(await peers(link), []);
  assertEquals(await peers(link, { all: true }), ["pc7"]);
  const short = cookie.slice(0, 2);
  assertEquals(lab.log.lines, [
    `info Register  pc7 (127.0.0.1:23476) joined, cookie ${short}..`,
    "info PQuery    pc7: 1 active peer",
    "info KeepAlive pc7, 7200 s",
    "info PQuery    pc7: 0 active peers",
    "info Leave     pc7",
    "info PQuery    pc7: 0 active peers",
    "info PQuery    pc7: 0 active peers, 1 record",
  ]);
  assertEquals(lab.server.stats().messages, { Register: 1, PQuery: 4, KeepAlive: 1, Leave: 1 });
});

Deno.test("a PQuery renews the TTL of its own peer, also from a tool, never from another peer", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1");
  const pc2 = await lab.join("pc2");
  const tool = await lab.dial("tool");
  const ttl = () => {
    const { expires } = lab.server.members.byName("pc1")!;
    return (expires - lab.clock.monotonic()) / 1000;
  };
  lab.clock.advance(50_000);
  await peers(pc2.link, { cookie: pc1.cookie });
  assertEquals(ttl(), 7150);
  await peers(tool, { cookie: pc1.cookie });
  assertEquals(ttl(), 7200);
  lab.clock.advance(50_000);
  await peers(pc1.link);
  assertEquals(ttl(), 7200);
});

Deno.test("the KeepAlive interval follows a short TTL", async () => {
  for (const [ttlSeconds, expected] of [[7200, 30], [60, 20], [10, 3], [2, 1], [1, 1]] as const) {
    await using lab = await Lab.start({ ttlSeconds });
    assertEquals((await lab.join("pc")).keepAlive, expected);
  }
});

Deno.test("a taken name gets a number; a bad name is refused and shown harmless", async () => {
  await using lab = await Lab.start();
  await lab.join("pc7");
  assertEquals((await lab.join("pc7")).peer, "pc7-2");
  assertStringIncludes(lab.log.lines.at(-1)!, "pc7-2 (127.0.0.1:23476) joined");
  assertStringIncludes(lab.log.lines.at(-1)!, "it asked for pc7");
  const link = await lab.dial("peer", "\x1b[2Jevil\n");
  for (const name of ["", "..", "con", "a/b", "all", "RS", "x\x1b[2J", "x\u202e"]) {
    assertEquals(codeOf(await assertRejects(() => register(link, name))), "name_refused", name);
  }
  for (const line of lab.log.lines) assertEquals(/[\p{Cc}\u202e]/u.test(line), false, line);
});

Deno.test("only the cookie of its own connection counts, except to leave after a peer has died", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1");
  const pc2 = await lab.join("pc2");
  const tool = await lab.dial("tool");
  const { cookie } = pc1;
  assertEquals(await codeFrom(pc2.link, { kind: "KeepAlive", cookie }), "unknown_cookie");
  assertEquals(await codeFrom(tool, { kind: "KeepAlive", cookie }), "unknown_cookie");
  assertEquals(await codeFrom(pc2.link, { kind: "Leave", cookie }), "unknown_cookie");
  assertEquals(await codeFrom(tool, { kind: "Leave", cookie: "nobody's" }), "unknown_cookie");
  assertEquals(codeOf(await assertRejects(() => announce({ link: tool, cookie }, []))), "unknown_cookie");
  assertEquals(codeOf(await assertRejects(() => register(pc1.link, "pc1"))), "failed");
  await tool.request({ kind: "Leave", cookie }, "Left");
  await within("the end of its connection", pc1.link.closed);
  await tool.request({ kind: "Leave", cookie }, "Left");
  assertEquals(await peers(tool), ["pc2"]);
});

Deno.test("after Leave the connection may register again and keeps its record", async () => {
  await using lab = await Lab.start();
  const { link, cookie, peer } = await lab.join("pc1");
  await link.request({ kind: "Leave", cookie }, "Left");
  assertEquals(await codeFrom(link, { kind: "KeepAlive", cookie }), "unknown_cookie");
  const again = await register(link, "pc1", cookie);
  assertEquals([again.peer, again.cookie], [peer, cookie]);
  assertEquals(lab.server.members.byName("pc1")!.registrations.length, 2);
});

Deno.test("a peer whose connection broke may come back within the grace, and not after", async () => {
  await using lab = await Lab.start();
  const first = await lab.join("pc1");
  const lost = lab.log.next(/Lost +pc1/);
  first.link.close();
  await lost;
  lab.clock.advance(TIMEOUTS.grace - 1);
  const tool = await lab.dial("tool");
  assertEquals(await peers(tool), ["pc1"]);
  const again = await lab.join("pc1", first.cookie);
  assertEquals([again.peer, again.cookie], ["pc1", first.cookie]);
  lab.clock.advance(60_000);
  assertEquals(await peers(tool), ["pc1"]);
  const lostAgain = lab.log.next(/Lost +pc1/);
  again.link.close();
  await lostAgain;
  const inactive = lab.log.next(/Inactive +pc1: it did not come back in time/);
  lab.clock.advance(TIMEOUTS.grace + 1_000);
  await inactive;
  assertEquals(await peers(tool), []);
});

Deno.test("a TTL that runs out ends the connection too", async () => {
  await using lab = await Lab.start({ ttlSeconds: 5 });
  const { link } = await lab.join("pc1");
  lab.clock.advance(5_000);
  await within("the end of its connection", link.closed);
  assertEquals(lab.server.stats().active, 0);
  await assertRejects(() => link.request({ kind: "PQuery" }, "Peers"), Error, "TTL ran out");
});

Deno.test("a registered connection that falls silent is closed, and its peer gets the grace", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1");
  const lost = lab.log.next(/Lost +pc1/);
  lab.clock.advance(TIMEOUTS.registrationIdle + 2_000);
  await lost;
});

Deno.test("a cookie shown on a second connection: the newer wins, the older is told and closed", async () => {
  await using lab = await Lab.start();
  const first = await lab.join("pc1");
  const second = await lab.join("clone", first.cookie, 5000);
  await within("the end of the older connection", first.link.closed);
  const told = await assertRejects(() => peers(first.link), Error, "Another connection registered");
  assertEquals(codeOf(told), "not_permitted");
  assertEquals([second.peer, second.cookie], ["pc1", first.cookie]);
  lab.clock.advance(TIMEOUTS.grace * 2);
  assertEquals(await peers(second.link), ["pc1"]);
  assertEquals(lab.server.members.byName("pc1")!.port, 5000);
});

Deno.test("two Registers at once on one connection make one registration", async () => {
  await using lab = await Lab.start();
  const link = await lab.dial();
  const both = await Promise.allSettled([register(link, "a"), register(link, "b")]);
  assertEquals(both.map(({ status }) => status), ["fulfilled", "rejected"]);
  assertEquals(await peers(link, { all: true }), ["a"]);
});

Deno.test("who has the list asks for what has changed: registrations, departures, no KeepAlives", async () => {
  await using lab = await Lab.start();
  const a = await lab.join("a");
  const b = await lab.join("b");
  const tool = await lab.dial("tool");
  const ask = (asked: Partial<MessageOf<"PQuery">>) => tool.request({ ...asked, kind: "PQuery" }, "Peers");
  const first = await ask({});
  assertEquals([first.peers.length, first.changes], [2, undefined]);
  const since = (page: MessageOf<"Peers">) => ask({ since: page.version! });
  const shown = ({ peers, changes }: MessageOf<"Peers">) => [
    changes,
    ...peers.map(({ name, active }) => `${name} ${active}`),
  ];
  await b.link.request({ kind: "KeepAlive", cookie: b.cookie }, "Alive");
  const none = await since(first);
  assertEquals(shown(none), [true]);
  await a.link.request({ kind: "Leave", cookie: a.cookie }, "Left");
  await lab.join("c");
  const some = await since(none);
  assertEquals(shown(some), [true, "a false", "c true"]);
  assertEquals(shown(await since(first)), [true, "a false", "c true"]);
  await register(b.link, "b", b.cookie, 5000);
  const last = await since(some);
  assertEquals([shown(last), last.peers[0]!.port], [[true, "b true"], 5000]);
  for (const version of ["", "x.1", "nonsense", `${last.version}9`, last.version!.replace(/\..*/, ".-1")]) {
    assertEquals(shown(await ask({ since: version })), [undefined, "b true", "c true"], version);
  }
});

Deno.test("more changes than a page holds come in several, none is lost", async () => {
  await using lab = await Lab.start();
  const tool = await lab.dial("tool");
  let { version } = await tool.request({ kind: "PQuery" }, "Peers");
  const peers = LIMITS.pagePeers + 10;
  const link = await lab.dial();
  for (let n = 0; n < peers; n++) {
    const { cookie } = await register(link, `pc${n}`);
    await link.request({ kind: "Leave", cookie }, "Left");
  }
  const told = [];
  for (let more: boolean | undefined = true; more;) {
    const page: MessageOf<"Peers"> = await tool.request({ kind: "PQuery", since: version! }, "Peers");
    told.push(...page.peers);
    ({ more, version } = page);
  }
  assertEquals(told.map(({ name }) => name), Array.from({ length: peers }, (_, n) => `pc${n}`));
});
