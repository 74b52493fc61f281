import { assertEquals } from "@std/assert";
import { Backoff } from "./backoff.ts";

const middle = { next: () => 0.5 };
const failed = { servers: 1, isFull: false, lasted: 3 };
const times = (backoff: Backoff, count: number, attempt = failed) =>
  Array.from({ length: count }, () => backoff.ended(attempt));

Deno.test("pauses double up to the longest, and begin anew after a registration that lasted", () => {
  const backoff = new Backoff(middle);
  assertEquals(times(backoff, 7), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  // One that broke at once doesn't count.
  backoff.registered();
  assertEquals(backoff.ended({ ...failed, lasted: 20_000 }), 15_000);
  backoff.registered();
  assertEquals(backoff.ended({ ...failed, lasted: 30_001 }), 500);
});

Deno.test("pauses are spread from a half to one and a half", () => {
  for (const [chance, pause] of [[0, 250], [0.999, 749.5]] as const) {
    assertEquals(new Backoff({ next: () => chance }).ended(failed), pause);
  }
});

Deno.test("each of three servers has its turn before a pause, also after a registration", () => {
  const backoff = new Backoff(middle);
  const one = { ...failed, servers: 3 };
  assertEquals(times(backoff, 6, one), [0, 0, 500, 0, 0, 1_000]);
  backoff.ended(one);
  backoff.registered();
  assertEquals(times(backoff, 3, one), [0, 0, 2_000]);
});

Deno.test("no room at one server is no room at any: a pause at once, and longer ones", () => {
  const backoff = new Backoff(middle);
  const full = { ...failed, servers: 3, isFull: true };
  const pauses = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000];
  assertEquals(times(backoff, 10, full), pauses);
  // There is room, but servers can't be reached.
  assertEquals(times(backoff, 4, failed), [15_000, 15_000, 15_000, 15_000]);
});
