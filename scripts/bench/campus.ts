/**
 * A campus of 100,000 PCs in 1,000 labs in virtual time: registration by the product's own rules, with the costs that
 * `bench registry` has measured, and a broadcast from lab to lab. What it comes to is discussed in test/sim/CAMPUS.md.
 */

import { parseArgs } from "@std/cli";
import { simulateBroadcast } from "../../test/sim/broadcast_sim.ts";
import { type Campus, simulateCampus } from "../../test/sim/campus_sim.ts";
import { planned } from "../../test/sim/planned.ts";
import { type Bench, readCount, UsageError } from "./bench.ts";
import { describe, thisMachine } from "./machine.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";

const HELP = `deno task bench campus [flags]
  --seed N      (default: 1)
  --no-record   leave the file of results alone`;

/**
 * Milliseconds: a join took 0.42 in all and a KeepAlive 0.011 (2 cores of a Xeon). What another server does for a join that
 * it hears of wasn't measured: it can't be more than doing it itself.
 */
const COST = { greet: 0.14, register: 0.14, announce: 0.14, keepAlive: 0.011, hear: 0.42 };
const PEERS = 100_000;
const LARGE: Campus = {
  ...{ peers: PEERS, perLab: 100, servers: 9, switchOn: 300_000, lasts: 380_000, cost: COST },
};
const ROOM = { members: 110_000 };

const CASES: Record<string, Campus> = {
  "10,000 PCs in 30 s, one server": { ...LARGE, peers: 10_000, servers: 1, switchOn: 30_000, lasts: 150_000 },
  "100,000 PCs in 5 min, 9 servers": LARGE,
  "the same, room for 110,000 members": { ...LARGE, limits: ROOM },
  "the same, one of 10 servers off for 40 s": {
    ...{ ...LARGE, servers: 10, limits: ROOM },
    ...{ outage: { at: 320_000, lasts: 40_000 }, lasts: 400_000 },
  },
};

/** Labs and PCs in each: with one PC, what the way from lab to lab costs by itself. */
const LABS = [[20, 1], [200, 1], [1_000, 1], [20, 20], [50, 100]] as const;

/** A broadcast to labs behind uplinks as fast as a PC's own. */
function acrossLabs(count: number, perLab: number, seed: number) {
  const rate = 12.5e6;
  const [piece, pieces] = [2 ** 18, 16];
  const labs: Record<string, number> = { a: rate };
  const pcs = Array.from({ length: count * perLab }, (_, n) => {
    const lab = `lab${Math.floor(n / perLab)}`;
    labs[lab] = rate;
    return { name: `pc${n}`, lab, up: rate, down: rate };
  });
  const scenario = { bytes: pieces * piece, piece, block: piece / 2, rate, pcs, labs, seed };
  const { seconds, best, crossed, missing } = simulateBroadcast({ ...scenario, policy: planned() });
  const msPerLab = significant((seconds - best) / count * 1000, 3);
  return {
    ...{ labs: count, perLab, msPerLab },
    ...{ seconds: significant(seconds), best: significant(best) },
    ...{ copiesPerLab: significant(crossed / count, 3), missing: missing.length },
  };
}

async function bench(seed: number, isRecorded: boolean): Promise<number> {
  const machine = thisMachine();
  console.log(describe(machine));
  const campus: Record<string, unknown> = {};
  for (const [name, each] of Object.entries(CASES)) {
    const outcome = simulateCampus({ ...each, seed });
    // JSON has no Infinity.
    campus[name] = { ...outcome, joined: Number.isFinite(outcome.joined) ? outcome.joined : "never all" };
    console.log(`${name}: ${JSON.stringify(campus[name])}`);
  }
  const broadcasts = LABS.map(([count, perLab]) => acrossLabs(count, perLab, seed));
  for (const each of broadcasts) console.log(JSON.stringify(each));
  if (isRecorded) await record("campus", machine, { seed, cost: COST, campus, broadcasts });
  return broadcasts.every(({ missing }) => missing === 0) ? 0 : 1;
}

export const BENCH: Bench = {
  name: "campus",
  summary:
    "100,000 PCs in 1,000 labs in virtual time: what their registration servers do, and what breaks first",
  help: HELP,
  run: (args) => {
    const flags = parseArgs(args, {
      boolean: ["no-record"],
      string: ["seed"],
      unknown: (arg) => {
        throw new UsageError(`bench campus knows no ${arg}`);
      },
    });
    return bench(readCount("seed", flags.seed ?? "1"), flags["no-record"] !== true);
  },
};
