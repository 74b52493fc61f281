import { assertEquals } from "@std/assert";
import { broadcastBound } from "./bound.ts";

const lab = (count: number, up: number, down = up) => Array.from({ length: count }, () => ({ up, down }));

Deno.test("a uniform lab takes as long as one copy on one link", () => {
  assertEquals(broadcastBound({ bytes: 1_000, sourceUp: 100, receivers: lab(40, 100) }), {
    seconds: 10,
    term: "source uplink",
  });
});

Deno.test("each of the three terms can be the one that holds it up", () => {
  const slow = broadcastBound({ bytes: 1_000, sourceUp: 20, receivers: lab(4, 100) });
  assertEquals(slow, { seconds: 50, term: "source uplink" });
  const one = broadcastBound({
    bytes: 1_000,
    sourceUp: 100,
    receivers: [...lab(4, 100), { up: 100, down: 10 }],
  });
  assertEquals(one, { seconds: 100, term: "slowest PC" });
  // Ten copies through 100 + 10 times 10 bytes per second.
  const uplinks = broadcastBound({ bytes: 1_000, sourceUp: 100, receivers: lab(10, 10, 100) });
  assertEquals(uplinks, { seconds: 50, term: "sum of uplinks" });
});

Deno.test("by multicast no copy needs an uplink but the first", () => {
  const slow = { bytes: 1_000, sourceUp: 100, receivers: lab(10, 10, 80), multicast: true };
  assertEquals(broadcastBound(slow), { seconds: 12.5, term: "slowest PC" });
});

Deno.test("one receiver is bound by the two ends, not by its own uplink", () => {
  const { seconds } = broadcastBound({ bytes: 1_000, sourceUp: 100, receivers: [{ up: 0, down: 100 }] });
  assertEquals(seconds, 10);
});

Deno.test("nothing to send and nobody to send to take no time; a dead link takes for ever", () => {
  assertEquals(broadcastBound({ bytes: 0, sourceUp: 0, receivers: lab(3, 0) }).seconds, 0);
  assertEquals(broadcastBound({ bytes: 1_000, sourceUp: 100, receivers: [] }).seconds, 0);
  assertEquals(broadcastBound({ bytes: 1_000, sourceUp: 0, receivers: lab(2, 100) }).seconds, Infinity);
  assertEquals(
    broadcastBound({ bytes: 1_000, sourceUp: 100, receivers: [{ up: 100, down: 0 }] }).term,
    "slowest PC",
  );
});
