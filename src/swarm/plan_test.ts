import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../base/random.ts";
import { type Member, planBroadcast, STRIPES } from "./plan.ts";

function lab(count: number, subnet = "lab"): Member[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${subnet}-${i}`, subnet }));
}

/** Members that each member sends to, in all trees together. */
function load(members: readonly Member[], home: string): Map<string, number> {
  const { ancestors } = planBroadcast(members, home);
  const sends = new Map<string, number>();
  for (const trees of ancestors.values()) {
    for (const [parent = "source"] of trees) sends.set(parent, (sends.get(parent) ?? 0) + 1);
  }
  return sends;
}

Deno.test("every member has a way up to the source in every tree, without a circle", () => {
  for (const count of [1, 2, 3, 4, 7, 8, 16, 31, 32, 100]) {
    const { ancestors } = planBroadcast(lab(count), "lab");
    for (const [name, trees] of ancestors) {
      assertEquals(trees.length, STRIPES);
      for (const path of trees) assert(!path.includes(name) && new Set(path).size === path.length);
    }
  }
});

Deno.test("the source sends one copy, and so does everybody else at most", () => {
  for (const count of [1, 2, 4, 8, 16, 32, 40, 100]) {
    for (const [who, sends] of load(lab(count), "lab")) {
      assert(sends <= STRIPES + 1, `${who} of ${count} sends ${sends} halves`);
      if (who === "source") assertEquals(sends, STRIPES);
    }
  }
});

Deno.test("the way up grows with the logarithm", () => {
  for (const count of [4, 16, 32, 256]) {
    const { depths } = planBroadcast(lab(count), "lab");
    const longest = Math.max(...[...depths.values()].flat());
    assert(longest <= Math.ceil(Math.log2(count + 1)), `${longest} hops for ${count}`);
  }
});

Deno.test("one copy goes into each further subnet", () => {
  const members = [...lab(8, "a"), ...lab(8, "b"), ...lab(5, "c")];
  const { ancestors } = planBroadcast(members, "a");
  const subnetOf = new Map(members.map(({ name, subnet }) => [name, subnet]));
  for (let stripe = 0; stripe < STRIPES; stripe++) {
    const entering = new Map<string, number>();
    for (const [name, trees] of ancestors) {
      const parent = trees[stripe]![0];
      const from = parent === undefined ? "a" : subnetOf.get(parent)!;
      const to = subnetOf.get(name)!;
      if (from !== to) entering.set(to, (entering.get(to) ?? 0) + 1);
    }
    assertEquals([...entering.values()], [1, 1]);
  }
});

Deno.test("those who are nearer to the source are told first", () => {
  const random = seededRandom(7);
  const members = lab(20).sort(() => random.next() - 0.5);
  const { order, depths } = planBroadcast(members, "lab");
  const nearest = order.map((name) => Math.min(...depths.get(name)!));
  assertEquals(nearest, nearest.toSorted((a, b) => a - b));
  assertEquals(new Set(order).size, 20);
});

Deno.test("two who lose their parent go to different members, and neither to one that hangs below it", () => {
  for (const count of [4, 7, 8, 9, 16, 33, 100]) {
    const { ancestors, depths } = planBroadcast(lab(count), "lab");
    // The wire carries at most 64.
    for (const list of [...ancestors.values()].flat()) {
      assert(list.length <= 24 && new Set(list).size === list.length);
    }
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      const next = new Map<string, string[]>();
      for (const [name, trees] of ancestors) {
        const [parent, deputy = "source"] = trees[stripe]!;
        assertEquals(depths.get(name)![stripe] === 0, parent === undefined);
        if (parent === undefined) continue;
        next.set(parent, [...next.get(parent) ?? [], deputy]);
        // From its deputy on nobody gets this stripe from us.
        for (let at: string | undefined = deputy; at; at = ancestors.get(at)?.[stripe]?.[0]) {
          assert(at !== name);
        }
      }
      for (const [parent, deputies] of next) {
        assertEquals(new Set(deputies).size, deputies.length, `${parent} of ${count}: ${deputies}`);
      }
    }
  }
});
