/** How fast blocks go out: links and receivers in fake time. */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { seededRandom } from "../base/random.ts";
import { MulticastPace } from "./multicast_pace.ts";

const BLOCK = 32_768;

/** Sends for so long to receivers behind links of these rates, bytes per second; `uplink` holds the sender itself up. */
function run(
  links: readonly number[],
  { seconds, uplink = Infinity, noise = 0 }: { seconds: number; uplink?: number; noise?: number },
) {
  const random = seededRandom(1);
  const pace = new MulticastPace(0);
  const tallies = links.map(() => ({ got: 0, lost: 0, queue: 0, at: 0 }));
  let now = 0;
  let told = 0;
  let bytes = 0;
  while (now < seconds * 1000 && !pace.isHopeless) {
    now += Math.max(pace.take(BLOCK, now), BLOCK / uplink * 1000, 0.001);
    bytes += BLOCK;
    tallies.forEach((tally, i) => {
      // A switch keeps some hundred KB for a link that is slower.
      tally.queue = Math.max(0, tally.queue - links[i]! * (now - tally.at) / 1000);
      tally.at = now;
      if (tally.queue + BLOCK > 300_000 || random.next() < noise) return void tally.lost++;
      tally.queue += BLOCK;
      tally.got++;
    });
    if (now - told < 200) continue;
    told = now;
    tallies.forEach(({ got, lost }, i) => pace.heard(`pc${i}`, { got, lost }));
  }
  return {
    pace,
    seconds: now / 1000,
    rate: bytes / now * 1000,
    lost: tallies.map(({ got, lost }) => lost / (got + lost)),
  };
}

Deno.test("multicast's pace: where nothing is lost it grows to what the link takes, and no further", () => {
  const gigabit = run(Array(8).fill(1e9), { seconds: 5, uplink: 125e6 });
  assertGreater(gigabit.rate, 80e6);
  assertLess(gigabit.pace.rate, 300e6, "the sender's own link held it up");
  assertEquals(Math.max(...gigabit.lost), 0);
});

Deno.test("multicast's pace: a sender's slow link is no reason to go faster", () => {
  const slow = run(Array(4).fill(12.5e6), { seconds: 5, uplink: 12.5e6 });
  assertEquals(slow.pace.rate, 25e6);
  assertEquals(Math.max(...slow.lost), 0);
});

Deno.test("multicast's pace: where all links are slower than the sender it comes near them, with little lost", () => {
  const mixed = run(Array(8).fill(12.5e6), { seconds: 10, uplink: 125e6 });
  assertGreater(mixed.rate * (1 - mixed.lost[0]!), 0.75 * 12.5e6);
  assertLess(mixed.lost[0]!, 0.15);
});

Deno.test("multicast's pace: one slow PC of eight keeps nobody waiting", () => {
  const one = run([1.25e6, ...Array(7).fill(125e6)], { seconds: 3, uplink: 12.5e6 });
  assertGreater(one.rate, 12e6);
  assertGreater(one.lost[0]!, 0.8);
  assertEquals(one.lost[1], 0);
});

Deno.test("multicast's pace: a half of slow PCs counts", () => {
  const half = run([...Array(4).fill(6e6), ...Array(4).fill(125e6)], { seconds: 10, uplink: 125e6 });
  assertLess(half.rate, 8e6);
  assertEquals(half.pace.isHopeless, false);
});

Deno.test("multicast's pace: a loss that slowing down doesn't cure is no reason to be slow, nor to give up", () => {
  const { pace, rate } = run(Array(8).fill(1e9), { seconds: 20, uplink: 125e6, noise: 0.05 });
  assertEquals(pace.isHopeless, false);
  assertGreater(rate, 40e6);
});

Deno.test("multicast's pace: on a slow link of our own a block lost now and then is no reason to be slower, nor to end", () => {
  const { pace, rate } = run(Array(8).fill(1e9), { seconds: 20, uplink: 2e6, noise: 0.01 });
  assertEquals(pace.isHopeless, false);
  assertGreater(rate, 1.8e6);
});

Deno.test("multicast's pace: links of 10 Mbit/s are no place for it", () => {
  const { pace, seconds } = run(Array(4).fill(1.25e6), { seconds: 20, uplink: 125e6 });
  assertEquals(pace.isHopeless, true);
  assertLess(seconds, 5);
});

Deno.test("multicast's pace: what was sent while hashes were waited for says nothing of the network", () => {
  const pace = new MulticastPace(0);
  let lost = 0;
  for (let now = 0; now < 4_000; now += 100) {
    pace.heard("a", { got: now, lost: lost += now % 1_000 === 0 ? 1 : 0 });
    pace.paused(now + 50);
    pace.take(BLOCK, now + 60);
  }
  assertEquals([pace.rate, pace.isHopeless], [25e6, false]);
});

Deno.test("multicast's pace: most lose much however slow it is: that is said", () => {
  assert(run(Array(4).fill(0.2e6), { seconds: 30, uplink: 125e6 }).pace.isHopeless);
});

Deno.test("multicast's pace: who listens no longer counts no longer", () => {
  const pace = new MulticastPace(0);
  pace.heard("a", { got: 10, lost: 90 });
  pace.heard("a", undefined);
  for (let now = 0; now < 3_000; now += 10) pace.take(BLOCK, now);
  assertEquals(pace.rate, 25e6);
});
