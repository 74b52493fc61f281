/** A campus in small: what a server does, where its limits are, and that one server less costs nobody its registration. */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { simulateBroadcast } from "./broadcast_sim.ts";
import { type Campus, simulateCampus } from "./campus_sim.ts";
import { planned } from "./planned.ts";

const cost = { greet: 0.3, register: 0.06, announce: 0.5, keepAlive: 0.02, hear: 0.03 };
const small: Campus = { peers: 1_000, perLab: 50, servers: 1, switchOn: 3_000, lasts: 150_000, cost };
const none = { place: 0, slow: 0, full: 0, down: 0 };

Deno.test("a thousand PCs are switched on within 3 s: all are registered when the last one is on", () => {
  const outcome = simulateCampus(small);
  assertEquals([outcome.missing, outcome.lost, outcome.registrations], [0, 0, 1_000]);
  assertEquals(outcome.again, none);
  assertLessOrEqual(outcome.joined, 3.2);
  // 1,000 KeepAlives every 26 s at 0.02 ms each.
  assert(outcome.busy > 0.0006 && outcome.busy < 0.0009, `${outcome.busy}`);
  assertEquals(simulateCampus(small), outcome, "same seed, same outcome");
});

Deno.test("a server that can't keep up sends nobody away for good: who waited too long tries again", () => {
  const outcome = simulateCampus({ ...small, cost: { ...cost, greet: 20 } });
  assert(outcome.again.slow > 0, `${outcome.again.slow}`);
  assertEquals([outcome.missing, outcome.lost], [0, 0]);
  assert(outcome.joined > 20, `${outcome.joined}`);
});

Deno.test("where places are too few, PCs push each other out; a second server has room for them", () => {
  const limits = { connections: 600, handshakes: 200 };
  const one = simulateCampus({ ...small, limits });
  assertEquals([one.missing > 300, one.connections], [true, 600]);
  assert(one.again.place > 1_000, `${one.again.place}`);
  const two = simulateCampus({ ...small, limits, servers: 2 });
  assertEquals([two.missing, two.connections, two.again.place], [0, 500, 0]);
});

Deno.test("a full registry turns the others away, whichever server they ask, and forgets no one who is active", () => {
  const outcome = simulateCampus({ ...small, limits: { members: 300 }, servers: 2 });
  assertEquals([outcome.missing, outcome.lost, outcome.registrations], [700, 0, 300]);
  // Each asks again and again, in pauses that double up to minutes: 8 or 9 times in 150 s, not at both servers in turn.
  assert(outcome.again.full > 700 * 7 && outcome.again.full < 700 * 10, `${outcome.again.full}`);
});

Deno.test("one of three servers is switched off: its PCs change over at once, and none counts as gone", () => {
  const outcome = simulateCampus({ ...small, servers: 3, outage: { at: 40_000, lasts: 30_000 } });
  assertEquals([outcome.missing, outcome.lost, outcome.again.down], [0, 0, 334]);
  assertEquals(outcome.registrations, 1_334);
});

Deno.test("the only server is away for half a minute: all come back with their cookies in time", () => {
  const outcome = simulateCampus({ ...small, outage: { at: 40_000, lasts: 30_000 } });
  assertEquals([outcome.missing, outcome.lost, outcome.registrations], [0, 0, 2_000]);
});

Deno.test("a broadcast to 20 labs behind uplinks: one copy into each of them", () => {
  const rate = 12.5e6;
  const labs: Record<string, number> = { a: rate };
  const pcs = Array.from({ length: 100 }, (_, n) => {
    const lab = `lab${Math.floor(n / 5)}`;
    labs[lab] = rate;
    return { name: `pc${n}`, lab, up: rate, down: rate };
  });
  const outcome = simulateBroadcast({ bytes: 2 ** 24, piece: 2 ** 18, rate, pcs, labs, policy: planned() });
  assertEquals([outcome.missing, outcome.waste], [[], 0]);
  assert(Math.abs(outcome.crossed - 20) < 1e-9, `${outcome.crossed}`);
});
