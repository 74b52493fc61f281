/**
 * A campus of 100,000 PCs in 1,000 labs in virtual time: registration by the product's own rules, with the costs that
 * `bench registry` has measured, and a broadcast from lab to lab. What it comes to is discussed in test/sim/CAMPUS.md, whose
 * figures are what this prints.
 *
 * Where there are more PCs than there is room for, those beyond it are missing, and that is right: what is looked at is how
 * they ask. Where there's room a PC that is missing is a failure.
 */

import { parseArgs } from "@std/cli";
import { simulateBroadcast } from "../../test/sim/broadcast_sim.ts";
import { type Campus, simulateCampus } from "../../test/sim/campus_sim.ts";
import { planned } from "../../test/sim/planned.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { type Bench, readCount, UsageError } from "./bench.ts";
import { describe, thisMachine } from "./machine.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";

const HELP = `deno task bench campus [flags]
  --seed N      (default: 1)
  --only WORD   just the cases whose names hold it, as "one server" or "labs of 1"; nothing is recorded
  --no-record   leave the file of results alone`;

/**
 * Milliseconds: a join took 0.42 in all and a KeepAlive 0.011 (2 cores of a Xeon). What another server does for a join that
 * it hears of wasn't measured: it can't be more than doing it itself.
 */
const COST = { greet: 0.14, register: 0.14, announce: 0.14, keepAlive: 0.011, hear: 0.42 };
const PEERS = 100_000;
const LARGE: Campus = {
  ...{ peers: PEERS, perLab: 100, servers: 9, switchOn: 300_000, lasts: 400_000, cost: COST },
};
const ONE: Campus = { ...LARGE, peers: 10_000, servers: 1, switchOn: 30_000, lasts: 150_000 };
/** Room for all of them: what would be if the limit of members were another. */
const RAISED = { limits: { members: 110_000 } };

const CASES: Record<string, Campus> = {
  "10,000 PCs in 30 s, one server": ONE,
  "13,000 PCs in 30 s, one server: more than it has places": { ...ONE, peers: 13_000 },
  "50,000 PCs in 150 s, 5 servers": {
    ...{ ...LARGE, peers: 50_000, servers: 5, switchOn: 150_000, lasts: 250_000 },
  },
  "100,000 PCs in 5 min, 9 servers: twice what the registry has room for": { ...LARGE, lasts: 700_000 },
  "100,000 PCs in 5 min, 9 servers, room raised to 110,000": { ...LARGE, ...RAISED },
  "100,000 PCs in 5 min, 10 servers, room raised, one off for 40 s": {
    ...{ ...LARGE, ...RAISED, servers: 10, outage: { at: 320_000, lasts: 40_000 } },
  },
};

/** PCs for whom there's room: records in the registry, and places at all servers together. */
function roomOf({ servers, limits }: Campus): number {
  const { members = LIMITS.members, connections = LIMITS.connections } = limits ?? {};
  return Math.min(members, servers * connections);
}

/** Runs a case. @returns what to print of it, and whether all for whom there's room are there. */
function runCase(campus: Campus, seed: number): { printed: Record<string, unknown>; isRight: boolean } {
  const { joined, missing, busy, ...outcome } = simulateCampus({ ...campus, seed });
  const room = roomOf(campus);
  const beyond = Math.max(0, campus.peers - room);
  const printed = {
    ...{ peers: campus.peers, room, beyond, missing },
    // JSON has no Infinity.
    joined: Number.isFinite(joined) ? significant(joined, 4) : "never all",
    ...{ ...outcome, wait: significant(outcome.wait, 3), dials: significant(outcome.dials, 3) },
    busy: significant(busy, 3),
  };
  return { printed, isRight: beyond > 0 ? missing >= beyond : missing === 0 && outcome.again.full === 0 };
}

/** Labs and PCs in each: with one PC, what the way from lab to lab costs by itself. */
const LABS = [[20, 1], [200, 1], [1_000, 1], [20, 20], [50, 100], [100, 100]] as const;

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

async function bench(seed: number, word: string, isRecorded: boolean): Promise<number> {
  const machine = thisMachine();
  console.log(describe(machine));
  const campus: Record<string, unknown> = {};
  let isRight = true;
  for (const [name, each] of Object.entries(CASES).filter(([name]) => name.includes(word))) {
    const outcome = runCase(each, seed);
    campus[name] = outcome.printed;
    isRight &&= outcome.isRight;
    console.log(`${name}: ${JSON.stringify(outcome.printed)}`);
  }
  const broadcasts = [];
  for (const [count, perLab] of LABS) {
    const name = `a broadcast to ${count} labs of ${perLab}`;
    if (!name.includes(word)) continue;
    const outcome = acrossLabs(count, perLab, seed);
    broadcasts.push(outcome);
    isRight &&= outcome.missing === 0;
    console.log(`${name}: ${JSON.stringify(outcome)}`);
  }
  if (isRecorded) await record("campus", machine, { seed, cost: COST, campus, broadcasts });
  return isRight ? 0 : 1;
}

export const BENCH: Bench = {
  name: "campus",
  summary:
    "100,000 PCs in 1,000 labs in virtual time: what their registration servers do, and what breaks first",
  help: HELP,
  run: (args) => {
    const flags = parseArgs(args, {
      boolean: ["no-record"],
      string: ["seed", "only"],
      unknown: (arg) => {
        throw new UsageError(`bench campus knows no ${arg}`);
      },
    });
    const only = typeof flags.only === "string" ? flags.only : "";
    const isRecorded = flags["no-record"] !== true && only === "";
    return bench(readCount("seed", flags.seed ?? "1"), only, isRecorded);
  },
};
