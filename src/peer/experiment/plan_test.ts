import { assert, assertEquals, assertThrows } from "@std/assert";
import { AT_ONCE, boundOf, evenShares } from "./bound.ts";
import { CASES, planTrial } from "./plan.ts";

const COURSE = { peers: 6, each: 10 };

Deno.test("everybody fetches each file that it doesn't hold once, from somebody who holds it", () => {
  for (const kind of ["best", "worst"] as const) {
    const { holds, orders } = planTrial(kind, COURSE);
    for (const [peer, list] of orders.entries()) {
      const all = [...holds[peer]!, ...list.map(({ file }) => file)].sort((a, b) => a - b);
      assertEquals(all, Array.from({ length: 60 }, (_, i) => i));
      assert(list.every(({ file, from }) => holds[from]!.includes(file)));
    }
  }
});

Deno.test("at best no two ask the same peer for their nth file; at worst all begin with the same one", () => {
  const { orders } = planTrial("best", COURSE);
  for (let n = 0; n < 50; n++) assertEquals(new Set(orders.map((list) => list[n]!.from)).size, 6);
  const worst = planTrial("worst", COURSE).orders.map((list) => list[0]!.from);
  assertEquals(worst, [1, 0, 0, 0, 0, 0]);
});

Deno.test("evenly shared: central is shared by five, at best nothing is shared, at worst those behind wait", () => {
  const last = CASES.map((kind) => Math.max(...evenShares(planTrial(kind, COURSE), 1, 1).flat()));
  assertEquals(last, [250, 50, 150]);
  // One file after the other; the one that only serves has nothing.
  const central = evenShares(planTrial("central", COURSE), 1, 1);
  assertEquals(central[0], []);
  assertEquals(central[3]!.slice(0, 3), [5, 10, 15]);
});

Deno.test("an even share keeps to what a holder can send, whatever the numbers", () => {
  for (const [peers, each, size, rate] of [[3, 7, 131_072, 2.5e6], [9, 1, 7, 0.3], [2, 3, 1e9, 1]] as const) {
    const trial = planTrial("worst", { peers, each });
    const times = evenShares(trial, size, rate);
    assertEquals(times.map((list) => list.length), trial.orders.map((list) => list.length));
    // The first holder is asked by all but itself, first of all.
    const first = Math.max(...times.slice(1).map((list) => list[each - 1]!));
    const least = (peers - 1) * each * size / rate;
    assert(Math.abs(first / least - 1) < 1e-6, `${first} for ${least}`);
  }
});

Deno.test("the bound: what one holder has to send, and what the last one fetches afterwards", () => {
  const last = CASES.map((kind) => boundOf(planTrial(kind, COURSE), 1, 1).at(-1)!);
  // At worst the first holder sends 10 to 5 peers, and the last of these needs 40 more.
  assertEquals(last, [250, 50, 90].map((seconds) => seconds - AT_ONCE));
  const worst = boundOf(planTrial("worst", COURSE), 1, 1);
  assertEquals(worst.length, 50);
  assertEquals([worst[0], worst[9]], [5 - AT_ONCE, 50 - AT_ONCE]);
});

Deno.test("no schedule is before the bound: neither the even share nor any other order of service", () => {
  for (const kind of CASES) {
    for (const [peers, each] of [[2, 3], [4, 5], [6, 10], [7, 2]] as const) {
      const trial = planTrial(kind, { peers, each });
      const bound = boundOf(trial, 1000, 500);
      for (const times of [evenShares(trial, 1000, 500), firstCome(trial, 2)]) {
        for (const [n, seconds] of bound.entries()) {
          const lastOne = Math.max(...times.flatMap((own) => own[n] ?? []));
          assert(seconds <= lastOne + 1e-9, `${kind} ${peers}: ${seconds} for ${lastOne}`);
        }
      }
    }
  }
});

/** Each holder serves one at a time, whoever has the lowest number. */
function firstCome({ orders }: ReturnType<typeof planTrial>, secondsEach: number): number[][] {
  const times: number[][] = orders.map(() => []);
  for (let now = secondsEach;; now += secondsEach) {
    const busy = new Set<number>();
    const served = orders.flatMap((list, peer) => {
      const from = list[times[peer]!.length]?.from;
      if (from === undefined || busy.has(from)) return [];
      busy.add(from);
      return [peer];
    });
    if (served.length === 0) return times;
    for (const peer of served) times[peer]!.push(now);
  }
}

Deno.test("one peer compares with nobody", () => {
  assertThrows(() => planTrial("best", { peers: 1, each: 10 }), RangeError);
  assertThrows(() => planTrial("best", { peers: 3, each: 0 }), RangeError);
});
