import { assert, assertEquals, assertLess } from "@std/assert";
import { type Seen, YieldingRate } from "./yielding.ts";

const STEP = 200;
const TRIP = 0.3;

/** A link with a queue: we send at the rate, others take their part first. */
class Link {
  #queue = 0;
  rates: number[] = [];
  delays: number[] = [];
  now = 0;
  constructor(readonly capacity: number, readonly buffer: number, readonly yielding = new YieldingRate()) {}

  /** @param others bytes per second of other traffic, which doesn't make way. */
  run(seconds: number, others = 0, seen: Partial<Seen> = {}): void {
    for (const end = this.now + seconds * 1000; this.now < end;) {
      this.now += STEP;
      const room = Math.max(0, this.capacity - others) * STEP / 1000;
      const wanted = this.yielding.rate * STEP / 1000;
      const taken = Math.min(wanted, room - this.#queue + this.buffer);
      this.#queue = Math.max(0, this.#queue + taken - room);
      const delay = this.#queue / this.capacity * 1000;
      const writing = taken < wanted ? STEP : 1;
      const trips = [{ target: "pc1", ms: TRIP + delay }, { target: "pc2", ms: TRIP * 3 + delay }];
      const all = { now: this.now, ms: STEP, trips, lost: 0, bytes: taken, writing, pressed: true, ...seen };
      this.yielding.step(all);
      this.rates.push(taken * 1000 / STEP);
      this.delays.push(delay);
    }
  }
  /** What the last so many seconds came to. */
  last(seconds: number): { rate: number; delay: number } {
    const steps = Math.round(seconds * 1000 / STEP);
    const mean = (all: number[]) => all.slice(-steps).reduce((sum, x) => sum + x, 0) / steps;
    return { rate: mean(this.rates), delay: mean(this.delays) };
  }
}

Deno.test("alone on a link it takes most of it, and keeps the queue short", () => {
  for (const capacity of [1.25e6, 12.5e6, 125e6]) {
    const link = new Link(capacity, capacity / 4);
    link.run(60);
    const { rate, delay } = link.last(30);
    assert(rate > 0.75 * capacity, `${rate} of ${capacity}`);
    assertLess(delay, 12);
  }
});

Deno.test("it makes way for others, and comes back when they have gone", () => {
  const link = new Link(12.5e6, 12.5e6 / 4);
  link.run(20);
  link.run(20, 10e6);
  const beside = link.last(10);
  assertLess(beside.rate, 2.6e6);
  assertLess(beside.delay, 60);
  link.run(40);
  assert(link.last(10).rate > 9e6, String(link.last(10).rate));
});

Deno.test("where queues are too short to be seen, slow writing is the sign", () => {
  const link = new Link(12.5e6, 12.5e6 / 500);
  link.run(60);
  const { rate } = link.last(30);
  assert(rate > 0.7 * 12.5e6 && rate < 0.98 * 12.5e6, String(rate));
});

Deno.test("lost round trips make it fall, to its least and no further", () => {
  const link = new Link(12.5e6, 1e6);
  link.run(5);
  link.run(30, 0, { trips: [], lost: 1 });
  assertEquals(link.yielding.rate, 250e3);
});

Deno.test("a rate that nothing waits for doesn't grow", () => {
  const link = new Link(12.5e6, 1e6);
  link.run(30, 0, { pressed: false, bytes: 0 });
  assertEquals(link.yielding.rate, 1e6);
});

Deno.test("a longer way is no queue after a minute or two", () => {
  const yielding = new YieldingRate();
  const seen = { ms: STEP, lost: 0, bytes: 1e5, writing: 0, pressed: true };
  for (let now = 0; now < 300_000; now += STEP) {
    yielding.step({ ...seen, now, trips: [{ target: "pc1", ms: now < 10_000 ? 1 : 31 }] });
  }
  assert(yielding.rate > 10e6, String(yielding.rate));
});
