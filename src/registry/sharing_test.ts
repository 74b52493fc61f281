/** Registration servers that share one registry in a real NATS: what one is told, the others know. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { comesTo, until, within } from "../base/_patience.ts";
import { systemClock } from "../base/clock.ts";
import { RemoteError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { systemRandom } from "../base/random.ts";
import type { MessageOf } from "../protocol/messages.ts";
import type { Connection } from "../transport/connection.ts";
import { announce, index, Lab, peers, register, row } from "./_testing.ts";
import { clusterOfFile, NatsCluster } from "./nats/_cluster.ts";
import { openNatsStore } from "./nats/nats_store.ts";
import { parsePlace } from "./nats/place.ts";

// What servers make of one registry is the matter here; that it is kept thrice is tested elsewhere.
const cluster = clusterOfFile({ count: 1 });
const { ignore } = cluster;
let registries = 0;

/** A registration server on a registry. */
async function server(registry: string): Promise<Lab> {
  const options = { clock: systemClock, random: systemRandom };
  const store = await openNatsStore({
    ...{ place: parsePlace(`${cluster.url}/${registry}`), log: silentLogger, folderId: registry },
    ...options,
  });
  return await Lab.start({ ...options as object, data: { store } });
}

/** A test with two servers. */
function shared(name: string, work: (a: Lab, b: Lab) => Promise<void>): void {
  Deno.test({
    name: `servers that share a registry: ${name}`,
    ignore,
    fn: async () => {
      const registry = `sharing${registries++}`;
      await using a = await server(registry);
      await using b = await server(registry);
      await work(a, b);
    },
  });
}

/** "x: pc1,pc2": each server tells holders in the order in which it heard of them. */
async function holdersOf(asker: Connection): Promise<string[]> {
  const { lines } = await index(asker);
  return lines.map((line) => {
    const [name, holders] = line.split(": ");
    return `${name}: ${holders!.split(",").sort()}`;
  });
}

shared("peers, files and names are the same at each", async (a, b) => {
  const pc1 = await a.join("pc1");
  const other = await b.join("PC1");
  assertEquals(other.peer, "PC1-2");
  await announce(pc1, [row("x"), row("y")], { reset: true });
  await announce(other, [row("x")], { reset: true });
  for (const each of [a, b]) {
    const asker = await each.dial("tool");
    await comesTo(() => peers(asker), ["pc1", "PC1-2"]);
    await comesTo(() => holdersOf(asker), ["x: PC1-2,pc1", "y: pc1"]);
  }
  await pc1.link.request({ kind: "Leave", cookie: pc1.cookie }, "Left");
  const asker = await b.dial("tool");
  await comesTo(() => peers(asker), ["PC1-2"]);
  await comesTo(() => holdersOf(asker), ["x: PC1-2"]);
});

shared("a hundred newcomers at both, all of one name: each gets another", async (a, b) => {
  const joined = await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 ? a : b).join("pc")));
  assertEquals(new Set(joined.map(({ peer }) => peer)).size, 100);
  assertEquals(new Set(joined.map(({ cookie }) => cookie)).size, 100);
  const asker = await a.dial("tool");
  await comesTo(async () => (await peers(asker)).length, 100);
});

shared("a cookie holds at the other server at once, and the first one hears of it", async (a, b) => {
  const first = await a.join("pc1");
  const closed = first.link.closed;
  const second = await b.join("pc1", first.cookie);
  assertEquals([second.peer, second.cookie], [first.peer, first.cookie]);
  await within("the end of the first connection", closed);
  assert(first.link.reason instanceof RemoteError);
  const asker = await a.dial("tool");
  const known = async () => (await asker.request({ kind: "PQuery", all: true }, "Peers")).peers;
  await comesTo(async () => (await known()).map((each) => [each.name, each.active, each.registrations30d]), [[
    "pc1",
    true,
    2,
  ]]);
});

shared(
  "a newcomer at one displaces at once who listened there and lost its connection to the other",
  async (a, b) => {
    const lost = await a.join("pc1");
    const asker = await b.dial("tool");
    await comesTo(() => peers(asker), ["pc1"]);
    const said = a.log.next(/Inactive/);
    lost.link.close();
    await b.join("new");
    // Not after the seconds that a lost peer has to come back.
    assertEquals(await said, "info Inactive  pc1: another peer listens at its address and port");
    await comesTo(() => peers(asker), ["new"]);
    // If it wasn't gone, it comes back.
    assertEquals((await b.join("pc1", lost.cookie, 23477)).peer, "pc1");
    await comesTo(() => peers(asker), ["new", "pc1"]);
  },
);

shared("each tells the address of the other, and peers keep alive more often", async (a, b) => {
  const at = ({ server: { address } }: Lab) => `127.0.0.1:${address.port}`;
  let told = await register(await a.dial(), "pc1");
  const again = async () => void (told = await register(await a.dial(), "pc1"));
  await until("the other's address is told", () => told.servers !== undefined, again);
  assertEquals(told.servers, [at(b)]);
  assertEquals(told.keepAlive, 2);
  await b[Symbol.asyncDispose]();
  await until("the other is gone", () => told.servers === undefined, again);
  assertEquals(told.keepAlive, 30);
});

shared("a KeepAlive at one is a longer TTL at the other", async (a, b) => {
  const pc1 = await a.join("pc1");
  const asker = await b.dial("tool");
  await comesTo(() => peers(asker), ["pc1"]);
  const ttl = async () => (await asker.request({ kind: "PQuery" }, "Peers")).peers[0]!.ttl;
  await until("its TTL is shorter", async () => await ttl() < 7200);
  await pc1.link.request({ kind: "KeepAlive", cookie: pc1.cookie }, "Alive");
  await until("its TTL is whole again", async () => await ttl() === 7200);
});

/** A broadcast of one file, as its command tells it. */
function broadcast(link: Connection, id: string): Promise<MessageOf<"Noted">> {
  const files: [string, number, string][] = [["a.iso", 5, "a".repeat(64)]];
  return link.request(
    { kind: "Broadcast", id, name: "a.iso", peer: "rs", at: 0, files, lasts: 3600 },
    "Noted",
  );
}

shared("broadcasts, receipts and withdrawal are the same at each", async (a, b) => {
  await b.join("pc1");
  const id = "5".repeat(32);
  const sender = await a.dial("tool");
  const asker = await b.dial("tool");
  const state = async () => {
    const { broadcasts } = await asker.request({ kind: "BQuery", all: true }, "Broadcasts");
    return broadcasts.map(({ state, done, waiting, failed }) => [state, done, waiting, failed]);
  };
  await comesTo(() => peers(sender), ["pc1"]);
  await broadcast(sender, id);
  await comesTo(state, [["running", 0, 1, 0]]);
  await sender.request({ kind: "Receipts", id, peers: [{ name: "pc1", state: "waiting" }] }, "Noted");
  await sender.request({ kind: "Receipts", id, peers: [{ name: "pc1", state: "done" }] }, "Noted");
  await comesTo(state, [["running", 1, 0, 0]]);
  // Told late by the other one: done is done.
  await asker.request({ kind: "Receipts", id, peers: [{ name: "pc1", state: "failed" }] }, "Noted");
  await sender.request({ kind: "Receipts", id, peers: [], over: true }, "Noted");
  await comesTo(state, [["done", 1, 0, 0]]);
  await asker.request({ kind: "Withdraw", id }, "Noted");
  await comesTo(async () => (await broadcast(sender, id)).withdrawn, true);
});

/** Somebody comes late to one server, and gets what was broadcast at the other. */
async function late(a: Lab, b: Lab, order: "before" | "after"): Promise<void> {
  const id = "6".repeat(32);
  const { promise: offered, resolve } = Promise.withResolvers<MessageOf<"Offer">>();
  const join = () =>
    b.join("late", undefined, 23477, async (message, exchange) => {
      if (message.kind !== "Offer") return;
      resolve(message);
      await exchange.send({ kind: "Receipt", files: [] });
    });
  await a.join("holder");
  if (order === "before") await join();
  const sender = await a.dial("tool");
  // Not waited for: the other server hears of it when its command has ended.
  const told = [
    broadcast(sender, id),
    sender.request({ kind: "Receipts", id, peers: [{ name: "holder", state: "done" }], over: true }, "Noted"),
  ];
  if (order === "after") await join();
  await Promise.all(told);
  assertEquals((await within("an offer", offered)).holders?.map(({ name }) => name), ["holder"]);
  const done = async () =>
    (await sender.request({ kind: "BQuery", id }, "Broadcasts")).peers
      .map(({ name, state }) => `${name} ${state}`);
  await comesTo(done, ["holder done", "late done"]);
}

shared(
  "who came to one server before it heard of the other's broadcast gets it",
  (a, b) => late(a, b, "before"),
);

shared("a server that hears of a broadcast only when its command is long over delivers it", async (a, b) => {
  const id = "8".repeat(32);
  const { promise: offered, resolve } = Promise.withResolvers<MessageOf<"Offer">>();
  await a.join("holder");
  await b.join("late", undefined, 23477, async (message, exchange) => {
    if (message.kind !== "Offer") return;
    await exchange.send({ kind: "Receipt", files: [] });
    resolve(message);
  });
  // Written by nobody whose claim is ever heard: that comes another way, and may come first.
  const place = parsePlace(`${cluster.url}/sharing${registries - 1}`);
  const options = { clock: systemClock, random: systemRandom };
  const store = await openNatsStore({ place, log: silentLogger, folderId: "folder", ...options });
  const head = {
    ...{ id, name: "a.iso", peer: "rs", cookie: undefined, bytes: 5, files: 1, to: undefined },
    ...{ began: Date.now(), expires: Date.now() + 3_600_000, whole: true, withdrawn: false },
  };
  try {
    await store.broadcasts.saveFiles(id, 0, [{ name: "a.iso", size: 5, sha256: "a".repeat(64) }]);
    await store.broadcasts.save(head);
    await store.broadcasts.saveReceipts([{ id, peer: "holder", state: "done", at: Date.now() }]);
    assertEquals((await within("an offer", offered)).holders?.map(({ name }) => name), ["holder"]);
  } finally {
    await store.close();
  }
});

Deno.test({
  name:
    "servers that share a registry: one that starts hears of receipts before the broadcast that was written anew",
  ignore,
  fn: async () => {
    const registry = `sharing${registries++}`;
    await using a = await server(registry);
    // What it reads at its start ends here; what comes now it hears in the order of writing.
    const options = { clock: systemClock, random: systemRandom };
    const place = parsePlace(`${cluster.url}/${registry}`);
    const store = await openNatsStore({ place, log: silentLogger, folderId: "b", ...options });
    await a.join("pc1");
    const id = "9".repeat(32);
    const sender = await a.dial("tool");
    await broadcast(sender, id);
    await sender.request({ kind: "Receipts", id, peers: [{ name: "pc1", state: "done" }] }, "Noted");
    await sender.request({ kind: "Withdraw", id }, "Noted");
    await using b = await Lab.start({ ...options as object, data: { store } });
    const asker = await b.dial("tool");
    const seen = async () =>
      (await asker.request({ kind: "BQuery", all: true }, "Broadcasts")).broadcasts
        .map(({ state, done, waiting }) => [state, done, waiting]);
    await comesTo(seen, [["withdrawn", 1, 0]]);
  },
});

shared("who comes to one server late gets what was broadcast at the other", (a, b) => late(a, b, "after"));

Deno.test({
  name: "servers that share a registry: all are stopped, one comes back and knows everything",
  ignore,
  fn: async () => {
    const registry = `sharing${registries++}`;
    let cookie: string;
    {
      await using a = await server(registry);
      const pc1 = await a.join("pc1");
      cookie = pc1.cookie;
      await announce(pc1, [row("x")], { reset: true });
      await broadcast(await a.dial("tool"), "7".repeat(32));
    }
    await using b = await server(registry);
    const asker = await b.dial("tool");
    assertEquals(await peers(asker), ["pc1"]);
    assertEquals((await index(asker)).lines, ["x: pc1"]);
    assertEquals((await asker.request({ kind: "BQuery" }, "Broadcasts")).broadcasts.length, 1);
    assertEquals((await b.join("pc1", cookie)).cookie, cookie);
  },
});

Deno.test({
  name:
    "servers that share a registry: NATS goes away: connections are let go, nobody is taken; it's back, all goes on",
  ignore,
  fn: async () => {
    await using own = await NatsCluster.start({ count: 1 });
    const options = { clock: systemClock, random: systemRandom };
    const store = await openNatsStore({
      ...{ place: parsePlace(own.url), log: silentLogger, folderId: "folder", ...options },
    });
    await using lab = await Lab.start({ ...options as object, data: { store } });
    const pc1 = await lab.join("pc1");
    const asker = await lab.dial("tool");
    own.pause(0, true);
    await within("the end of all connections", Promise.all([pc1.link.closed, asker.closed]));
    assertEquals((pc1.link.reason as RemoteError).code, "unreachable");
    assertEquals(lab.server.unready, "NATS is out of reach");
    const thrown = await assertRejects(() => lab.dial("tool"), RemoteError, "NATS");
    assertEquals(thrown.code, "unreachable");
    const back = lab.log.next(/NATS is back/);
    own.pause(0, false);
    await back;
    assertEquals(lab.server.unready, undefined);
    assertEquals((await lab.join("pc1", pc1.cookie)).cookie, pc1.cookie);
  },
});
