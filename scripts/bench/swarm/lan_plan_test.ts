import { assert, assertEquals, assertThrows } from "@std/assert";
import { tbf } from "../../netns.ts";
import { batchesOf, namespacesOf, parseRate, planLan } from "./lan_plan.ts";

Deno.test("a star: one switch, every link limited at both ends, one host at its own rate", () => {
  const plan = planLan({ labs: [3], rate: 100e6, rates: new Map([[2, 10e6]]) });
  assertEquals(plan.hosts.map(({ address, rate }) => [address, rate]), [
    ["10.77.0.1", 100e6],
    ["10.77.0.2", 10e6],
    ["10.77.0.3", 100e6],
  ]);
  assertEquals(namespacesOf(plan), ["lsb-sw0", "lsb-h1", "lsb-h2", "lsb-h3"]);
  const limits = batchesOf(plan).filter(({ program }) => program === "tc").flatMap(({ lines }) => lines);
  assertEquals(limits.length, 6);
  assertEquals(limits.filter((line) => line.includes(`rate ${10e6}bit`)).length, 2);
});

Deno.test("two labs: hosts reach the other one through their router, and the uplink is limited both ways", () => {
  const plan = planLan({ labs: [2, 1], rate: 100e6, uplink: 20e6 });
  assertEquals(plan.hosts.map(({ address }) => address), ["10.77.0.1", "10.77.0.2", "10.77.1.3"]);
  const batches = batchesOf(plan);
  const linesOf = (namespace: string) =>
    batches.filter((batch) => batch.namespace === namespace).flatMap(({ lines }) => lines);
  assert(linesOf("lsb-h3").includes("route add default via 10.77.1.254"));
  assert(linesOf("lsb-sw0").includes("route add 10.77.1.0/24 via 10.78.0.2"));
  assert(linesOf("lsb-sw1").includes("route add 10.77.0.0/24 via 10.78.0.1"));
  assert(linesOf("lsb-sw0").includes(`qdisc add dev next ${tbf(20e6)}`));
  assert(linesOf("lsb-sw1").includes(`qdisc add dev prev ${tbf(20e6)}`));
});

Deno.test("what makes no LAN is refused", () => {
  assertThrows(() => planLan({ labs: [1], rate: 1e6 }), RangeError);
  assertThrows(() => planLan({ labs: [251], rate: 1e6 }), RangeError);
  assertThrows(() => planLan({ labs: [2, 2], rate: 1e6 }), RangeError);
});

Deno.test("rates are read, and wrong ones aren't", () => {
  assertEquals(["100mbit", "1Gbit", "0.5mbit", "64kbit"].map(parseRate), [100e6, 1e9, 500e3, 64e3]);
  assertEquals(["", "100", "mbit", "10MB/s"].map(parseRate), [undefined, undefined, undefined, undefined]);
});

Deno.test("the burst of tbf never falls below a GSO packet, and grows with the rate", () => {
  assertEquals(tbf(100e6), "root tbf rate 100000000bit burst 72000 limit 447000");
  assertEquals(tbf(1e9), "root tbf rate 1000000000bit burst 250000 limit 4000000");
});
