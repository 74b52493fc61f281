/** The registration server is killed under load: what it has acknowledged is there afterwards. */

import { assert, assertEquals } from "@std/assert";
import { Victim } from "../../scripts/bench/registry/kills.ts";
import { seededRandom } from "../../src/base/random.ts";
import { labTest } from "./lab.ts";

/** `deno task bench kills` makes it a hundred. */
const ROUNDS = 4;

labTest("kill -9 loses no registration and no receipt that was acknowledged", async (lab) => {
  const seed = Date.now() % 1e6;
  const random = seededRandom(seed);
  const victim = new Victim(lab, () => random.next());
  for (let round = 0; round < ROUNDS; round++) {
    const { acknowledged, lost } = await victim.round(700);
    assertEquals(lost, [], `seed ${seed}, round ${round}`);
    assert(acknowledged > 0, `nothing was acknowledged in round ${round}`);
  }
});
