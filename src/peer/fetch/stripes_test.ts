/** Who is asked for which pieces of a broadcast, when candidates are lost or stall. */

import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../base/random.ts";
import type { Holder } from "../../catalog/merge.ts";
import { Stripes } from "./stripes.ts";

const holder = (peer: string): Holder => ({ peer, address: "10.0.0.1", port: 1 });
const lists = (...names: string[]) => names.map((list) => [...list].map(holder));
const asked = (stripes: Stripes) => stripes.holders().map(({ peer }) => peer).sort().join("");
const always = () => true;

Deno.test("each stripe is asked of its planned parent", () => {
  const stripes = new Stripes(lists("abS", "cS"), 5, 0);
  assertEquals(stripes.count, 2);
  assertEquals(asked(stripes), "ac");
  assertEquals(stripes.piecesOf("a"), [0, 2, 4]);
  assertEquals(stripes.piecesOf("c"), [1, 3]);
  assertEquals(stripes.piecesOf("b"), []);
});

Deno.test("a parent of both stripes delivers all; who has no parent asks the source", () => {
  assertEquals(new Stripes(lists("aS", "aS"), 3, 0).piecesOf("a"), [0, 1, 2]);
  const root = new Stripes(lists("S", "aS"), 4, 0);
  assertEquals(root.piecesOf("S"), [0, 2]);
});

Deno.test("who is lost gives way to the next in each of its stripes", () => {
  const stripes = new Stripes(lists("abS", "baS"), 4, 0);
  stripes.lose("a");
  assertEquals([asked(stripes), stripes.piecesOf("b")], ["b", [0, 1, 2, 3]]);
  stripes.lose("b");
  assertEquals([asked(stripes), stripes.piecesOf("S")], ["S", [0, 1, 2, 3]]);
  stripes.lose("S");
  assertEquals(asked(stripes), "");
});

Deno.test("where all of a stripe are lost, somebody of another stripe is asked", () => {
  const stripes = new Stripes(lists("aS", "bS"), 4, 0);
  stripes.lose("a");
  stripes.lose("S");
  assertEquals(stripes.piecesOf("b"), [0, 1, 2, 3]);
});

Deno.test("who was lost before its turn came is passed over", () => {
  const stripes = new Stripes(lists("abcS", "S"), 2, 0);
  stripes.lose("b");
  assertEquals(asked(stripes), "Sa");
  stripes.lose("a");
  assertEquals(asked(stripes), "Sc");
});

Deno.test("beside one who stalls the next is asked too, one at a time, up to the source", () => {
  const stripes = new Stripes(lists("abS", "cS"), 4, 0);
  stripes.gained(1, 900);
  assertEquals(stripes.reinforce(999, 1_000, always), false);
  assertEquals(stripes.reinforce(1_000, 1_000, always), true);
  assertEquals(asked(stripes), "abc");
  assertEquals(stripes.piecesOf("a"), [0, 2]);
  assertEquals(stripes.reinforce(1_001, 1_000, always), false);
  stripes.gained(0, 1_001);
  assertEquals(stripes.reinforce(4_003, 1_000, (stripe) => stripe === 0), false);
  assertEquals(stripes.reinforce(4_004, 1_000, (stripe) => stripe === 0), true);
  assertEquals(asked(stripes), "Sabc");
  // Those of the other stripe may wait for us: they are no help against stalling.
  assertEquals(stripes.reinforce(9_000, 1_000, (stripe) => stripe === 0), false);
  assertEquals(stripes.piecesOf("c"), [1, 3]);
});

Deno.test("before anything has come the source is asked late: it may only be slow", () => {
  const stripes = new Stripes(lists("abS"), 4, 0);
  assertEquals(stripes.reinforce(1_000, 1_000, always), true);
  assertEquals(stripes.reinforce(7_999, 1_000, always), false);
  assertEquals(asked(stripes), "ab");
  assertEquals(stripes.reinforce(8_000, 1_000, always), true);
  assertEquals(asked(stripes), "Sab");
});

Deno.test("a stripe that is whole needs nobody", () => {
  const stripes = new Stripes(lists("abS", "abS"), 4, 0);
  assertEquals(stripes.reinforce(9_000, 1_000, () => false), false);
});

Deno.test("a slow source is not taken for a dead one", () => {
  const stripes = new Stripes(lists("abS", "abS"), 100, 0);
  for (let i = 1; i <= 5; i++) for (const piece of [2 * i, 2 * i + 1]) stripes.gained(piece, i * 900);
  // A piece each 900 ms: 1,000 ms without one say little, 2,700 ms say enough.
  assertEquals(stripes.reinforce(4_500 + 2_600, 1_000, always), false);
  assertEquals(stripes.reinforce(4_500 + 2_700, 1_000, always), true);
});

Deno.test("as long as a candidate is left, every piece has somebody who is asked for it", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random.next() * n);
    const names = [..."abcdefgS"].slice(0, 2 + below(7));
    const list = () => names.filter(() => below(2) === 0).map(holder);
    const candidates = [list(), list(), list()].slice(0, 1 + below(3));
    const stripes = new Stripes(candidates, 7, 0);
    const left = new Set(candidates.flat().map(({ peer }) => peer));
    for (const name of [...left].sort(() => below(3) - 1)) {
      if (below(2) === 0) stripes.reinforce(below(100_000), 1_000, always);
      const covered = new Set(stripes.holders().flatMap(({ peer }) => stripes.piecesOf(peer)));
      assertEquals(covered.size, 7, `seed ${seed}`);
      for (const { peer } of stripes.holders()) assert(left.has(peer), `seed ${seed}: ${peer} is lost`);
      left.delete(name);
      stripes.lose(name);
    }
    assertEquals(stripes.holders(), []);
  }
});
