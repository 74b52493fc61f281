import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { RateLimiter } from "./rate.ts";
import { Watchdog } from "./watchdog.ts";

Deno.test("no limit, no wait", () => {
  const rate = new RateLimiter(new FakeClock(), Infinity);
  assert(rate.unlimited);
  assertEquals(rate.take(1e12), 0);
});

Deno.test("a burst goes at once, then everybody waits in debt", () => {
  const rate = new RateLimiter(new FakeClock(), 1000, 100);
  assertEquals([rate.take(100), rate.take(100), rate.take(50)], [0, 100, 150]);
});

Deno.test("a long pause saves up no more than one burst", () => {
  const clock = new FakeClock();
  const rate = new RateLimiter(clock, 1000, 100);
  rate.take(100);
  clock.advance(3_600_000);
  assertEquals([rate.take(100), rate.take(1)], [0, 1]);
});

Deno.test("over any second no more than the rate and a burst goes out, whatever the parts", () => {
  for (const part of [1_000, 30_000, 262_144, 3_000_000]) {
    const clock = new FakeClock(0);
    const rate = new RateLimiter(clock, 1e6);
    const sent: [number, number][] = [];
    while (clock.now() < 20_000) {
      clock.advance(rate.take(part));
      sent.push([clock.now(), part]);
    }
    const bytes = sent.reduce((sum, [, n]) => sum + n, 0);
    assertAlmostEquals(bytes / clock.now() * 1000, 1e6, 1e6 * 0.06 + part / 20);
  }
});

Deno.test("the watchdog looks once a second, for as long as there is anything to look at", () => {
  const clock = new FakeClock();
  const start = clock.monotonic();
  const watchdog = new Watchdog(clock);
  const seen: number[] = [];
  const one = { check: (now: number) => (seen.push(now - start), seen.length === 2 && watchdog.remove(one)) };
  watchdog.add(one);
  clock.advance(10_000);
  assertEquals(seen, [1000, 2000]);
  watchdog.add({ check: (now) => void seen.push(now - start) });
  clock.advance(1000);
  assertEquals(seen, [1000, 2000, 11_000]);
});
