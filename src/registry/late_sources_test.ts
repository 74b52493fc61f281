/** Who is named to those who come late, and who isn't any more. */

import { assert, assertEquals } from "@std/assert";
import { until } from "../base/_patience.ts";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { done, Ear, receipts, tell } from "./_broadcasting.ts";
import { head, peer } from "./_store_contract.ts";
import { Lab } from "./_testing.ts";
import { Broadcasts } from "./broadcasts.ts";
import { Deliveries } from "./deliveries.ts";
import { Holdings } from "./holdings.ts";
import { Members } from "./members.ts";
import { MemoryStore } from "./memory_store.ts";

Deno.test("who said that it isn't there is not named again, until it registers anew; nobody: no offer", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1", undefined, 1001);
  await lab.join("pc2", undefined, 1002);
  await receipts(await tell(lab), [done("pc1"), done("pc2")], { over: true });
  const named: string[][] = [];
  const absent = ["pc9", "pc2", "pc1", "pc2"];
  await lab.join("pc3", undefined, 1003, async (message, exchange) => {
    assert(message.kind === "Offer");
    named.push(message.holders!.map(({ name }) => name).sort());
    await exchange.send({ kind: "OfferProgress", bytes: 0, total: 1000, without: absent.splice(0, 2) });
    throw new LabError("not_found", "nobody has it");
  });
  await until("a second offer", () => named.length >= 2, async () => {
    await lab.dial("tool");
    lab.clock.advance(250);
  });
  assertEquals(named, [["pc1", "pc2"], ["pc1"]]);
  for (let i = 0; i < 30; i++) {
    await lab.dial("tool");
    lab.clock.advance(500);
  }
  assertEquals(named.length, 2, "nobody is left who has it");
  pc1.link.close();
  await lab.log.next(/Lost/);
  await lab.join("pc1", pc1.cookie, 1001);
  await until("a third offer", () => named.length >= 3, () => lab.dial("tool"));
  assertEquals(named[2], ["pc1"]);
});

Deno.test("who has it but has lost its connection is not named; it's offered when it's back", async () => {
  await using lab = await Lab.start();
  const pc1 = await lab.join("pc1", undefined, 1001);
  await receipts(await tell(lab), [done("pc1")], { over: true });
  pc1.link.close();
  await lab.log.next(/Lost/);
  const ear = new Ear();
  await lab.join("pc2", undefined, 1002, ear.handler);
  await lab.dial("tool");
  assertEquals(ear.offers.length, 0);
  const arrived = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  await lab.join("pc1", pc1.cookie, 1001);
  await arrived;
});

Deno.test("while a newer one of that name is sent, and hashed yet, the older one waits; for those it's for", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  await receipts(await tell(lab), [done("pc1")], { over: true });
  lab.clock.advance(1);
  const newer = await tell(lab, { id: "b1", name: "A.iso", files: [], more: true, to: ["pc2"] });
  const ears = [new Ear(), new Ear()];
  await lab.join("pc2", undefined, 1002, ears[0]!.handler);
  const arrived = lab.log.next(/Offer +pc3: a\.iso has arrived/);
  await lab.join("pc3", undefined, 1003, ears[1]!.handler);
  await arrived;
  assertEquals(ears.map(({ offers }) => offers.length), [0, 1]);
  const then = lab.log.next(/Offer +pc2: a\.iso has arrived/);
  // It came to nothing.
  await newer.request({ kind: "Withdraw", id: "b1" }, "Noted");
  await then;
});

Deno.test("late offers that fail are made ever more rarely, and one at a time", async () => {
  await using lab = await Lab.start();
  await lab.join("pc1", undefined, 1001);
  await receipts(await tell(lab), [done("pc1")], { over: true });
  let open = 0;
  const times: number[] = [];
  const ear = new Ear(async () => {
    assertEquals(++open, 1);
    times.push(lab.clock.now());
    await lab.dial("tool");
    open--;
    throw new LabError("unreachable", "nobody answers");
  });
  await lab.join("pc2", undefined, 1002, ear.handler);
  await until("a fourth offer", () => times.length >= 4, async () => {
    await lab.dial("tool");
    lab.clock.advance(250);
  });
  const gaps = times.slice(1).map((at, i) => at - times[i]!);
  assert(gaps.every((gap, i) => gap >= 1_000 * 3 ** i), `${gaps}`);
});

Deno.test("a restarted server with new PCs at the old ones' places: those are gone at once, and stay so", async () => {
  const store = new MemoryStore();
  const options = { data: { store } };
  {
    await using lab = await Lab.start(options);
    await lab.join("pc1", undefined, 1001);
    await lab.join("pc2", undefined, 1002);
    await receipts(await tell(lab), [done("pc1"), done("pc2")]);
  }
  await using lab = await Lab.start(options);
  const ear = new Ear();
  const inactive = lab.log.next(/Inactive +pc1: another peer listens at its address and port/);
  await lab.join("pc1", undefined, 1001, ear.handler);
  await inactive;
  assertEquals([...lab.server.members.list()].map(({ name }) => name), ["pc1-2", "pc2"]);
  const kept = [...await store.loadPeers()].map(({ name, active }) => `${name} ${active}`);
  assertEquals(kept.sort(), ["pc1 false", "pc1-2 true", "pc2 true"]);
  await lab.dial("tool");
  assertEquals(ear.offers.length, 0, "nobody who has it is there");
});

Deno.test("a campus that is switched on: where looking who can be offered what takes long, not each PC has it done", () => {
  const clock = new FakeClock();
  const members = new Members(7_200_000);
  const now = () => ({ wall: clock.now(), mono: clock.monotonic() });
  const broadcasts = new Broadcasts();
  broadcasts.load([head("b1", { began: clock.now(), expires: clock.now() + 3600_000 })], []);
  let looks = 0;
  const deliveries = new Deliveries({
    registry: {
      ...{ members, broadcasts, holdings: new Holdings(), store: new MemoryStore() },
      ...{ random: seededRandom(1), epoch: "e", now },
    },
    ...{ clock, log: silentLogger, here: () => 1, isHere: () => true, port: () => 1 },
    connectionOf: () => {
      looks++;
      clock.advance(10);
      return undefined;
    },
  });
  const registers = (n: number) =>
    deliveries.registered(members.register(peer(n), undefined, `c${n}`, now()).record);
  for (let n = 0; n < 100; n++) registers(n);
  assertEquals(looks, 1);
  // Those who wait are looked at together, and nobody is once nobody asks.
  clock.advance(200);
  assertEquals(looks, 100);
  clock.advance(600_000);
  assertEquals(looks, 100);
  registers(100);
  assertEquals(looks, 101);
  deliveries.close();
});
