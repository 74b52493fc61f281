import { assert, assertEquals } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { Transfers } from "./transfers.ts";

const MB = 1e6;

Deno.test("what comes in is listed from its first progress to its end", () => {
  const transfers = new Transfers(new FakeClock());
  const fetch = transfers.receiving();
  const send = transfers.receiving("alice");
  assertEquals(transfers.list(), []);
  fetch.progress({ name: "a.iso", bytes: MB, total: 9 * MB, rate: MB, sources: 2 });
  fetch.progress({ name: "b.iso", bytes: 9, total: 9, rate: 1, sources: 1 });
  send.progress({ name: "c", bytes: 1, total: 2, rate: 1 });
  assertEquals(transfers.list(), [
    { direction: "in", name: "a.iso", bytes: MB, total: 9 * MB, rate: MB, sources: 2 },
    { direction: "in", name: "c", bytes: 1, total: 2, rate: 1, peer: "alice" },
  ]);
  fetch.end();
  send.end();
  assertEquals(transfers.list(), []);
});

Deno.test("what goes out is under way while pieces are asked for; its rate is that of late", () => {
  const clock = new FakeClock();
  const transfers = new Transfers(clock);
  for (let i = 0; i < 10; i++) {
    transfers.sent("bob", "a.iso", MB);
    clock.advance(500);
  }
  transfers.sent("carol", "a.iso", 2 * MB);
  const [bob, carol] = transfers.list();
  assertEquals([bob?.peer, bob?.bytes, bob?.direction, bob?.total], ["bob", 10 * MB, "out", undefined]);
  assertEquals(bob?.rate, Math.round(5 * MB / 3), "five pieces within less than three seconds");
  assertEquals(carol?.rate, 2 * MB, "a first piece doesn't make a rate without end");
  clock.advance(4_000);
  assertEquals(transfers.list().map(({ peer, rate }) => [peer, rate]), [["bob", 0], ["carol", 0]]);
  clock.advance(1_000);
  assertEquals(transfers.list(), []);
});

Deno.test("however many there are, memory and lists stay small", () => {
  const clock = new FakeClock();
  const transfers = new Transfers(clock);
  for (let i = 0; i < 1_000; i++) transfers.sent(`pc${i}`, "a.iso", MB);
  assertEquals(transfers.list().length, 100);
  clock.advance(10_000);
  transfers.sent("late", "b", 1);
  assertEquals(transfers.list().map(({ peer }) => peer), ["late"]);
});

Deno.test("nothing is kept of what is over, though nobody asks for the list", () => {
  const clock = new FakeClock();
  const transfers = new Transfers(clock);
  for (let i = 0; i < 500; i++) {
    transfers.sent("bob", `${i}.iso`, MB);
    clock.advance(1_000);
    transfers.tidy();
    assert(transfers.outgoing <= 5, `${transfers.outgoing}`);
  }
});
