import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { codeOf } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { Message } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import { announce, index, Lab, peers, register, row } from "./_testing.ts";
import { MemoryStore } from "./memory_store.ts";
import type { RegistryEvent } from "./server.ts";

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
  await pc1.link.closed;
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
  await link.closed;
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
  await first.link.closed;
  await assertRejects(() => peers(first.link), Error, "Another connection registered");
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

Deno.test("a restart on the same data: cookies, names and holdings are known, peers get time to come back", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const data = { dir: `${dir}/rs-data` };
    let cookie: string;
    {
      await using lab = await Lab.start({ data });
      const pc1 = await lab.join("pc1");
      await announce(pc1, [row("a"), row("b")]);
      const pc2 = await lab.join("pc2");
      await pc2.link.request({ kind: "Leave", cookie: pc2.cookie }, "Left");
      cookie = pc1.cookie;
    }
    await using lab = await Lab.start({ data });
    const tool = await lab.dial("tool");
    assertEquals(await peers(tool), ["pc1"]);
    assertEquals(await peers(tool, { all: true }), ["pc1", "pc2"]);
    assertEquals((await index(tool)).lines, ["a: pc1", "b: pc1"]);
    assertEquals((await lab.join("pc1")).peer, "pc1-2");
    lab.clock.advance(TIMEOUTS.graceAfterRestart - 1);
    const back = await lab.join("pc1", cookie);
    assertEquals([back.peer, back.cookie], ["pc1", cookie]);
    assertEquals(lab.server.members.byName("pc1")!.registrations.length, 2);
    assertStringIncludes(lab.log.lines.at(-1)!, "pc1 (127.0.0.1:23476) came back");
    lab.clock.advance(60_000);
    assertEquals((await index(tool)).lines, ["a: pc1", "b: pc1"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("after a restart, who doesn't come back is inactive, and stays so over the next", async () => {
  const data = { store: new MemoryStore() };
  {
    await using lab = await Lab.start({ data });
    await lab.join("pc1");
  }
  {
    await using lab = await Lab.start({ data });
    lab.clock.advance(TIMEOUTS.graceAfterRestart);
    assertEquals(await peers(await lab.dial("tool")), []);
  }
  await using lab = await Lab.start({ data });
  assertEquals(await peers(await lab.dial("tool")), []);
});

Deno.test("holdings: told while their holder is active, the asker left out, hostile rows refused", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1");
  const pc2 = await lab.join("pc2");
  const tool = await lab.dial("tool");
  const bad = lab.log.next(/^warn Announce .*pc1: 2 rows refused, the first "..\/\\u\{1b\}x"/);
  const { rows } = await announce(pc1, [
    row("a"),
    row("b"),
    row("../\x1bx"),
    row("c", { sha256: "b".repeat(64) }),
    row("con"),
  ]);
  await bad;
  assertEquals(rows, 3);
  assertEquals((await announce(pc2, [row("a")], { reset: true })).rows, 1);
  assertEquals((await index(tool)).lines, ["a: pc1,pc2", "b: pc1", "c: pc1"]);
  assertEquals((await index(pc1.link, { cookie: pc1.cookie })).lines, ["a: pc2"]);
  assertEquals((await index(tool, { patterns: ["a"], from: "PC2" })).lines, ["a: pc2"]);
  await announce(pc1, [], { gone: ["b"] });
  await pc2.link.request({ kind: "Leave", cookie: pc2.cookie }, "Left");
  assertEquals((await index(tool)).lines, ["a: pc1", "c: pc1"]);
  for (const from of ["pc2", "pc9"]) {
    assertEquals(codeOf(await assertRejects(() => index(tool, { from }))), "not_found");
  }
  await register(pc2.link, "pc2", pc2.cookie);
  assertEquals((await index(tool)).lines, ["a: pc1,pc2", "c: pc1"]);
});

Deno.test("5,000 rows come in pages, each once", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1");
  const rows = Array.from({ length: 5000 }, (_, n) => row(`f${String(n).padStart(4, "0")}`));
  for (let at = 0; at < rows.length; at += 1000) await announce(pc1, rows.slice(at, at + 1000));
  const { pages, lines } = await index(await lab.dial("tool"));
  assertEquals(pages, 3);
  assertEquals(lines, rows.map(({ name }) => `${name}: pc1`));
});

Deno.test("5,000 peers come in pages too", async () => {
  const store = new MemoryStore();
  await store.savePeers(Array.from({ length: 5000 }, (_, n) => ({
    ...{
      name: `pc${n}`,
      cookie: `c${n}`,
      host: "x".repeat(200),
      address: "192.168.1.7",
      port: 1,
      active: true,
    },
    ...{ registrations: [], lastRegistered: 0 },
  })));
  await using lab = await Lab.start({ data: { store } });
  const tool = await lab.dial("tool");
  const all: string[] = [];
  for (let after: string | undefined;;) {
    const asked = { kind: "PQuery" as const, cookie: "c7", ...(after === undefined ? {} : { after }) };
    const page = await tool.request(asked, "Peers");
    all.push(...page.peers.map(({ name }) => name));
    if (page.next === undefined) break;
    after = page.next;
  }
  assertEquals([all.length, new Set(all).size, all.includes("pc7")], [4999, 4999, false]);
});

Deno.test("Offers and other messages go to whoever was named for them", async () => {
  const seen: string[] = [];
  await using lab = await Lab.start({
    onOffer: (message, exchange) => {
      seen.push(`${message.kind} of ${lab.server.peerOn(exchange.connection)}`);
      return exchange.send({ kind: "Receipt", files: [] });
    },
  });
  const pc1 = await lab.join("pc1");
  const offer: Message = {
    kind: "Offer",
    id: "1",
    peer: "pc1",
    purpose: "send",
    port: 1,
    bytes: 0,
    files: [],
  };
  await pc1.link.request(offer, "Receipt");
  assertEquals(seen, ["Offer of pc1"]);
  const piece: Message = { kind: "PieceRequest", content: "a".repeat(64), piece: 0 };
  assertEquals(codeOf(await assertRejects(() => pc1.link.request(piece, "Left"))), "unsupported");
});

Deno.test("events tell what happens to members", async () => {
  const events: string[] = [];
  const onEvent = (event: RegistryEvent) => {
    events.push(
      `${event.kind} ${event.record.name} ${event.kind === "registered" ? event.cameBack : event.why}`,
    );
  };
  await using lab = await Lab.start({ onEvent, ttlSeconds: 5 });
  const pc1 = await lab.join("pc1");
  await pc1.link.request({ kind: "Leave", cookie: pc1.cookie }, "Left");
  await register(pc1.link, "pc1", pc1.cookie);
  lab.clock.advance(5_000);
  assertEquals(events, [
    "registered pc1 false",
    "inactive pc1 left",
    "registered pc1 true",
    "inactive pc1 ttl",
  ]);
});

Deno.test("a store that fails: the peer is told, and nobody stays active whom nobody knows", async () => {
  const store = new MemoryStore();
  await using lab = await Lab.start({ data: { store } });
  const link = await lab.dial();
  store.savePeers = () => Promise.reject(new Error("disk on fire"));
  assertEquals(codeOf(await assertRejects(() => register(link, "pc1"))), "failed");
  assertEquals(await peers(link), []);
  assert(lab.log.lines.some((line) => line.startsWith("error Register") && line.includes("disk on fire")));
});

Deno.test("200 peers join, announce, ask and leave at once", async () => {
  await using lab = await Lab.start();
  const names = Array.from({ length: 200 }, (_, n) => `pc${n}`);
  const all = await Promise.all(names.map((name) => lab.join(name)));
  const rows = Array.from({ length: 100 }, (_, n) => row(`f${n}`));
  await Promise.all(all.map((pc) => announce(pc, rows, { reset: true })));
  const answers = await Promise.all(all.map((pc) => index(pc.link, { cookie: pc.cookie, patterns: ["f7"] })));
  for (const { lines } of answers) assertEquals(lines[0]!.split(",").length, 199);
  await Promise.all(all.map(({ link, cookie }) => link.request({ kind: "Leave", cookie }, "Left")));
  assertEquals([lab.server.stats().active, lab.server.stats().peers], [0, 200]);
});
