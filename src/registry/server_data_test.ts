/** The whole server: restarts, holdings, numbers, and what other parts of the program hang on to it. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { codeOf, LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { Message, MessageOf } from "../protocol/messages.ts";
import { announce, index, Lab, peers, register, row } from "./_testing.ts";
import { MemoryStore } from "./memory_store.ts";
import type { RegistryEvent } from "./server.ts";
import { WRITE_AGAIN } from "./write_again.ts";

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
  assertEquals((await index(tool)).lines, ["a: pc1", "c: pc1"]);
  await announce(pc2, [row("a")]);
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
  let message: Message = { kind: "PQuery", cookie: "c7" };
  for (let more = true; more;) {
    const { peers, next }: MessageOf<"Peers"> = await tool.request(message, "Peers");
    all.push(...peers.map(({ name }) => name));
    more = next !== undefined;
    if (next !== undefined) message = { ...message, after: next };
  }
  assertEquals([all.length, new Set(all).size, all.includes("pc7")], [4999, 4999, false]);
});

const OFFER: Message = {
  ...{ kind: "Offer", id: "1", peer: "pc1", purpose: "send" },
  ...{ port: 1, bytes: 0, files: [] },
};

Deno.test("Offers and other messages go to whoever was named for them", async () => {
  const seen: string[] = [];
  await using lab = await Lab.start({
    onOffer: (message, exchange) => {
      seen.push(`${message.kind} of ${lab.server.peerOn(exchange.connection)}`);
      return exchange.send({ kind: "Receipt", files: [] });
    },
  });
  const pc1 = await lab.join("pc1");
  await pc1.link.request(OFFER, "Receipt");
  assertEquals(seen, ["Offer of pc1"]);
  const piece: Message = { kind: "PieceRequest", content: "a".repeat(64), piece: 0 };
  assertEquals(codeOf(await assertRejects(() => pc1.link.request(piece, "Left"))), "unsupported");
});

Deno.test("an Offer, and whatever else others answer with an error, counts among the errors", async () => {
  await using lab = await Lab.start({
    onOffer: () => Promise.reject(new LabError("disk_full", "no room")),
    onOther: () => {
      throw new LabError("not_found", "not here");
    },
  });
  const pc1 = await lab.join("pc1");
  const asked = async (message: Message) =>
    codeOf(await assertRejects(() => pc1.link.request(message, "Left")));
  assertEquals(await asked(OFFER), "disk_full");
  assertEquals(await asked({ kind: "PieceRequest", content: "a".repeat(64), piece: 0 }), "not_found");
  assertEquals(lab.server.stats().errors, 2);
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

Deno.test("a newcomer that couldn't be kept, on a full disk, say, has its name once it can be, however often it tried", async () => {
  const store = new MemoryStore();
  await using lab = await Lab.start({ data: { store } });
  await lab.join("pc1");
  const link = await lab.dial();
  const { version } = await link.request({ kind: "PQuery" }, "Peers");
  const save = store.savePeers;
  store.savePeers = () => Promise.reject(new LabError("disk_full", "no room"));
  for (let tries = 0; tries < 3; tries++) {
    for (const name of ["pc1", "pc2"]) {
      assertEquals(codeOf(await assertRejects(() => register(link, name))), "disk_full");
    }
  }
  assertEquals(await peers(link, { all: true }), ["pc1"]);
  const told = (await link.request({ kind: "PQuery", since: version! }, "Peers")).peers;
  assertEquals(
    new Set(told.map(({ name, active }) => `${name} ${active}`)),
    new Set(["pc1-2 false", "pc2 false"]),
  );
  store.savePeers = save;
  assertEquals((await register(link, "pc2")).peer, "pc2");
  assertEquals((await register(await lab.dial(), "pc1")).peer, "pc1-2");
  assertEquals((await register(await lab.dial(), "pc1")).peer, "pc1-3");
  assertEquals([...await store.loadPeers()].length, 4);
});

Deno.test("a registry that can't be written isn't ready, and says why, until it can be", async () => {
  let tries = 0;
  const store = Object.assign(new MemoryStore(), {
    fault: undefined as string | undefined,
    tryAgain() {
      if (++tries < 2) return Promise.reject(new Error("still full"));
      store.fault = undefined;
      return Promise.resolve();
    },
  });
  await using lab = await Lab.start({ data: { store } });
  lab.clock.advance(600_000);
  assertEquals([lab.server.unready, tries], [undefined, 0]);
  store.fault = "Cannot write rs.sqlite: the disk is full";
  assertEquals(lab.server.unready, store.fault);
  lab.clock.advance(WRITE_AGAIN);
  assertEquals([lab.server.unready, tries], [store.fault, 1]);
  const said = lab.log.next(/can be written again/);
  lab.clock.advance(WRITE_AGAIN);
  await said;
  assertEquals([lab.server.unready, tries], [undefined, 2]);
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
