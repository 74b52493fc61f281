/** What is asked for, and when, while a content comes by multicast. */

import { assertEquals } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { Lines } from "../../storage/_testing.ts";
import type { BlockTally } from "../../swarm/blocks.ts";
import type { ReceiveOrder } from "../receive_protocol.ts";
import { ContentRun } from "./content_run.ts";
import { MulticastDesk, type MulticastPlan } from "./multicast_desk.ts";
import type { WorkerPool } from "./worker_pool.ts";

const PIECES = 40;
const HOW: MulticastPlan = {
  at: "10.1.0.7",
  group: "239.255.1.2",
  session: "ab".repeat(8),
  key: "00".repeat(16),
  piece: 0,
};

interface More {
  lost?: number;
  pieces?: number;
  why?: string;
  /** A piece that somebody below us waits for. */
  waited?: number;
}

/** @param plan how it comes by multicast; null where it doesn't. */
function stage(plan: Partial<MulticastPlan> | null = {}) {
  const size = PIECES * 262144;
  const file = { name: "a.iso", size, sha256: "ab".repeat(32), target: "a.iso", present: false };
  const source = { peer: "(source)", address: "10.1.0.2", port: 1 };
  const clock = new FakeClock();
  const run = new ContentRun({
    ...{
      key: "k",
      files: [{ ...file, modified: 0, holders: [] }],
      holders: [],
      pieceSize: 262144,
      bytes: size,
    },
    ...{ stripes: [[source], [source]], depths: [0, 0] },
    ...(plan ? { multicast: { ...HOW, ...plan } } : {}),
  }, clock);
  run.manifest = { id: "cd".repeat(32), hashes: new Uint8Array(32 * PIECES) };
  const orders: ReceiveOrder[] = [];
  const told: (BlockTally | undefined)[] = [];
  const pool = { tell: (_: number, order: ReceiveOrder) => void orders.push(order) } as unknown as WorkerPool;
  const desk = new MulticastDesk({ pool, clock, log: new Lines(), heard: (tally) => void told.push(tally) });
  let whole = 0;
  /** @param more.pieces as many have come whole by now. */
  const hear = (passed: number, got: number, { lost = 0, pieces = passed, waited, ...why }: More = {}) => {
    const fresh = Array.from({ length: pieces - whole }, (_, i) => whole + i);
    whole = pieces;
    return desk.told(run, {
      ...{ kind: "multicast", content: run.id, passed, got, lost, pieces: fresh },
      ...why,
    }, (before) => waited !== undefined && waited < before);
  };
  return { clock, run, orders, told, desk, hear };
}

Deno.test("multicast: nothing is asked for while it comes, lost or not: it would push out what comes", () => {
  const { run, desk, orders, told, hear } = stage();
  desk.begin(run);
  const { piece: _, ...how } = HOW;
  assertEquals(orders, [{ kind: "tune", content: run.id, ...how }]);
  assertEquals([run.askable, run.piecesOf("(source)")], [0, []]);
  assertEquals(hear(0, 0), false, "it listens: nothing has come");
  assertEquals(hear(7, 100, { lost: 1, pieces: 6 }), false);
  assertEquals([run.askable, run.piecesOf("(source)")], [0, []]);
  assertEquals(hear(7, 120, { lost: 1, pieces: 6 }), false);
  assertEquals(told, [{ got: 0, lost: 0 }, { got: 100, lost: 1 }, { got: 120, lost: 1 }]);
});

Deno.test("multicast: once somebody waits for what was lost, all that has gone by may be asked for", () => {
  const { run, desk, hear } = stage();
  desk.begin(run);
  assertEquals([hear(7, 100, { lost: 1, pieces: 6, waited: 7 }), run.askable], [false, 0]);
  assertEquals(hear(9, 120, { lost: 1, pieces: 6, waited: 7 }), true);
  assertEquals(run.piecesOf("(source)"), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals([hear(9, 140, { lost: 1, pieces: 6, waited: 7 }), hear(12, 160)], [false, false]);
  assertEquals(run.askable, 9);
});

Deno.test("multicast: at its end all that is missing may be asked for", () => {
  const { run, desk, orders, told, hear } = stage();
  desk.begin(run);
  hear(30, 300);
  assertEquals(hear(36, 320, { why: "It has ended" }), true);
  assertEquals([run.askable, told.at(-1)], [PIECES, undefined]);
  assertEquals(orders.at(-1), { kind: "untune", content: run.id });
  assertEquals(hear(40, 330), false, "what is told afterwards is passed over");
  assertEquals(desk.look(run), false);
});

Deno.test("multicast: a silence ends it, a longer one where nothing has come yet", () => {
  for (const [got, least, most] of [[0, 1_999, 2_001], [5, 1_199, 1_201]] as const) {
    const { clock, run, desk, hear } = stage();
    desk.begin(run);
    hear(0, got);
    clock.advance(least);
    assertEquals([desk.look(run), run.askable], [false, 0], `${least} ms`);
    clock.advance(most - least);
    assertEquals([desk.look(run), run.askable], [true, PIECES], `${most} ms`);
  }
});

Deno.test("multicast: who gets too few whole pieces listens no longer; what was lost at first is forgiven", () => {
  for (const [pieces, isLeft] of [[8, true], [11, false]] as const) {
    const { clock, run, desk, hear } = stage();
    desk.begin(run);
    hear(0, 1, { pieces: 0 });
    clock.advance(500);
    hear(4, 100, { lost: 60, pieces: 0 });
    clock.advance(1_000);
    hear(10, 200, { pieces: 4 });
    clock.advance(500);
    hear(15, 300, { pieces: 7 });
    assertEquals(run.askable, 0, "it hasn't been 2 s");
    clock.advance(500);
    hear(17, 310, { pieces });
    assertEquals(run.askable, isLeft ? PIECES : 0, `${pieces} of 17`);
  }
});

Deno.test("multicast: blocks without a piece that is right are somebody else's: they hold nothing up for long", () => {
  const { clock, run, desk, hear } = stage();
  desk.begin(run);
  for (let ms = 0; ms < 6_000; ms += 500) {
    assertEquals(hear(0, 1 + ms, { pieces: 0 }), false);
    assertEquals(desk.look(run), false);
    clock.advance(500);
  }
  hear(0, 10_000, { pieces: 0 });
  assertEquals([desk.look(run), run.askable], [true, PIECES]);
});

Deno.test("multicast: news without anything new in it are no sign of life", () => {
  const { clock, run, desk, hear } = stage();
  desk.begin(run);
  for (let ms = 0; ms < 2_000; ms += 100) {
    assertEquals(hear(0, 0), false);
    clock.advance(100);
  }
  assertEquals(desk.look(run), true);
});

Deno.test("multicast: who has pieces of an earlier run waits for none, unless it is under way in any case", () => {
  const idle = stage();
  idle.run.resumes = true;
  idle.desk.begin(idle.run);
  assertEquals([idle.orders, idle.run.askable], [[], PIECES]);
  const running = stage({ piece: 25 });
  running.run.resumes = true;
  running.desk.begin(running.run);
  assertEquals([running.orders.length, running.run.askable], [1, 0]);
  const without = stage(null);
  without.desk.begin(without.run);
  assertEquals([without.orders, without.run.askable], [[], PIECES]);
});
