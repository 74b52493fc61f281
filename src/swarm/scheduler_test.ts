/** Who is asked for which piece: the rules, one by one. The invariants under random events are in scheduler_property_test.ts. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { Scheduler, type SchedulerLimits } from "./scheduler.ts";
import type { PieceOrder } from "./types.ts";

const text = ({ source, content, piece }: PieceOrder) => `${source}:${content}${piece}`;

/** A scheduler with a content "a" of so many pieces of 10 bytes, and sources 1...n that have all of it. */
function world(pieces: number, sources: number, limits: Partial<SchedulerLimits> = {}) {
  const scheduler = new Scheduler({ depthBytes: 100, depthRequests: 4, patience: 1000, ...limits });
  scheduler.addContent("a", new Array(pieces).fill(10));
  for (let id = 1; id <= sources; id++) {
    scheduler.addSource(id, 0);
    scheduler.offer(id, "a");
  }
  const poll = (now = 0) => scheduler.poll(now).map(text);
  const order = (source: number, piece: number): PieceOrder => ({ source, content: "a", piece });
  const arrive = (source: number, piece: number, now = 0) => scheduler.arrived(order(source, piece), now);
  const fail = (source: number, piece: number, now = 0) => scheduler.failed(order(source, piece), now);
  return { scheduler, poll, arrive, fail };
}

Deno.test("consecutive pieces go to different sources, each up to its depth", () => {
  const { poll, scheduler } = world(20, 2);
  assertEquals(poll(), ["1:a0", "2:a1", "1:a2", "2:a3", "1:a4", "2:a5", "1:a6", "2:a7"]);
  assertEquals([poll(), scheduler.asked], [[], 8]);
});

Deno.test("depth is counted in bytes too, and a piece larger than it is asked for alone", () => {
  assertEquals(world(9, 1, { depthBytes: 30 }).poll(), ["1:a0", "1:a1", "1:a2"]);
  assertEquals(world(9, 1, { depthBytes: 25 }).poll(), ["1:a0", "1:a1"]);
  assertEquals(world(9, 1, { depthBytes: 5 }).poll(), ["1:a0"]);
});

Deno.test("each piece that arrives makes room for the next, until all are held", () => {
  const { poll, arrive, scheduler } = world(6, 1);
  poll();
  assert(arrive(1, 0));
  assertEquals(poll(), ["1:a4"]);
  for (let piece = 1; piece < 5; piece++) assert(arrive(1, piece));
  assertEquals([poll(), scheduler.heldCount("a"), scheduler.isDone("a")], [["1:a5"], 5, false]);
  assert(arrive(1, 5));
  assertEquals([poll(), scheduler.asked, scheduler.isDone("a")], [[], 0, true]);
});

Deno.test("pieces are asked for by the batch: when there is room for a whole one, and at the end what is left", () => {
  const { poll, arrive, scheduler } = world(9, 1, { batch: 2 });
  assertEquals(poll(), ["1:a0", "1:a1", "1:a2", "1:a3"]);
  arrive(1, 0);
  assertEquals(poll(), []);
  arrive(1, 1);
  assertEquals(poll(), ["1:a4", "1:a5"]);
  for (let piece = 2; piece < 4; piece++) arrive(1, piece);
  assertEquals(poll(), ["1:a6", "1:a7"]);
  for (let piece = 4; piece < 6; piece++) arrive(1, piece);
  assertEquals([poll(), poll()], [["1:a8"], []]);
  for (let piece = 6; piece < 9; piece++) arrive(1, piece);
  assert(scheduler.isDone("a"));
});

Deno.test("a batch larger than a source may be asked for waits for half of that at most", () => {
  const { poll, arrive } = world(9, 1, { batch: 4, depthBytes: 20 });
  assertEquals(poll(), ["1:a0", "1:a1"]);
  arrive(1, 0);
  assertEquals(poll(), ["1:a2"]);
});

Deno.test("pieces held from the start are not asked for", () => {
  const { scheduler, poll } = world(0, 1);
  scheduler.addContent("b", [10, 10, 10], [0, 2, 2, 7]);
  scheduler.offer(1, "b");
  assertEquals([poll(), scheduler.heldCount("b")], [["1:b1"], 2]);
});

Deno.test("a content without pieces is done at once", () => {
  const { scheduler } = world(0, 1);
  assert(scheduler.isDone("a"));
  assertFalse(scheduler.isStarved("a"));
});

Deno.test("a source that offers nothing is asked for nothing, and one with some pieces only for those", () => {
  const { scheduler, poll } = world(5, 0);
  scheduler.addSource(1, 0);
  assertEquals(poll(), []);
  scheduler.offer(1, "a", [3, 1, 99]);
  assertEquals(poll().sort(), ["1:a1", "1:a3"]);
  scheduler.offer(1, "a", [3, 4]);
  assertEquals(poll(), ["1:a4"]);
});

Deno.test("what few have comes first", () => {
  const { scheduler, poll } = world(4, 0, { depthRequests: 1 });
  for (const id of [1, 2, 3]) scheduler.addSource(id, 0);
  scheduler.offer(1, "a", [0, 1, 2, 3]);
  scheduler.offer(2, "a", [0, 1, 2]);
  scheduler.offer(3, "a", [0, 1]);
  assertEquals(poll(), ["1:a3", "2:a2", "3:a0"]);
});

Deno.test("contents are fetched in the order in which they came, the next while the first is waited for", () => {
  const { scheduler, poll } = world(2, 1);
  scheduler.addContent("b", [10, 10]);
  scheduler.offer(1, "b");
  assertEquals(poll(), ["1:a0", "1:a1", "1:b0", "1:b1"]);
});

Deno.test("what a source failed is asked of others only", () => {
  const { poll, fail, scheduler } = world(1, 2);
  assertEquals(poll(), ["1:a0"]);
  fail(1, 0);
  assertEquals(poll(), ["2:a0"]);
  fail(2, 0);
  assertEquals([poll(), scheduler.isStarved("a")], [[], true]);
  scheduler.addSource(3, 0);
  scheduler.offer(3, "a");
  assertEquals([scheduler.isStarved("a"), poll()], [false, ["3:a0"]]);
});

Deno.test("what a lost source owed is asked of the others", () => {
  const { poll, scheduler } = world(3, 1);
  assertEquals(poll(), ["1:a0", "1:a1", "1:a2"]);
  scheduler.addSource(2, 0);
  scheduler.offer(2, "a");
  scheduler.removeSource(1);
  assertEquals(poll(), ["2:a0", "2:a1", "2:a2"]);
});

Deno.test("a piece of a lost source that arrives after all counts, and once", () => {
  const { poll, arrive, scheduler } = world(2, 1);
  poll();
  scheduler.removeSource(1);
  assert(arrive(1, 0));
  assertFalse(arrive(1, 0));
  scheduler.addSource(2, 0);
  scheduler.offer(2, "a");
  assertEquals(poll(), ["2:a1"]);
});

Deno.test("a piece that fails after it came from elsewhere stays held", () => {
  const { poll, arrive, fail, scheduler } = world(1, 2);
  poll();
  poll(5000);
  assert(arrive(2, 0, 5000));
  fail(1, 0, 5001);
  assertEquals([scheduler.isDone("a"), scheduler.asked, poll(9000)], [true, 0, []]);
});

Deno.test("withdrawing a content from a source leaves its others and frees its depth", () => {
  const { scheduler, poll } = world(3, 1);
  scheduler.addContent("b", [10, 10, 10]);
  scheduler.offer(1, "b");
  assertEquals(poll(), ["1:a0", "1:a1", "1:a2", "1:b0"]);
  scheduler.withdraw(1, "a");
  assertEquals(poll(), ["1:b1", "1:b2"]);
  assert(scheduler.isStarved("a"));
});

Deno.test("a content that was removed costs no depth, and what comes of it late is nothing", () => {
  const { scheduler, poll, arrive, fail } = world(4, 1);
  poll();
  scheduler.removeContent("a");
  assertEquals([scheduler.asked, arrive(1, 0), scheduler.isDone("a")], [0, false, false]);
  fail(1, 1);
  scheduler.addContent("b", [10]);
  scheduler.offer(1, "b");
  assertEquals(poll(), ["1:b0"]);
});

Deno.test("events about what nobody knows change nothing", () => {
  const { scheduler, poll, arrive, fail } = world(1, 1);
  scheduler.removeSource(9);
  scheduler.removeContent("z");
  scheduler.withdraw(9, "a");
  scheduler.offer(9, "a");
  scheduler.offer(1, "z");
  fail(9, 0);
  assertFalse(arrive(9, 5));
  assertEquals([scheduler.isStarved("z"), scheduler.heldCount("z"), scheduler.rateOf(9)], [false, 0, 0]);
  assertEquals(poll(), ["1:a0"]);
});

Deno.test("an idle source takes over what a stuck one owes, the oldest first, and a third one when both are", () => {
  const { scheduler, poll } = world(2, 1);
  assertEquals(poll(0), ["1:a0", "1:a1"]);
  for (const id of [2, 3, 4]) {
    scheduler.addSource(id, 500);
    scheduler.offer(id, "a");
  }
  assertEquals(poll(1000), []);
  assertEquals(poll(1001), ["2:a0", "3:a1"]);
  // Source 1 is stuck, 2 and 3 are not yet; each piece is asked for twice, so 4 stays idle.
  assertEquals(poll(1500), []);
  assertEquals(poll(5000), ["4:a0"]);
});

Deno.test("a source that delivers steadily keeps its pieces; a much slower one loses its last ones", () => {
  // Source 2 needs `each` milliseconds for a piece; source 1 one millisecond.
  const doubled = (each: number) => {
    const { scheduler, poll, arrive } = world(12, 2, { patience: 1e9, depthRequests: 6 });
    poll(0);
    for (const piece of [0, 2, 4, 6, 8, 10]) arrive(1, piece, piece / 2 + 1);
    for (const piece of [1, 3, 5]) arrive(2, piece, each * (piece + 1) / 2);
    scheduler.poll(3 * each);
    return scheduler.asked - 3;
  };
  assertEquals(doubled(20), 0);
  assertEquals(doubled(200), 1);
});

Deno.test("the rate of a source is what it delivers, pauses between requests left out", () => {
  const { scheduler, arrive } = world(3, 1, { depthRequests: 1 });
  scheduler.poll(0);
  arrive(1, 0, 1000);
  assertEquals(scheduler.rateOf(1), 10);
  scheduler.poll(61_000);
  arrive(1, 1, 62_000);
  assertEquals(scheduler.rateOf(1), 10);
});

Deno.test("a connection isn't asked for what another one to the same holder owes, unless that one is stuck", () => {
  const scheduler = new Scheduler({ patience: 1000 });
  scheduler.addSource(1, 0, "pc1");
  scheduler.addSource(2, 0, "pc1");
  scheduler.addContent("a", [10, 10]);
  for (const id of [1, 2]) scheduler.offer(id, "a");
  assertEquals(scheduler.poll(0).length, 2);
  scheduler.arrived({ source: 1, content: "a", piece: 0 }, 1);
  assertEquals(scheduler.poll(500), []);
  assertEquals(scheduler.poll(1001), [{ source: 1, content: "a", piece: 1 }]);
});
