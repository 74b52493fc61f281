/** When a parent is left, and when it's only those above it who are at fault. */

import { assertEquals } from "@std/assert";
import { Lag, type LagLimits } from "./lag.ts";

/** A piece in this many milliseconds, in each stripe. */
const PACE = 40;

/** Tight, so that little has to happen. */
const LIMITS: LagLimits = { pieces: 4, piecesPerLevel: 1, pause: 150, hold: 300 };

/** Pieces come in both stripes until `from`, after that in the first one only every `slower`th time; tells when it is left. */
function run(
  options: { depths: number[]; from: number; slower: number; until: number; hold?: number },
): number {
  const { depths, from, slower, until, hold = Infinity } = options;
  const lag = new Lag(depths, 0, LIMITS);
  for (let i = 0; i < until; i++) {
    const now = i * PACE;
    for (const [stripe, depth] of depths.entries()) {
      const isSlow = stripe === 0 && i >= from;
      if (i >= depth && (!isSlow || (i - from) % slower === slower - 1)) lag.gained(stripe, now);
    }
    if (i >= hold) lag.hold(0, 0, now);
    assertEquals(lag.look(1, now), { kind: "fine" }, "the good stripe is never blamed");
    if (lag.look(0, now).kind === "leave") return i - from;
  }
  return Infinity;
}

Deno.test("a parent that falls silent is left after a few pieces, later the deeper we are", () => {
  const after = [0, 1, 2, 4, 8].map((depth) =>
    run({ depths: [depth, 1], from: 50, slower: Infinity, until: 200 })
  );
  assertEquals(after, after.toSorted((a, b) => a - b));
  assertEquals([after[0]! >= 4, after[3]! > after[0]!, after.at(-1)! < 25], [true, true, true], `${after}`);
});

Deno.test("a parent at a tenth or a quarter of the pace is left, one at half of it is not, nor one that is a tenth slower", () => {
  const at = (slower: number) => run({ depths: [1, 1], from: 50, slower, until: 500 });
  assertEquals([at(10) < 15, at(4) < 40], [true, true], `${at(10)} ${at(4)}`);
  // Whoever is asked instead has children of its own.
  assertEquals(at(2), Infinity);
  const lag = new Lag([1, 1], 0, LIMITS);
  for (let i = 0; i < 1_000; i++) {
    if (i % 10 > 0) lag.gained(0, i * PACE);
    lag.gained(1, i * PACE);
    assertEquals(lag.look(0, i * PACE).kind === "leave", false);
  }
});

Deno.test("one stripe that comes down a longer way is no fault", () => {
  assertEquals(run({ depths: [12, 0], from: 1_000, slower: 1, until: 300 }), Infinity);
  assertEquals(run({ depths: [0, 12], from: 1_000, slower: 1, until: 300 }), Infinity);
});

Deno.test("where all stripes are equally slow nobody is to blame", () => {
  const lag = new Lag([3, 0], 0, LIMITS);
  for (let i = 0; i < 100; i++) {
    lag.gained(0, i * 2_000);
    assertEquals(lag.look(0, i * 2_000 + 900).kind, "fine");
    lag.gained(1, i * 2_000 + 1_000);
    assertEquals(lag.look(1, i * 2_000 + 1_500).kind, "fine");
  }
});

Deno.test("who is told to hold does so, and passes it on until it has gone too far", () => {
  assertEquals(run({ depths: [1, 1], from: 50, slower: Infinity, until: 200, hold: 52 }), Infinity);
  const lag = new Lag([1, 1], 0, LIMITS);
  lag.hold(0, 4, 0);
  assertEquals(lag.look(0, 10), { kind: "behind", hops: 5 });
  assertEquals(lag.look(0, 400), { kind: "fine" });
  lag.hold(0, 20, 500);
  assertEquals(lag.look(0, 510), { kind: "fine" }, "it goes round in a circle");
});

Deno.test("after a change the new parent gets a fresh allowance", () => {
  const lag = new Lag([1, 1], 0, LIMITS);
  for (let i = 0; i < 30; i++) lag.gained(1, i * PACE);
  lag.changed(0, 30 * PACE);
  assertEquals(lag.look(0, 30 * PACE), { kind: "fine" });
  for (let i = 30; i < 36; i++) lag.gained(1, i * PACE);
  assertEquals(lag.look(0, 36 * PACE), { kind: "fine" });
});

Deno.test("a stripe that is whole stays a measure for the others", () => {
  const lag = new Lag([0, 0], 0, LIMITS);
  for (let i = 0; i < 50; i++) for (const stripe of [0, 1]) lag.gained(stripe, i * PACE);
  lag.whole(1);
  assertEquals(lag.look(1, 51 * PACE), { kind: "fine" });
  let left = 0;
  for (let i = 50; i < 80 && left === 0; i++) if (lag.look(0, i * PACE).kind === "leave") left = i - 50;
  assertEquals(left > 4 && left < 15, true, `${left}`);
});

Deno.test("a parent that stood still for long and goes on at the pace of the others is kept", () => {
  const lag = new Lag([1, 1], 0, LIMITS);
  for (let i = 0; i < 100; i++) {
    const now = i * PACE;
    const stoodStill = i >= 40 && i < 44;
    if (!stoodStill) lag.gained(0, now);
    lag.gained(1, now);
    if (i === 43) { for (let extra = 0; extra < 4; extra++) lag.gained(1, now); }
    assertEquals(lag.look(0, now).kind === "leave", false, `piece ${i}`);
  }
});
