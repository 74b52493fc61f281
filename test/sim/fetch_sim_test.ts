/**
 * A fetch from many sources in virtual time: it completes whatever the sources do, wastes little, and takes hardly longer
 * than the sum of their rates allows. Where the policy is worse than that, the test says by how much.
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { seededRandom } from "../../src/base/random.ts";
import * as fc from "../../src/deps/fast_check.ts";
import { type Outcome, type Scenario, type SimSource, simulate } from "./fetch_sim.ts";

const MB = 1e6;
/** A source on a LAN; rate in MB/s. */
const source = (rate: number, more: Partial<SimSource> = {}): SimSource => ({
  rate: rate * MB,
  latency: 0.3,
  ...more,
});
const many = (count: number, rate: number, more: Partial<SimSource> = {}) =>
  Array.from({ length: count }, () => source(rate, more));

function run(megabytes: number, sources: SimSource[], more: Partial<Scenario> = {}): Outcome {
  return simulate({ bytes: megabytes * MB, sources, random: seededRandom(1), ...more });
}

/** Fetched, in at most `time` times the bound plus `grace` seconds, with at most `waste` times the bytes. */
function assertGood(
  name: string,
  outcome: Outcome,
  limits: { time: number; grace?: number; waste: number },
): void {
  const { done, seconds, bound, overhead } = outcome;
  const seen = `${name}: ${seconds.toFixed(3)} s, bound ${bound.toFixed(3)} s, ${
    overhead.toFixed(4)
  } times the bytes`;
  assert(done, `${name}: not done`);
  assertLessOrEqual(seconds, bound * limits.time + (limits.grace ?? 0), seen);
  assertLessOrEqual(overhead, limits.waste, seen);
}

const HONEST: Record<string, SimSource[]> = {
  "one source": many(1, 100),
  "eight of one rate": many(8, 50),
  "rates from 5 to 100": [100, 50, 20, 10, 5].map((rate) => source(rate)),
  "seven fast, one very slow": [...many(7, 100), source(1)],
  "one fast, seven slow": [source(100), ...many(7, 5)],
  "one fast, one that hardly moves": [source(100), source(0.2)],
  "20 ms away": many(4, 50, { latency: 20 }),
  "rates that jump by half": many(6, 40, { jitter: 0.5 }),
};

Deno.test("700 MB and more from honest sources: at most 1.1 times the bound, 1.05 times the bytes", () => {
  for (const [name, sources] of Object.entries(HONEST)) {
    for (const megabytes of [700, 2000, 8000]) {
      assertGood(`${name}, ${megabytes} MB`, run(megabytes, sources), { time: 1.1, waste: 1.05 });
    }
  }
});

Deno.test("100 MB from honest sources: a tail of 0.1 s at most, 1.05 times the bytes", () => {
  // What slow sources owe at the end is a large part of so small a content.
  for (const [name, sources] of Object.entries(HONEST)) {
    assertGood(name, run(100, sources), { time: 1.1, grace: 0.1, waste: 1.05 });
  }
});

Deno.test("20 MB from honest sources: a tail of 0.25 s at most; up to an eighth travels twice", () => {
  for (const [name, sources] of Object.entries(HONEST)) {
    assertGood(name, run(20, sources), { time: 1.1, grace: 0.25, waste: 1.125 });
  }
});

Deno.test("news that come in batches of 50 ms cost 15 % of the time at most, with 700 MB and more", () => {
  // 8 MiB on the way per source, and pieces of 4 MiB: a source of 80 MB/s runs dry while its news wait.
  const sources = Array.from({ length: 8 }, (_, i) => source(10 * (i + 1), { batch: 50, jitter: 0.5 }));
  for (const megabytes of [700, 2000, 8000]) {
    assertGood(`${megabytes} MB`, run(megabytes, sources), { time: 1.15, waste: 1.05 });
  }
});

Deno.test("sources that die cost what they owed, not the fetch", () => {
  const sources = [...many(2, 50), source(50, { dies: 300 }), source(50, { dies: 1000 })];
  for (const megabytes of [100, 700]) assertGood("dies", run(megabytes, sources), { time: 1, waste: 1.05 });
});

Deno.test("a source that lies costs what was asked of it", () => {
  const sources = [...many(2, 50), source(50, { lies: 0 }), source(50, { lies: 500 })];
  // Two liars, 8 MiB each.
  assertGood("lies", run(700, sources), { time: 1, waste: 1 + 2 * 8.4 / 700 });
});

Deno.test("a source that refuses or falls silent is worked around", () => {
  const sources = [...many(2, 50), source(50, { refuses: 200 }), source(50, { stops: 300 })];
  for (const megabytes of [100, 700]) assertGood("odd", run(megabytes, sources), { time: 1.05, waste: 1.02 });
});

Deno.test("the last honest source finishes alone when all others turn bad", () => {
  const bad = [source(100, { dies: 100 }), source(100, { stops: 100 }), source(100, { lies: 0 })];
  const outcome = run(200, [source(20), ...bad, source(100, { refuses: 50 })]);
  assertGood("alone", outcome, { time: 1, waste: 1.3 });
});

Deno.test("without any source left it isn't done, and says so at once", () => {
  assertEquals(run(100, [source(10, { dies: 500 })]).done, false);
});

Deno.test("sources that have different halves are used together", () => {
  const sources = many(4, 50);
  const has = (id: number, piece: number) => piece % 4 === id || piece % 4 === (id + 1) % 4;
  assertGood("halves", run(700, sources, { has }), { time: 1.1, waste: 1.05 });
});

Deno.test("whoever is bad in whatever way, with one honest source everything is fetched", () => {
  const time = fc.option(fc.integer({ min: 0, max: 3000 }), { nil: undefined });
  const any = fc.record({
    rate: fc.integer({ min: 100_000, max: 120e6 }),
    latency: fc.integer({ min: 0, max: 30 }),
    dies: time,
    stops: time,
    lies: time,
    refuses: time,
    batch: fc.constantFrom(0, 0, 20),
    jitter: fc.constantFrom(0, 0.5),
  }).map((spec) =>
    Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as never
  );
  const plan = fc.record({
    megabytes: fc.integer({ min: 1, max: 150 }),
    sources: fc.array(any as fc.Arbitrary<SimSource>, { maxLength: 6 }),
    seed: fc.nat(),
  });
  fc.assert(
    fc.property(plan, ({ megabytes, sources, seed }) => {
      const honest = source(10);
      const { done, seconds } = run(megabytes, [...sources, honest], { random: seededRandom(seed) });
      assert(done);
      // Alone it would take this long. Bad company may cost what is asked of a source at a time, a few times over, and the
      // scheduler's patience with each that falls silent.
      const silent = sources.filter((each) => each.stops !== undefined).length;
      const stall = 2 * silent;
      assertLessOrEqual(seconds, megabytes / 10 * 1.1 + 3 + stall);
    }),
    { numRuns: 150 },
  );
});
