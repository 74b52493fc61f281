import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { pc } from "./_pcs.ts";
import { efficiency, efficiencyText, type Observed } from "./efficiency.ts";

const done = (name: string, best: number, seconds: number, limit?: number) =>
  pc(name, { state: "done", best, seconds, limit });
const observed = (given: Partial<Observed> = {}): Observed => ({
  bytes: 1000,
  pcs: [done("a", 100, 11), done("b", 90, 12.5), pc("c", { state: "failed" })],
  sent: { bytes: 1010, best: 105 },
  rate: undefined,
  multicast: false,
  ...given,
});

Deno.test("the slowest PC makes the bound; who failed doesn't count", () => {
  const near = efficiency(observed())!;
  assertAlmostEquals(near.bound, 1000 / 90, 1e-9);
  assertAlmostEquals(near.eta, 1000 / 90 / 12.5, 1e-9);
  assertEquals([near.term, near.slowest.name, near.pcs, near.seconds], ["slowest PC", "b", 2, 12.5]);
  assertStringIncludes(efficiencyText(near), "Efficiency 0.89: 13 s to the last PC; these links allow 11 s");
  assertStringIncludes(efficiencyText(near), "the slowest PC (b, 90 B/s)");
  assertStringIncludes(efficiencyText(near), "An estimate");
});

Deno.test("what the source was told to send at most is its uplink", () => {
  const near = efficiency(observed({ rate: 50 }))!;
  assertEquals([near.term, near.sourceUp, near.bound], ["source uplink", 50, 20]);
});

Deno.test("nothing is better than the links: a rate that was seen for a moment only isn't the link's", () => {
  const pcs = [done("a", 20, 3), done("b", 30, 2.5)];
  const near = efficiency(observed({ pcs, sent: { bytes: 1000, best: 390 } }))!;
  assertAlmostEquals(near.eta, 1, 1e-9);
  assertAlmostEquals(near.slowest.down, 1000 / 3, 1e-9);
});

Deno.test("a limit lets a little through at once: that makes no efficiency above 1, and none at all of a moment", () => {
  const limited = (seconds: number) => efficiency(observed({ pcs: [done("a", 1000, seconds)], rate: 200 }));
  assertEquals(limited(0.2), undefined, "5 s by the limit, over in 0.2");
  assertEquals(limited(4.5)?.eta, 1);
});

Deno.test("PCs that send little make the sum of uplinks the bound", () => {
  const pcs = ["a", "b", "c", "d"].map((name) => done(name, 100, 60, 5));
  const near = efficiency(observed({ pcs }))!;
  assertEquals(near.term, "sum of uplinks");
  assertAlmostEquals(near.bound, 4 * 1000 / (105 + 20), 1e-9);
});

Deno.test("by multicast, what PCs may send is no bound: a broadcast faster than that had an efficiency of 1", () => {
  const pcs = ["a", "b", "c", "d"].map((name) => done(name, 100, 12, 5));
  const near = efficiency(observed({ pcs, multicast: true }))!;
  assertEquals([near.term, near.bound], ["slowest PC", 10]);
});

Deno.test("no estimate where there is nothing to estimate from", () => {
  assertEquals(efficiency(observed({ pcs: [] })), undefined, "nobody");
  assertEquals(efficiency(observed({ sent: { bytes: 500, best: 105 } })), undefined, "half was there before");
  assertEquals(efficiency(observed({ sent: { bytes: 1010, best: undefined } })), undefined, "too short");
});
