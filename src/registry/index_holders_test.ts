/** Somebody who came by the files of a broadcast in another way delivers it, where nobody else can. */

import { assert, assertEquals } from "@std/assert";
import { LabError } from "../base/errors.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import { Ear, file, receipts, states, tell } from "./_broadcasting.ts";
import { Lab, row } from "./_testing.ts";

/** A row of the index for a file of the broadcast. */
const held = (name: string) => row(name, { size: 1000, sha256: "ab".repeat(32) });

const announce = (link: Connection, cookie: string, ...names: string[]) =>
  link.request({ kind: "Announce", cookie, reset: true, rows: names.map(held), gone: [] }, "Announced");

Deno.test("the sender is gone, and somebody brings exactly its file: those who wait get it from there", async () => {
  await using lab = await Lab.start();
  const ear = new Ear();
  await lab.join("pc1", undefined, 1001, ear.handler);
  const link = await tell(lab, { to: ["pc1"] });
  await receipts(link, [{ name: "pc1", state: "failed", code: "unreachable" }], { over: true });
  const stick = await lab.join("pc9", undefined, 1009);
  // Another file of that name is not it.
  await stick.link.request({
    ...{ kind: "Announce", cookie: stick.cookie, reset: true, gone: [] },
    rows: [row("a.iso", { size: 1000, sha256: "cd".repeat(32) })],
  }, "Announced");
  lab.clock.advance(4_000);
  assertEquals(await states(lab), ["pc1 failed"]);
  assertEquals(ear.offers.length, 0);
  await announce(stick.link, stick.cookie, "a.iso");
  const arrived = lab.log.next(/Offer +pc1: a\.iso has arrived/);
  lab.clock.advance(2_000);
  await arrived;
  assertEquals(ear.offers[0]!.holders, [{ name: "pc9", address: "127.0.0.1", port: 1009 }]);
  assertEquals(await states(lab), ["pc1 done"]);
});

Deno.test("who brings it is one of those who wait: it says that it has it, and then delivers", async () => {
  await using lab = await Lab.start();
  const [ear, own] = [new Ear(), new Ear()];
  await lab.join("pc1", undefined, 1001, ear.handler);
  const link = await tell(lab);
  await receipts(link, [{ name: "pc1", state: "failed", code: "unreachable" }], { over: true });
  const stick = await lab.join("pc2", undefined, 1002, own.handler);
  await announce(stick.link, stick.cookie, "a.iso");
  const arrived = [1, 2].map((i) => lab.log.next(new RegExp(`Offer +pc${i}: a\\.iso has arrived`)));
  lab.clock.advance(2_000);
  await Promise.all(arrived);
  assertEquals(ear.offers[0]!.holders!.map(({ name }) => name), ["pc2"]);
  assertEquals(await states(lab), ["pc1 done", "pc2 done"]);
});

Deno.test("who has only a part of it is asked once, and again when it holds more", async () => {
  await using lab = await Lab.start();
  const offers: string[][] = [];
  let has = false;
  const handler: Handler = async (message, exchange) => {
    assert(message.kind === "Offer");
    const without = message.holders!.map(({ name }) => name);
    offers.push(without);
    if (has) return await exchange.send({ kind: "Receipt", files: [] });
    await exchange.send({ kind: "OfferProgress", bytes: 0, total: 0, without });
    throw new LabError("not_found", "it doesn't have b");
  };
  await lab.join("pc1", undefined, 1001, handler);
  const link = await tell(lab, { to: ["pc1"], files: [file("a"), file("b"), file("c")] });
  await receipts(link, [{ name: "pc1", state: "failed", code: "unreachable" }], { over: true });
  const stick = await lab.join("pc9", undefined, 1009);
  await announce(stick.link, stick.cookie, "a", "b");
  const looks = async (times: number) => {
    for (let i = 0; i < times; i++) {
      lab.clock.advance(2_000);
      await states(lab);
    }
  };
  await looks(5);
  assertEquals(offers, []);
  await announce(stick.link, stick.cookie, "a", "c");
  const asked = lab.log.next(/Offer +pc1: a\.iso, from 1 that seem to have it/);
  lab.clock.advance(2_000);
  await asked;
  await looks(10);
  assertEquals(offers, [["pc9"]]);
  has = true;
  await announce(stick.link, stick.cookie, "a", "b", "c");
  const arrived = lab.log.next(/Offer +pc1: a\.iso has arrived/);
  lab.clock.advance(2_000);
  await arrived;
  assertEquals(offers, [["pc9"], ["pc9"]]);
});
