/**
 * The scheduler's invariants after every one of many random events: sources come, go, refuse, withdraw, deliver late or
 * twice; contents come and go. Failures print fast-check's seed and the shortest list of events.
 */

import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { Scheduler } from "./scheduler.ts";
import type { PieceOrder } from "./types.ts";

const LIMITS = { depthBytes: 50, depthRequests: 3, patience: 40 };
const SOURCES = 5;
const CONTENTS = ["a", "b", "c"];

/** An event, with a number that picks among whatever it can happen to. */
type Happening = { what: typeof WHAT[number]; pick: number; other: number };
const WHAT = [
  "source",
  "lost",
  "offer all",
  "offer some",
  "withdraw",
  "content",
  "remove",
  "deliver",
  "deliver",
  "deliver",
  "late",
  "fail",
  "time",
] as const;

const happenings = fc.array(
  fc.record({ what: fc.constantFrom(...WHAT), pick: fc.nat(1000), other: fc.nat(1000) }),
  { maxLength: 120 },
);

const key = ({ content, piece }: { content: string; piece: number }) => `${content}/${piece}`;

/** What the outside knows: enough to say what may be asked for, and nothing of how it's decided. */
class Model {
  now = 0;
  readonly scheduler = new Scheduler(LIMITS);
  readonly sources = new Set<number>();
  readonly lengths = new Map<string, number[]>();
  readonly held = new Map<string, Set<number>>();
  /** Pieces that a source offers, by source and content. */
  readonly offers = new Map<string, Set<number>>();
  readonly refused = new Set<string>();
  /** Requests under way. */
  asked: PieceOrder[] = [];
  /** When a source last answered, or was idle and then asked. */
  readonly heard = new Map<number, number>();
  /** Requests that nobody waits for any more, but whose answers may still come. */
  late: PieceOrder[] = [];
  #nextSource = 1;

  offerOf(source: number, content: string): Set<number> {
    const at = `${source}/${content}`;
    if (!this.offers.has(at)) this.offers.set(at, new Set());
    return this.offers.get(at)!;
  }

  drop(gone: (order: PieceOrder) => boolean): void {
    this.late.push(...this.asked.filter(gone));
    this.asked = this.asked.filter((order) => !gone(order));
  }

  apply({ what, pick, other }: Happening): void {
    const source = [...this.sources][pick % Math.max(1, this.sources.size)];
    const content = [...this.lengths.keys()][other % Math.max(1, this.lengths.size)];
    const order = this.asked[pick % Math.max(1, this.asked.length)];
    switch (what) {
      case "source":
        return this.addSource();
      case "lost":
        return source === undefined ? undefined : this.lose(source);
      case "offer all":
      case "offer some":
        if (source !== undefined && content !== undefined) this.offer(source, content, what, pick);
        return;
      case "withdraw":
        if (source === undefined || content === undefined) return;
        this.scheduler.withdraw(source, content);
        this.offers.delete(`${source}/${content}`);
        return this.drop((each) => each.source === source && each.content === content);
      case "content":
        return this.addContent(CONTENTS[pick % CONTENTS.length]!, other);
      case "remove":
        return content === undefined ? undefined : this.removeContent(content);
      case "deliver":
        return order && this.deliver(order);
      case "late":
        return this.deliverLate(pick, other);
      case "fail":
        return order && this.fail(order);
      case "time":
        this.now += pick % 100;
    }
  }

  addSource(): void {
    if (this.sources.size >= SOURCES) return;
    const id = this.#nextSource++;
    this.scheduler.addSource(id, this.now);
    this.sources.add(id);
    this.heard.set(id, this.now);
  }

  lose(source: number): void {
    this.scheduler.removeSource(source);
    this.sources.delete(source);
    for (const content of CONTENTS) this.offers.delete(`${source}/${content}`);
    this.drop((each) => each.source === source);
  }

  offer(source: number, content: string, what: "offer all" | "offer some", pick: number): void {
    const all = this.lengths.get(content)!.map((_, piece) => piece);
    const some = what === "offer all" ? all : all.filter((piece) => (pick >> (piece % 8)) & 1);
    this.scheduler.offer(source, content, what === "offer all" ? "all" : some);
    for (const piece of some) this.offerOf(source, content).add(piece);
  }

  addContent(id: string, shape: number): void {
    if (this.lengths.has(id)) return;
    const lengths = Array.from({ length: shape % 12 }, (_, i) => 1 + (shape * (i + 7)) % 60);
    const held = lengths.map((_, i) => i).filter((i) => (shape >> (i % 10)) & 1);
    this.scheduler.addContent(id, lengths, held);
    this.lengths.set(id, lengths);
    this.held.set(id, new Set(held));
  }

  removeContent(id: string): void {
    this.scheduler.removeContent(id);
    this.lengths.delete(id);
    this.held.delete(id);
    for (const source of this.sources) this.offers.delete(`${source}/${id}`);
    this.drop((each) => each.content === id);
    // The refusals go with it, and so do answers that would be taken for those of its successor.
    for (const each of [...this.refused]) if (each.includes(`/${id}/`)) this.refused.delete(each);
    this.late = this.late.filter((each) => each.content !== id);
  }

  deliver(order: PieceOrder): void {
    const held = this.held.get(order.content)!;
    assertEquals(this.scheduler.arrived(order, this.now), !held.has(order.piece), "new or duplicate");
    held.add(order.piece);
    this.settle(order);
  }

  settle(order: PieceOrder): void {
    this.asked = this.asked.filter((each) => each !== order);
    this.heard.set(order.source, this.now);
  }

  /** An answer that nobody waits for: delivered after a withdrawal or a loss, or a second time; or failed late. */
  deliverLate(pick: number, other: number): void {
    const order = this.late[pick % Math.max(1, this.late.length)];
    if (!order || !this.lengths.has(order.content)) return;
    // Asked anew meanwhile: it's an answer like any other.
    const current = this.asked.find((each) => each.source === order.source && key(each) === key(order));
    if (current) return other % 2 ? this.deliver(current) : this.fail(current);
    if (other % 2) {
      const held = this.held.get(order.content)!;
      assertEquals(this.scheduler.arrived(order, this.now), !held.has(order.piece));
      held.add(order.piece);
    } else {
      this.scheduler.failed(order, this.now);
      this.refused.add(`${order.source}/${key(order)}`);
    }
  }

  fail(order: PieceOrder): void {
    this.scheduler.failed(order, this.now);
    this.refused.add(`${order.source}/${key(order)}`);
    this.settle(order);
  }

  /** Takes the orders that come now, and looks whether each is allowed. */
  poll(): number {
    const orders = this.scheduler.poll(this.now);
    for (const order of orders) {
      const { source, content, piece } = order;
      assert(this.sources.has(source), "of a source that is here");
      assert(this.offerOf(source, content).has(piece), "of a source that has it");
      assert(!this.refused.has(`${source}/${key(order)}`), "never of a source that failed it");
      assert(!this.held.get(content)!.has(piece), "held is final");
      const same = this.asked.filter((each) => key(each) === key(order));
      assert(!same.some((each) => each.source === source), "never twice of one source");
      const silent = (each: PieceOrder) => this.now - this.heard.get(each.source)! > LIMITS.patience;
      assert(same.length < 2 || same.every(silent), "of two sources, and of more when these are silent");
      if (!this.asked.some((each) => each.source === source)) this.heard.set(source, this.now);
      this.asked.push(order);
    }
    this.check();
    return orders.length;
  }

  check(): void {
    assertEquals(this.scheduler.asked, this.asked.length);
    for (const source of this.sources) {
      const mine = this.asked.filter((each) => each.source === source);
      const bytes = mine.reduce((sum, each) => sum + this.lengths.get(each.content)![each.piece]!, 0);
      assert(mine.length <= LIMITS.depthRequests, "no more requests than the depth");
      assert(mine.length <= 1 || bytes <= LIMITS.depthBytes, `no more bytes than the depth: ${bytes}`);
    }
    for (const [content, lengths] of this.lengths) {
      const held = this.held.get(content)!;
      assertEquals(this.scheduler.heldCount(content), held.size);
      assertEquals(this.scheduler.isDone(content), held.size === lengths.length);
      const starved = lengths.some((_, piece) =>
        !held.has(piece) && !this.asked.some((each) => key(each) === key({ content, piece })) &&
        ![...this.sources].some((source) =>
          this.offerOf(source, content).has(piece) && !this.refused.has(`${source}/${content}/${piece}`)
        )
      );
      assertEquals(this.scheduler.isStarved(content), starved, "starved: nobody here can deliver it");
    }
  }
}

Deno.test("the invariants hold after every event, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(happenings, (events) => {
      const model = new Model();
      model.apply({ what: "content", pick: 0, other: 700 });
      for (const event of events) {
        model.apply(event);
        model.check();
        model.poll();
      }
    }),
    { numRuns: 400 },
  );
});

Deno.test("with one honest source that has everything, everything gets done", () => {
  fc.assert(
    fc.property(happenings, (events) => {
      const model = new Model();
      for (const event of events) {
        model.apply(event);
        model.poll();
      }
      while (model.sources.size >= SOURCES) model.lose([...model.sources][0]!);
      model.addSource();
      const honest = [...model.sources].at(-1)!;
      for (const content of model.lengths.keys()) model.offer(honest, content, "offer all", 0);
      // From now on the others keep silent; the honest one answers one request after the other.
      for (let steps = 0; [...model.lengths.keys()].some((each) => !model.scheduler.isDone(each)); steps++) {
        assert(steps < 500, "it comes to an end");
        model.now += 10;
        model.poll();
        const order = model.asked.find((each) => each.source === honest);
        if (order) model.deliver(order);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("a source that is asked for the rarest piece is asked for one that no other offers less often", () => {
  const world = fc.record({
    pieces: fc.integer({ min: 1, max: 12 }),
    offers: fc.array(fc.uniqueArray(fc.nat(11)), { minLength: 1, maxLength: 5 }),
  });
  fc.assert(fc.property(world, ({ pieces, offers }) => {
    const scheduler = new Scheduler({ depthBytes: 1e9, depthRequests: 1, patience: 1e9 });
    scheduler.addContent("a", new Array(pieces).fill(1));
    const has = offers.map((list) => list.filter((piece) => piece < pieces));
    has.forEach((list, id) => {
      scheduler.addSource(id, 0);
      scheduler.offer(id, "a", list);
    });
    const rarity = (piece: number) => has.filter((list) => list.includes(piece)).length;
    const taken = new Set<number>();
    for (const { source, piece } of scheduler.poll(0)) {
      const free = has[source]!.filter((each) => !taken.has(each));
      assertEquals(rarity(piece), Math.min(...free.map(rarity)));
      taken.add(piece);
    }
  }));
});
