/** Who is asked for which pieces of a broadcast, when candidates are lost or stall. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../base/random.ts";
import { Parents } from "./parents.ts";

const holder = (peer: string) => ({ peer });
type Holder = ReturnType<typeof holder>;
const lists = (...names: string[]) => names.map((list) => [...list].map(holder));
const asked = (parents: Parents<Holder>) => parents.holders().map(({ peer }) => peer).sort().join("");
const always = () => true;
/** Tight, so that little has to happen. */
const LAG = { pieces: 4, piecesPerLevel: 1, pause: 150, hold: 300 };

Deno.test("each stripe is asked of its planned parent", () => {
  const parents = new Parents(lists("abS", "cS"), 5, 0);
  assertEquals(parents.count, 2);
  assertEquals(asked(parents), "ac");
  assertEquals(parents.piecesOf("a"), [0, 2, 4]);
  assertEquals(parents.piecesOf("c"), [1, 3]);
  assertEquals(parents.piecesOf("b"), []);
});

Deno.test("a parent of both stripes delivers all; who has no parent asks the source", () => {
  assertEquals(new Parents(lists("aS", "aS"), 3, 0).piecesOf("a"), [0, 1, 2]);
  const root = new Parents(lists("S", "aS"), 4, 0);
  assertEquals(root.piecesOf("S"), [0, 2]);
});

Deno.test("who is lost gives way to the next in each of its stripes", () => {
  const parents = new Parents(lists("abS", "baS"), 4, 0);
  parents.lose("a", 0);
  assertEquals([asked(parents), parents.piecesOf("b")], ["b", [0, 1, 2, 3]]);
  parents.lose("b", 0);
  assertEquals([asked(parents), parents.piecesOf("S")], ["S", [0, 1, 2, 3]]);
  parents.lose("S", 0);
  assertEquals(asked(parents), "");
});

Deno.test("where all of a stripe are lost, somebody of another stripe is asked", () => {
  const parents = new Parents(lists("aS", "bS"), 4, 0);
  parents.lose("a", 0);
  parents.lose("S", 0);
  assertEquals(parents.piecesOf("b"), [0, 1, 2, 3]);
});

Deno.test("who was lost before its turn came is passed over", () => {
  const parents = new Parents(lists("abcS", "S"), 2, 0);
  parents.lose("b", 0);
  assertEquals(asked(parents), "Sa");
  parents.lose("a", 0);
  assertEquals(asked(parents), "Sc");
});

/** Stripes in which others are asked now. */
function changed(
  parents: Parents<Holder>,
  now: number,
  isOpen: (stripe: number) => boolean = always,
): number[] {
  return parents.reinforce(now, 1_000, isOpen).changed;
}

Deno.test("a parent whose stripe falls behind the other is left for the next, not the other parent", () => {
  const parents = new Parents(lists("abS", "cS"), 200, 0, { depths: [1, 1], lag: LAG });
  let left = 0;
  for (let i = 0; i < 40 && left === 0; i++) {
    parents.gained(2 * i + 1, i * 40);
    if (i < 20) parents.gained(2 * i, i * 40);
    if (changed(parents, i * 40).includes(0)) left = i;
  }
  assert(left > 25 && left < 35, `${left}`);
  assertEquals(asked(parents), "bc");
  assertEquals(parents.given("b"), ["a"]);
  assertEquals(parents.given("c"), []);
});

Deno.test("when told that a parent is behind itself, it isn't left", () => {
  const parents = new Parents(lists("abS", "cS"), 400, 0, { depths: [1, 1], lag: LAG });
  let told = 0;
  for (let i = 0; i < 80; i++) {
    parents.gained(2 * i + 1, i * 40);
    if (i < 20) parents.gained(2 * i, i * 40);
    if (i > 20) parents.hold("a", 0, 0, i * 40);
    const { changed, behind } = parents.reinforce(i * 40, 1_000, always);
    assertEquals(changed, []);
    // Those below hear it from us, once in 100 ms.
    for (const { stripe, hops } of behind) assertEquals([stripe, hops], [0, 1]);
    told += behind.length;
  }
  assert(told >= 15 && told <= 24, `told ${told} times in 2.4 s`);
  parents.hold("c", 0, 0, 3_200);
  assertEquals(asked(parents), "ac", "what one says who isn't asked for that stripe counts for nothing");
});

Deno.test("where everything stands still the next is asked beside, one at a time, up to the source", () => {
  const parents = new Parents(lists("abS", "cS"), 4, 0);
  parents.gained(0, 10);
  parents.gained(1, 10);
  assertEquals(changed(parents, 1_009), []);
  assertEquals(changed(parents, 1_010), [0, 1]);
  assertEquals(asked(parents), "Sabc");
  assertEquals(parents.piecesOf("a"), [0, 2]);
  assertEquals(parents.piecesOf("S"), [1, 3]);
  assertEquals(changed(parents, 1_011), []);
  assertEquals(changed(parents, 2_010, (stripe) => stripe === 0), [0]);
  // Those of the other stripe may wait for us: they are no help against stalling.
  assertEquals(changed(parents, 9_000, (stripe) => stripe === 0), []);
  assertEquals(parents.piecesOf("c"), [1, 3]);
});

Deno.test("before anything has come others are asked late: the source may only be slow", () => {
  const parents = new Parents(lists("abS"), 4, 0);
  assertEquals(changed(parents, 6_999), []);
  assertEquals(changed(parents, 7_000), [0]);
  assertEquals(asked(parents), "ab");
});

Deno.test("what came by another way says nothing of those who are asked then: they have as long as at the beginning", () => {
  const parents = new Parents(lists("abS", "cS"), 40, 0);
  for (let piece = 0; piece < 20; piece++) parents.gained(piece, 10 * piece);
  parents.begin(500);
  assertEquals(changed(parents, 7_499), []);
  assertEquals(changed(parents, 7_500), [0, 1]);
});

Deno.test("nor does a stripe that came whole by another way say anything of one that lacks some yet", () => {
  const parents = new Parents(lists("abS", "cdS"), 256, 0);
  for (let piece = 0; piece < 256; piece++) if (piece % 20 !== 1) parents.gained(piece, 10 * piece);
  parents.begin(2_560);
  const isOpen = (stripe: number) => stripe === 1;
  for (let now = 2_600; now < 9_560; now += 100) assertEquals(changed(parents, now, isOpen), []);
  assertEquals(changed(parents, 9_560, isOpen), [1]);
});

Deno.test("the other stripe is whole, this one has nothing: its parent may be dead, and is given no more than at any time", () => {
  const quick = new Parents(lists("S", "aS"), 100, 0);
  for (let piece = 0; piece < 100; piece += 2) quick.gained(piece, 2 * (piece + 1));
  assertEquals(changed(quick, 1_100, (stripe) => stripe === 1), []);
  assertEquals(changed(quick, 1_300, (stripe) => stripe === 1), [1]);
  assertEquals(asked(quick), "Sa");
  // Where a piece takes long, this one's has further to come.
  const slow = new Parents(lists("S", "aS"), 2, 0);
  slow.gained(0, 700);
  assertEquals(changed(slow, 5_500, (stripe) => stripe === 1), []);
  assertEquals(changed(slow, 5_700, (stripe) => stripe === 1), [1]);
});

Deno.test("while all stands still those who ask us are told each second, and one hop more than we were told", () => {
  const parents = new Parents(lists("aS", "cS"), 400, 0);
  parents.wait("a", { stripe: 0, hops: 2 }, 1_300);
  const told = [];
  for (let now = 0; now <= 5_000; now += 100) {
    for (const news of parents.reinforce(now, 1_000, always).still) told.push([now, news.stripe, news.hops]);
  }
  const both = (now: number, hops: number) => [[now, 0, hops], [now, 1, 0]];
  // What was said 3 s ago counts no longer.
  assertEquals(told, [3_000, 4_000, 5_000].flatMap((now) => both(now, now < 4_300 ? 3 : 0)));
  parents.gained(0, 5_000);
  assertEquals(parents.reinforce(9_900, 1_000, always).still, []);
  // 5 s passed before the first piece: no sooner is it longer than ever, and later it would be too late.
  assertEquals(parents.reinforce(10_000, 1_000, (stripe) => stripe === 1).still, [{ stripe: 1, hops: 0 }]);
});

Deno.test("between two pieces of a slow source nothing is said: each word costs CPU", () => {
  const parents = new Parents(lists("aS", "cS"), 400, 0);
  const told: number[] = [];
  for (let now = 100; now <= 20_000; now += 100) {
    if (now % 1_000 === 0) parents.gained(now / 1_000, now);
    if (parents.reinforce(now, 1_500, always).still.length > 0) told.push(now);
  }
  assertEquals(told, []);
  assertEquals(
    parents.reinforce(22_000, 1_500, always).still.length,
    2,
    "two seconds from one of a stripe to the next",
  );
});

Deno.test("who says that it waits itself is given four times the patience, and no more: it may lie", () => {
  const parents = new Parents(lists("aS", "cS"), 4, 0);
  parents.gained(0, 10);
  parents.gained(1, 10);
  const seen: [number, number[]][] = [];
  for (let now = 0; now <= 8_000; now += 100) {
    parents.wait("a", { stripe: 0, hops: 0 }, now);
    if (now < 500) parents.wait("c", { stripe: 1, hops: 0 }, now);
    // Nobody asks these for that stripe, and these have been round in a circle.
    parents.wait("c", { stripe: 0, hops: 0 }, now);
    parents.wait("c", { stripe: 1, hops: 20 }, now);
    const stripes = changed(parents, now);
    if (stripes.length > 0) seen.push([now, stripes]);
  }
  // c falls silent, which shows three seconds after its last word.
  assertEquals(seen, [[3_400, [1]], [4_100, [0]]]);
});

Deno.test("of two who are asked beside both have to wait themselves: one may be dead, and the other lie", () => {
  const parents = new Parents(lists("abcS"), 4, 0);
  parents.gained(0, 10);
  const seen: number[] = [];
  for (let now = 0; now <= 3_100; now += 100) {
    if (now > 1_000) parents.wait("b", { stripe: 0, hops: 0 }, now);
    if (changed(parents, now).length > 0) seen.push(now);
  }
  assertEquals(seen, [1_100, 2_100, 3_100]);
});

Deno.test("a stripe that is told of as behind is told of as still all the same: it is another patience", () => {
  const parents = new Parents(lists("abS", "cS"), 200, 0, { depths: [1, 1], lag: LAG });
  const told = { behind: 0, still: [] as number[] };
  for (let now = 100; now <= 5_500; now += 100) {
    parents.hold("a", 0, 0, now);
    const { behind, still } = parents.reinforce(now, 1_000, always);
    told.behind += behind.filter(({ stripe }) => stripe === 0).length;
    if (still.some(({ stripe }) => stripe === 0)) told.still.push(now);
  }
  assertEquals(told, { behind: 55, still: [3_000, 4_000, 5_000] });
});

Deno.test("who waits itself is left all the same when the other stripe goes on: its own link may be slow", () => {
  const parents = new Parents(lists("abS", "cS"), 200, 0, { depths: [1, 1], lag: LAG });
  let left = 0;
  for (let i = 0; i < 40 && left === 0; i++) {
    parents.gained(2 * i + 1, i * 40);
    if (i < 20) parents.gained(2 * i, i * 40);
    parents.wait("a", { stripe: 0, hops: 0 }, i * 40);
    if (changed(parents, i * 40).includes(0)) left = i;
  }
  assert(left > 25 && left < 35, `${left}`);
});

Deno.test("a stripe that is whole needs nobody", () => {
  const parents = new Parents(lists("abS", "abS"), 4, 0);
  assertEquals(changed(parents, 9_000, () => false), []);
});

Deno.test("a slow source is not taken for a dead one", () => {
  const parents = new Parents(lists("abS", "abS"), 100, 0);
  for (let i = 1; i <= 5; i++) for (const piece of [2 * i, 2 * i + 1]) parents.gained(piece, i * 900);
  // A piece each 900 ms: 1,000 ms without one say little, 2,700 ms say enough.
  assertEquals(changed(parents, 4_500 + 2_600), []);
  assertEquals(changed(parents, 4_500 + 2_700), [0, 1]);
});

Deno.test("who was left for being slow is asked again when nobody else is there", () => {
  const parents = new Parents(lists("aS", "cS"), 400, 0, { depths: [1, 1], lag: LAG });
  for (let i = 0; i < 40; i++) {
    parents.gained(2 * i + 1, i * 40);
    changed(parents, i * 40);
  }
  assertEquals(parents.piecesOf("a"), []);
  parents.lose("S", 1_800);
  parents.lose("c", 1_800);
  assertEquals(parents.piecesOf("a").length, 400);
});

Deno.test("as long as a candidate is left, every piece has somebody who is asked for it", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random.next() * n);
    const names = [..."abcdefgS"].slice(0, 2 + below(7));
    const list = () => names.filter(() => below(2) === 0).map(holder);
    const candidates = [list(), list(), list()].slice(0, 1 + below(3));
    const parents = new Parents(candidates, 7, 0);
    const left = new Set(candidates.flat().map(({ peer }) => peer));
    for (const name of [...left].sort(() => below(3) - 1)) {
      if (below(2) === 0) parents.reinforce(below(100_000), 1_000, always);
      const covered = new Set(parents.holders().flatMap(({ peer }) => parents.piecesOf(peer)));
      assertEquals(covered.size, 7, `seed ${seed}`);
      for (const { peer } of parents.holders()) assert(left.has(peer), `seed ${seed}: ${peer} is lost`);
      left.delete(name);
      parents.lose(name, 0);
    }
    assertEquals(parents.holders(), []);
  }
});

Deno.test("while all comes by another way those who ask us are told of every stripe, and not more often than that helps", () => {
  const parents = new Parents([[{ peer: "a" }], [{ peer: "b" }]], 10, 0);
  const both = [{ stripe: 0, hops: 0 }, { stripe: 1, hops: 0 }];
  assertEquals([parents.waiting(1_000), parents.waiting(1_099), parents.waiting(1_100)], [both, [], both]);
});
