/**
 * Broadcasts in virtual time: the product's policy beside a mesh, from 8 PCs to 5,000, with and without faults. The same
 * simulation runs small among the tests; here it's large, and nothing but virtual time is measured.
 */

import { parseArgs } from "@std/cli";
import { type Column, layOut } from "../../src/cli/table.ts";
import { simulateBroadcast } from "../../test/sim/broadcast_sim.ts";
import { mesh } from "../../test/sim/mesh.ts";
import type { PcSpec } from "../../test/sim/pc.ts";
import { planned } from "../../test/sim/planned.ts";
import { type Bench, readCount, UsageError } from "./bench.ts";
import { describe, thisMachine } from "./machine.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";

/** 100 Mbit/s, bytes per second. */
const RATE = 12.5e6;
const BYTES = 64 * 2 ** 20;
const PIECE = 2 ** 18;
/** Time by the bound that 1,000 PCs may take. */
const TARGET = { count: 1_000, ratio: 1.15 };
/** From so many PCs on, half a piece travels as one block, not a quarter: it takes half the time to simulate. */
const MANY = 1_000;
/** PCs that each PC of the mesh chooses. */
const NEIGHBOURS = 4;

const HELP = `deno task bench simulation [flags]
  --peers N     most PCs (default: 5000, some minutes)
  --mesh N      most PCs of the mesh (default: 100; it takes longer the more there are)
  --seed N      (default: 1)
  --no-record   leave the file of results alone`;

interface Options {
  peers: number;
  mesh: number;
  seed: number;
  record: boolean;
}

interface Case {
  name: string;
  pcs: PcSpec[];
  labs?: Record<string, number>;
}

interface Result {
  name: string;
  policy: string;
  pcs: number;
  /** Slowest PC that has no fault, by F/B. */
  usual: number;
  /** Slowest of all, by the bound. */
  all: number;
  copies: number;
  waste: number;
  connections: number;
  crossed: number;
  missing: number;
  seconds: number;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["peers", "mesh", "seed"],
    unknown: (arg) => {
      throw new UsageError(`bench simulation knows no ${arg}`);
    },
  });
  return {
    peers: readCount("peers", flags.peers ?? "5000"),
    mesh: readCount("mesh", flags.mesh ?? "100"),
    seed: readCount("seed", flags.seed ?? "1"),
    record: flags["no-record"] !== true,
  };
}

function lab(count: number, name = "a"): PcSpec[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${name}${i}`, lab: name, up: RATE, down: RATE }));
}

/** One in `step` of them is different. */
function some(count: number, step: number, fault: (i: number) => Partial<PcSpec>): PcSpec[] {
  return lab(count).map((spec, i) => i % step === 1 ? { ...spec, ...fault(i) } : spec);
}

function casesOf(peers: number): Case[] {
  const uniform = [8, 32, 100, 1_000, 5_000].filter((count) => count <= peers);
  const faults = [32, 100, 1_000].filter((count) => count <= peers);
  return [
    ...uniform.map((count) => ({ name: "uniform", pcs: lab(count) })),
    ...faults.flatMap((count): Case[] => [
      { name: "one slow", pcs: some(count, count, () => ({ up: RATE / 10, down: RATE / 10 })) },
      { name: "one liar", pcs: some(count, count, () => ({ lies: 0.05 })) },
      { name: "5 % die", pcs: some(count, 20, (i) => ({ dies: (i * 997) % 5_000 })) },
    ]),
    { name: "two labs", pcs: [...lab(8), ...lab(8, "b")], labs: { a: RATE, b: RATE } },
  ];
}

function simulate({ name, pcs, labs = {} }: Case, policy: ReturnType<typeof planned>, seed: number): Result {
  const began = performance.now();
  const block = pcs.length >= MANY ? PIECE / 2 : PIECE / 4;
  const outcome = simulateBroadcast({
    bytes: BYTES,
    piece: PIECE,
    block,
    rate: RATE,
    pcs,
    labs,
    policy,
    seed,
  });
  return {
    name,
    policy: policy.name,
    pcs: pcs.length,
    usual: significant(outcome.usual / outcome.best),
    all: significant(outcome.seconds / outcome.bound),
    copies: significant(outcome.copies, 3),
    waste: significant(outcome.waste, 3),
    connections: significant(outcome.connections, 3),
    crossed: significant(outcome.crossed, 3),
    missing: outcome.missing.length,
    seconds: significant((performance.now() - began) / 1000, 3),
  };
}

const right = "right" as const;
const COLUMNS: Column<Record<string, string>>[] = [
  { key: "name", title: "case" },
  { key: "pcs", title: "PCs", align: right },
  { key: "policy" },
  { key: "usual", title: "time / (F/B)", align: right },
  { key: "all", title: "all / bound", align: right },
  { key: "copies", title: "source / F", align: right },
  { key: "waste", align: right },
  { key: "connections", title: "conn.", align: right },
  { key: "crossed", title: "uplink / F", align: right },
  { key: "missing", align: right },
];

function tableOf(results: readonly Result[]): string[] {
  const rows = results.map((result) => ({
    name: result.name,
    pcs: String(result.pcs),
    policy: result.policy,
    usual: result.usual.toFixed(3),
    all: result.all.toFixed(3),
    copies: result.copies.toFixed(2),
    waste: `${(100 * result.waste).toFixed(1)} %`,
    connections: result.connections.toFixed(1),
    crossed: result.crossed === 0 ? "" : result.crossed.toFixed(2),
    missing: String(result.missing),
  }));
  return layOut(rows, COLUMNS);
}

async function bench(options: Options): Promise<number> {
  const results: Result[] = [];
  for (const each of casesOf(options.peers)) {
    const policies = [
      planned(),
      ...each.pcs.length <= options.mesh ? [mesh({ neighbours: NEIGHBOURS })] : [],
    ];
    for (const policy of policies) {
      const result = simulate(each, policy, options.seed);
      console.error(`${result.name}, ${result.pcs} PCs, ${result.policy}: ${result.seconds} s`);
      results.push(result);
    }
  }
  const machine = thisMachine();
  console.log(`\n${describe(machine)}\n`);
  for (const line of tableOf(results)) console.log(line);
  console.log(`
time / (F/B): slowest PC that has no fault. all / bound: slowest of all that live, by the bound of Kumar and Ross.
source / F: copies that the source sends. waste: bytes that travelled for nothing. uplink / F: bytes into the labs.`);
  const large = results.find(({ name, pcs, policy }) =>
    name === "uniform" && pcs === TARGET.count && policy === planned().name
  );
  const pass = results.every(({ missing }) => missing === 0) && (large?.all ?? 0) <= TARGET.ratio;
  console.log(
    `target: all have it, and ${TARGET.count} PCs within ${TARGET.ratio} of the bound: ${
      pass ? "met" : "MISSED"
    }`,
  );
  const { seed } = options;
  if (options.record) {
    await record("simulation", machine, { seed, bytes: BYTES, piece: PIECE, results, pass });
  }
  return pass ? 0 : 1;
}

export const BENCH: Bench = {
  name: "simulation",
  summary: "broadcasts in virtual time, to 5,000 PCs, with and without faults, beside a mesh",
  help: HELP,
  run: (args) => bench(readOptions(args)),
};
