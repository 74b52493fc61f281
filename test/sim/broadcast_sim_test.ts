/**
 * A broadcast in virtual time, with the product's plan, its rules of repair and its schedulers: how close to the bound it
 * comes, and that one PC's fault costs the others little, whatever the fault and wherever the PC stands in the trees.
 */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { type Outcome, type Scenario, simulateBroadcast } from "./broadcast_sim.ts";
import { mesh } from "./mesh.ts";
import type { PcSpec } from "./pc.ts";
import { planned } from "./planned.ts";

const MiB = 2 ** 20;
/** 100 Mbit/s. */
const RATE = 12.5e6;

function lab(count: number, name = "a"): PcSpec[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${name}${i}`, lab: name, up: RATE, down: RATE }));
}

function run(pcs: PcSpec[], more: Partial<Scenario> = {}): Outcome {
  return simulateBroadcast({ bytes: 64 * MiB, piece: MiB / 4, rate: RATE, policy: planned(), pcs, ...more });
}

/** One of them is different. */
function one(count: number, which: number, fault: Partial<PcSpec>): PcSpec[] {
  return lab(count).map((spec, i) => i === which ? { ...spec, ...fault } : spec);
}

function assertAll(name: string, outcome: Outcome, most: number): void {
  assertEquals(outcome.missing, [], name);
  assertLessOrEqual(outcome.usual / outcome.best, most, name);
}

Deno.test("a uniform lab: close to the bound, one copy from the source, two connections per PC", () => {
  for (const [count, most] of [[1, 1.01], [2, 1.02], [8, 1.03], [32, 1.05], [100, 1.07]] as const) {
    const outcome = run(lab(count));
    assertAll(`${count} PCs`, outcome, most);
    assertLessOrEqual(outcome.seconds / outcome.bound, most);
    assertLessOrEqual(outcome.copies, 1.001);
    assertLessOrEqual(outcome.connections, 2);
    assertEquals(outcome.waste, 0);
  }
});

/** From 2 s on, or from the beginning; 64 MiB take 5.4 s. */
const FAULTS: Record<string, Partial<PcSpec>> = {
  "at a tenth of the rate": { up: RATE / 10, down: RATE / 10 },
  "with an uplink of a tenth": { up: RATE / 10 },
  "that stops sending and keeps its connections": { stops: 2_000 },
  "that freezes": { freezes: 2_000 },
  "that dies": { dies: 2_000 },
  "that sends 5 % bad pieces": { lies: 0.05 },
};

for (const [fault, spec] of Object.entries(FAULTS)) {
  Deno.test(`one PC ${fault}: all others within 1.25 F/B, wherever it stands`, () => {
    for (const count of [2, 3, 9, 16]) {
      for (let which = 0; which < count; which += count > 9 ? 3 : 1) {
        assertAll(`PC ${which} of ${count} ${fault}`, run(one(count, which, spec)), 1.25);
      }
    }
  });
}

Deno.test("the source dies when the others hold one copy of each piece: all finish within 1.1 F/B", () => {
  for (const count of [4, 16, 33]) assertAll(`${count}`, run(lab(count), { sourceDies: true }), 1.1);
});

Deno.test("a source so slow that pieces take half a minute is nobody's fault: one copy, nobody else is dialled", () => {
  const outcome = run(lab(50), { rate: 30_000, bytes: 8 * MiB, piece: MiB / 2 });
  assertEquals(outcome.missing, []);
  assertLessOrEqual(outcome.seconds / outcome.bound, 1.01);
  assertLessOrEqual(outcome.copies, 1.001);
  assertLessOrEqual(outcome.connections, 2);
});

Deno.test("two labs behind slow uplinks: one copy goes into the other lab", () => {
  const pcs = [...lab(8), ...lab(8, "b")];
  for (const uplink of [RATE / 2, RATE, 10 * RATE]) {
    const outcome = run(pcs, { labs: { a: uplink, b: uplink } });
    assertEquals(outcome.missing, []);
    assertLessOrEqual(outcome.crossed, 1.01);
    assertLessOrEqual(outcome.seconds, Math.max(outcome.best, 64 * MiB / uplink) * 1.1);
  }
});

Deno.test("who comes late gets it too; at the worst place, the root of a tree, the others wait for it", () => {
  for (const which of [0, 4, 8]) {
    const outcome = run(one(9, which, { joins: 2_500 }));
    assertAll(`PC ${which}`, outcome, which === 0 ? 1.6 : 1.1);
    assertLessOrEqual(outcome.seconds, 2.5 + 2 * outcome.best);
  }
});

Deno.test("same seed, same outcome", () => {
  const pcs = one(16, 3, { lies: 0.05 });
  assertEquals(run(pcs, { seed: 5 }), run(pcs, { seed: 5 }));
});

Deno.test("one in thirteen dies, within some seconds: all others within 1.2 F/B", () => {
  for (let seed = 1; seed <= 13; seed++) {
    const pcs = lab(40).map((spec, i) =>
      (i * 7 + seed) % 13 === 0 ? { ...spec, dies: 300 * seed + 40 * i } : spec
    );
    assertAll(`seed ${seed}`, run(pcs, { seed }), 1.2);
  }
});

Deno.test("a mesh without a plan gets everything to everybody too, and takes longer", () => {
  for (const fault of [{}, { freezes: 2_000 }, { lies: 0.05 }, { dies: 1_000 }]) {
    const pcs = one(12, 3, fault);
    const rival = run(pcs, { policy: mesh({ neighbours: 4 }), bytes: 16 * MiB });
    assertEquals(rival.missing, []);
    assert(rival.usual > run(pcs, { bytes: 16 * MiB }).usual);
  }
});
