/** Broadcasts that the registration server remembers, and delivers to those who come late; peers answer as they are told. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { until, within } from "../base/_patience.ts";
import { codeOf, LabError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { MessageOf } from "../protocol/messages.ts";
import { done, Ear, file, hangs, ID, page, pcs, receipts, states, tell, type Told } from "./_broadcasting.ts";
import { head, receipt } from "./_store_contract.ts";
import { BROADCASTS_MAX } from "./broadcasts.ts";
import { Lab } from "./_testing.ts";
import { MemoryStore } from "./memory_store.ts";

Deno.test("who comes late gets it from those who have it, and its receipt is kept", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc1")], { over: true });
  const ear = new Ear();
  const arrived = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await lab.join("pc2", undefined, 1002, ear.handler);
  await arrived;
  const [offer] = ear.offers;
  assertEquals([offer!.purpose, offer!.id, offer!.peer, offer!.files], ["broadcast", ID, "rs", [
    file("a.iso"),
  ]]);
  assertEquals(offer!.holders, [{ name: "pc1", address: "127.0.0.1", port: 1001 }]);
  assertEquals(await states(lab), ["pc1 done", "pc2 done"]);
  assertEquals(ear.offers.length, 1);
});

Deno.test("a lab that has had as many broadcasts as are kept can have another: the oldest that all have makes room", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc1")], { over: true });
  for (let k = 1; k < BROADCASTS_MAX; k++) {
    await link.request(page({ id: `b${k}` }), "Noted");
    if (k % 2 === 0) await receipts(link, [done("pc1")], { id: `b${k}`, over: true });
  }
  const has = async (id: string) => (await states(lab, id).catch(() => [])).length > 0;
  await link.request(page({ id: "new" }), "Noted");
  assertEquals([await has(ID), await has("b1"), await has("b2"), await has("new")], [
    false,
    true,
    true,
    true,
  ]);
  // Pages of one that is known need no room; and where each is waited for there is none.
  await link.request(page({ id: "new" }), "Noted");
  assertEquals(await has("b2"), true);
  for (let k = 2; k < BROADCASTS_MAX; k += 2) await link.request(page({ id: `more${k}` }), "Noted");
  const fault = await assertRejects(
    () => link.request(page({ id: "one-more" }), "Noted"),
    LabError,
    "wait for PCs",
  );
  assertEquals(fault.code, "busy");
});

Deno.test("while the command runs, those it is at are left to it; when it ends they are the server's", async () => {
  await using lab = await Lab.start();
  const ear = new Ear();
  const pc2 = await lab.join("pc2", undefined, 1002, ear.handler);
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [{ name: "pc1", state: "waiting" }, { name: "pc2", state: "waiting" }]);
  await receipts(link, [done("pc1")]);
  pc2.link.close();
  await lab.log.next(/Lost/);
  await lab.join("pc2", pc2.cookie, 1002, ear.handler);
  const late = new Ear();
  const arrived = lab.log.next(/Offer +pc3: a\.iso has arrived/);
  await lab.join("pc3", undefined, 1003, late.handler);
  await arrived;
  assertEquals(await states(lab), ["pc1 done", "pc2 waiting", "pc3 done"]);
  assertEquals(ear.offers.length, 0);
  const then = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await receipts(link, [], { over: true });
  await then;
  assertEquals(ear.offers[0]!.holders!.map(({ name }) => name).sort(), ["pc1", "pc3"]);
});

Deno.test("a command that died has ended, unless it comes back in time", async () => {
  await using lab = await Lab.start();
  const ear = new Ear();
  await lab.join("pc1", undefined, 1001);
  await lab.join("pc2", undefined, 1002, ear.handler);
  const link = await tell(lab);
  await receipts(link, [done("pc1"), { name: "pc2", state: "waiting" }]);
  link.close();
  const again = await tell(lab);
  lab.clock.advance(TIMEOUTS.grace + 1);
  assertEquals(ear.offers.length, 0);
  const state = async () => {
    const tool = await lab.dial("tool");
    return (await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts[0]!.state;
  };
  assertEquals(await state(), "running");
  again.close();
  const arrived = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  // The server sees the end of a connection when the system tells it.
  await until("an offer", () => ear.offers.length > 0, async () => {
    await lab.dial("tool");
    lab.clock.advance(TIMEOUTS.grace + 1);
  });
  await arrived;
  assertEquals(await state(), "done");
});

Deno.test("a broadcast that is over says when its last PC was done, whenever one asks", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  const row = async () => {
    const tool = await lab.dial("tool");
    return (await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts[0]!;
  };
  assertEquals((await row()).ended, undefined);
  await receipts(link, [done("pc1")], { over: true });
  const { state, began, ended } = await row();
  assert(state === "done" && Date.parse(ended!) >= Date.parse(began));
  lab.clock.advance(60_000);
  assertEquals((await row()).ended, ended);
});

Deno.test("--to: nobody else gets it; the sender isn't one of its receivers", async () => {
  await using lab = await Lab.start();
  const sender = await lab.join("pc0", undefined, 1000, new Ear(() => assert(false)).handler);
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab, { to: ["pc1", "PC3"], cookie: sender.cookie });
  await receipts(link, [done("pc1")], { over: true });
  const no = new Ear();
  const yes = new Ear();
  await lab.join("pc2", undefined, 1002, no.handler);
  const arrived = lab.log.next(/Offer +pc3: a\.iso has arrived/);
  await lab.join("pc3", undefined, 1003, yes.handler);
  await arrived;
  assertEquals(no.offers.length, 0);
  assertEquals(yes.offers[0]!.holders!.map(({ name }) => name).sort(), ["pc0", "pc1"]);
});

Deno.test("who has the name of a PC that is no member any more has none of its receipts, and is sent what waits", async () => {
  const store = new MemoryStore();
  const { broadcasts } = store;
  await broadcasts.save(head("b0", { name: "a.iso", began: 0, expires: 1e15 }));
  await broadcasts.saveFiles("b0", 0, [{ name: "a.iso", size: 5, sha256: "ab".repeat(32) }]);
  const old = receipt("b0", "pc1", { state: "done", cookie: "who had the name" });
  await broadcasts.saveReceipts([old, receipt("b0", "pc2", { state: "done" })]);
  await using lab = await Lab.start({ data: { store } });
  const [first, second] = [new Ear(), new Ear()];
  await lab.join("pc2", undefined, 1002, second.handler);
  assertEquals(await states(lab), ["pc1 done", "pc2 done"]);
  const arrived = lab.log.next(/Offer +PC1: a\.iso has arrived/);
  const { cookie } = await lab.join("PC1", undefined, 1001, first.handler);
  assertEquals((await states(lab))[0]!.startsWith("pc1 done"), false);
  await arrived;
  assertEquals([first.offers.length, first.offers[0]?.holders?.map(({ name }) => name)], [1, ["pc2"]]);
  assertEquals(await states(lab), ["PC1 done", "pc2 done"]);
  const { receipts } = await broadcasts.load();
  assertEquals(receipts.filter(({ peer }) => peer === "PC1").map((each) => each.cookie), [cookie]);
  assertEquals(second.offers.length, 0);
});

Deno.test("a fault that may pass is tried again, another one waits for the PC or a person", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc1")], { over: true });
  const ear = new Ear((_, time) => {
    if (time === 1) throw new LabError("busy", "later");
    if (time <= 3) throw new LabError("disk_full", "no room\x1b[2J");
  });
  const failed = lab.log.next(/Offer +pc2: a\.iso failed: no room\\u/);
  const pc2 = await lab.join("pc2", undefined, 1002, ear.handler);
  await until("a second offer", () => ear.offers.length >= 2, async () => {
    await lab.dial("tool");
    lab.clock.advance(1_001);
  });
  await failed;
  lab.clock.advance(50_000);
  assertEquals(ear.offers.length, 2);
  const [, told] = await pcs(lab);
  assertEquals([told!.state, told!.reason], ["failed", "no room\\u{1b}[2J"]);
  const again = lab.log.next(/Offer +pc2: a\.iso failed/);
  pc2.link.close();
  await lab.log.next(/Lost/);
  await lab.join("pc2", pc2.cookie, 1002, ear.handler);
  await again;
  const arrived = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await link.request({ kind: "Retry", id: ID }, "Noted");
  await arrived;
  assertEquals(await states(lab), ["pc1 done", "pc2 done"]);
});

Deno.test("a whole lab at once: a few from each that has it, those who are done serve the next", async () => {
  await using lab = await Lab.start();
  await lab.join("pc00", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc00")], { over: true });
  let open = 0;
  let most = 0;
  const holders: number[] = [];
  const ears = Array.from({ length: 20 }, () =>
    new Ear(async ({ holders: told }) => {
      most = Math.max(most, ++open);
      holders.push(told!.length);
      assert(open <= 2 * told!.length, `${open} at once from ${told!.length}`);
      await lab.dial("tool");
      open--;
    }));
  const last = Promise.all(
    ears.map((_, i) => lab.log.next(new RegExp(`Offer +pc${i + 10}: a\\.iso has arrived`))),
  );
  await Promise.all(ears.map((ear, i) => lab.join(`pc${i + 10}`, undefined, 2000 + i, ear.handler)));
  await last;
  assert(most > 2, `${most} at once`);
  assert(Math.max(...holders) > 4 && Math.max(...holders) <= 16);
});

Deno.test("withdrawn: who is at it is told to stop, who comes late gets nothing, the command is told", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  let heard: (id: string) => void = () => {};
  const told = new Promise<string>((resolve) => heard = resolve);
  const link = await lab.dial(
    "tool",
    "rs",
    (message) => void (message.kind === "Withdraw" && heard(message.id)),
  );
  await link.request(page(), "Noted");
  await receipts(link, [done("pc1")]);
  const ear = new Ear(hangs);
  await lab.join("pc2", undefined, 1002, ear.handler);
  const tool = await lab.dial("tool");
  await until("an offer", () => ear.offers.length > 0, () => lab.dial("tool"));
  assertEquals((await pcs(lab))[1]!.state, "receiving");
  assertEquals((await tool.request({ kind: "Withdraw", id: ID }, "Noted")).withdrawn, true);
  assertEquals(await within("word of the withdrawal", told), ID);
  await ear.until(() => ear.withdrawn.length > 0);
  assertEquals((await link.request(page(), "Noted")).withdrawn, true);
  const late = new Ear();
  await lab.join("pc3", undefined, 1003, late.handler);
  await lab.dial("tool");
  assertEquals(late.offers.length, 0);
  assertEquals((await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts, []);
  const all = await tool.request({ kind: "BQuery", all: true }, "Broadcasts");
  assertEquals(all.broadcasts.map(({ state }) => state), ["withdrawn"]);
  assertEquals(
    codeOf(await assertRejects(() => tool.request({ kind: "Retry", id: ID }, "Noted"))),
    "not_found",
  );
});

Deno.test("withdrawn by somebody who doesn't wait for the answer: who is at it is told to stop all the same", async () => {
  const store = new MemoryStore();
  await using lab = await Lab.start({ data: { store } });
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc1")], { over: true });
  const ear = new Ear(hangs);
  await lab.join("pc2", undefined, 1002, ear.handler);
  await ear.until(() => ear.offers.length > 0);
  const tool = await lab.dial("tool");
  const { connections } = lab.server.stats();
  const [begun, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const save = store.broadcasts.save.bind(store.broadcasts);
  store.broadcasts.save = async (head) => {
    begun.resolve();
    await go.promise;
    await save(head);
  };
  const asked = assertRejects(() => tool.request({ kind: "Withdraw", id: ID }, "Noted"));
  await within("the withdrawal", begun.promise);
  tool.close();
  await asked;
  await until("the tool is gone", () => lab.server.stats().connections < connections);
  go.resolve();
  await ear.until(() => ear.withdrawn.length > 0);
});

Deno.test("an expired one is delivered no more, listed for a week, then forgotten", async () => {
  const store = new MemoryStore();
  await using lab = await Lab.start({ data: { store } });
  await lab.join("pc1", undefined, 1001);
  await receipts(await tell(lab, { lasts: 60 }), [done("pc1")], { over: true });
  lab.clock.advance(60_000);
  const ear = new Ear();
  await lab.join("pc2", undefined, 1002, ear.handler);
  const tool = await lab.dial("tool");
  const list = async () => {
    const link = await lab.dial("tool");
    return (await link.request({ kind: "BQuery", all: true }, "Broadcasts")).broadcasts;
  };
  assertEquals((await list()).map(({ state }) => state), ["expired"]);
  assertEquals(ear.offers.length, 0);
  assertEquals(
    codeOf(await assertRejects(() => tool.request({ kind: "Retry", id: ID }, "Noted"))),
    "not_found",
  );
  lab.clock.advance(8 * 24 * 3600_000);
  assertEquals(await list(), []);
  assertEquals((await store.broadcasts.load()).heads, []);
});

Deno.test("a restarted server knows the broadcast, who has it, and who is to get it", async () => {
  const store = new MemoryStore();
  const options = { data: { store } };
  let cookie = "";
  {
    await using lab = await Lab.start(options);
    const pc1 = await lab.join("pc1", undefined, 1001);
    cookie = pc1.cookie;
    await receipts(await tell(lab), [done("pc1")]);
    await pc1.link.request({ kind: "Leave", cookie }, "Left");
  }
  await using lab = await Lab.start(options);
  const ear = new Ear();
  await lab.join("pc2", undefined, 1002, ear.handler);
  assertEquals(ear.offers.length, 0, "nobody who has it is there yet");
  const arrived = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await lab.join("pc1", cookie, 1001);
  await arrived;
  assertEquals(await states(lab), ["pc1 done", "pc2 done"]);
});

for (
  const [when, off] of Object.entries({ "a second later": 0, "after the clock was set back": -3 * 3600_000 })
) {
  Deno.test(`a newer broadcast of the same name, ${when}, is never undone by an older one`, async () => {
    await using lab = await Lab.start();
    await lab.join("pc1", undefined, 1001);
    const first = await tell(lab, { id: "b1", files: [file("A.iso"), file("b.txt")] });
    await receipts(first, [done("pc1")], { id: "b1", over: true });
    lab.clock.set(off);
    lab.clock.advance(1_000);
    const second = await tell(lab, { id: "b2" });
    await receipts(second, [done("pc1")], { id: "b2", over: true });
    const ear = new Ear();
    const arrived = lab.log.next(/has arrived/).then(() => lab.log.next(/has arrived/));
    await lab.join("pc2", undefined, 1002, ear.handler);
    await arrived;
    const seen = ear.offers.map(({ id, files }) => `${id} ${files.map(([name]) => name)}`);
    assertEquals(seen, ["b1 b.txt", "b2 a.iso"]);
  });
}

Deno.test("of who hasn't got the newer broadcast of a name it isn't said that the older one has arrived", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  await receipts(await tell(lab, { id: "b1" }), [done("pc1")], { id: "b1", over: true });
  lab.clock.advance(1_000);
  await receipts(await tell(lab, { id: "b2" }), [done("pc1")], { id: "b2", over: true });
  let refuses = true;
  const ear = new Ear(() => {
    if (refuses) throw new LabError("not_permitted", "Broadcasts are refused here");
    return Promise.resolve();
  });
  const refused = lab.log.next(/Offer +pc2: a\.iso failed: Broadcasts are refused here/);
  const pc2 = await lab.join("pc2", undefined, 1002, ear.handler);
  await refused;
  const told = lab.log.next(
    /a newer broadcast, b2, has taken its name and failed there: Broadcasts are refused/,
  );
  lab.clock.advance(1_000);
  await told;
  assertEquals(await states(lab, "b1"), ["pc1 done", "pc2 failed"]);
  assertEquals(ear.offers.map(({ id }) => id), ["b2"]);
  // It's started anew, and takes them: the older one waits for the newer.
  refuses = false;
  pc2.link.close();
  await lab.log.next(/Lost/);
  const newer = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await lab.join("pc2", pc2.cookie, 1002, ear.handler);
  await newer;
  assertEquals(await states(lab, "b2"), ["pc1 done", "pc2 done"]);
  const older = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  lab.clock.advance(1_000);
  await older;
  assertEquals(await states(lab, "b1"), ["pc1 done", "pc2 done"]);
  assertEquals(ear.offers.map(({ id }) => id), ["b2", "b2"]);
});

Deno.test("pages of a broadcast: in order, each once; what is not one is refused", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab, { files: [file("a"), file("b")], more: true });
  const refused = async (more: Told) => codeOf(await assertRejects(() => link.request(page(more), "Noted")));
  assertEquals(await refused({ at: 3, files: [file("c")] }), "not_found");
  assertEquals(await refused({ at: 2, files: [file("../c")] }), "name_refused");
  assertEquals(await refused({ at: 2, files: [], more: true }), "usage");
  assertEquals(await refused({ at: 199_999, files: [file("c"), file("d")] }), "not_found");
  assertEquals(await refused({ at: 0, files: [file("c")], cookie: "nobody's" }), "unknown_cookie");
  const tool = await lab.dial("tool");
  assertEquals(
    (await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts,
    [],
    "not before it is whole",
  );
  assertEquals((await link.request(page({ at: 2, files: [file("c")] }), "Noted")).whole, true);
  const [only] = (await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts;
  assertEquals([only!.files, only!.bytes, only!.state, only!.waiting], [3, 3000, "running", 1]);
  assertEquals((await link.request(page({ files: [file("zzz")] }), "Noted")).whole, true);
  assertEquals((await tool.request({ kind: "BQuery", id: ID }, "Broadcasts")).broadcasts[0]!.files, 3);
  assertEquals(codeOf(await assertRejects(() => receipts(link, [], { id: "zzz" }))), "not_found");
});

Deno.test("names that nobody has are not kept; what a PC has it doesn't lose", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  await receipts(link, [done("pc1"), done("nobody"), done("x\x1b")]);
  await receipts(link, [{ name: "pc1", state: "failed", code: "busy", reason: "later" }]);
  assertEquals(await states(lab), ["pc1 done"]);
});

Deno.test("a long list comes in pages", async () => {
  const store = new MemoryStore();
  await using lab = await Lab.start({ data: { store } });
  const to = Array.from({ length: 2_000 }, (_, i) => `pc${i}`);
  await tell(lab, { to });
  const pcs = Array.from(
    { length: 2_000 },
    (_, i) => ({ name: `pc${i}`, state: "failed" as const, reason: "r".repeat(500) }),
  );
  const link = await lab.dial("tool");
  for (const at of [0, 1_000]) await receipts(link, pcs.slice(at, at + 1_000));
  const names: string[] = [];
  let pages = 0;
  let next: string | undefined;
  do {
    const page: MessageOf<"Broadcasts"> = await link.request(
      { kind: "BQuery", id: ID, ...(next === undefined ? {} : { after: next }) },
      "Broadcasts",
    );
    names.push(...page.peers.map(({ name }) => name));
    next = page.next;
    pages++;
  } while (next !== undefined);
  assertEquals(names, to.toSorted());
  assertMatch(String(pages), /^[2-9]$/);
});

Deno.test("how far each PC is: told by the broadcaster or by the PC itself; never more than there is", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab);
  const { broadcasts } = lab.server;
  const head = broadcasts.demand(ID);
  const progress = (name: string, bytes: number) =>
    link.request({ kind: "Progress", id: ID, peers: [[name, bytes]] }, "Noted");
  await progress("pc1", 400);
  assertEquals(broadcasts.bytesOf(head, { name: "PC1" }), 400);
  await progress("nobody", 400);
  assertEquals(broadcasts.bytesOf(head, { name: "nobody" }), 0);
  await progress("pc1", 1e9);
  assertEquals(broadcasts.bytesOf(head, { name: "pc1" }), 1000);
  assertEquals(lab.log.lines.filter((line) => /Progress/.test(line)), []);
  await assertRejects(
    () => link.request({ kind: "Progress", id: "other", peers: [] }, "Noted"),
    LabError,
    "No broadcast has that id",
  );
  await receipts(link, [done("pc1")], { over: true });
  let heard = 0;
  await lab.join("pc2", undefined, 1002, async (_, exchange) => {
    await exchange.send({ kind: "OfferProgress", bytes: 300, total: 1000 });
    await exchange.send({ kind: "Receipt", files: [] });
    heard++;
  });
  await lab.log.next(/Offer +pc2: a\.iso has arrived/);
  assertEquals([heard, broadcasts.bytesOf(head, { name: "pc2" })], [1, 1000]);
});

Deno.test("a file that is being hashed: nobody hears of it until it is known; withdrawn, it stays so", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  const link = await tell(lab, { files: [], more: true });
  const tool = await lab.dial("tool");
  const listed = async () =>
    (await tool.request({ kind: "BQuery" }, "Broadcasts")).broadcasts.map((
      { files, bytes },
    ) => [files, bytes]);
  assertEquals(await listed(), []);
  // After a break it is told again.
  assertEquals((await link.request(page({ files: [], more: true }), "Noted")).whole, undefined);
  assertEquals((await link.request(page({ files: [file("a")] }), "Noted")).whole, true);
  assertEquals(await listed(), [[1, 1000]]);
  await link.request(page({ id: "b9", files: [], more: true }), "Noted");
  await link.request({ kind: "Withdraw", id: "b9" }, "Noted");
  const noted = await link.request(page({ id: "b9", files: [file("b")] }), "Noted");
  assertEquals([noted.whole, noted.withdrawn], [true, true]);
  assertEquals((await listed()).length, 1);
});
