/** `deno task bench kills`: the registration server is killed a hundred times under load; see registry/kills.ts. */

import { parseArgs } from "@std/cli";
import { seededRandom } from "../../src/base/random.ts";
import { Lab } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { Victim } from "./registry/kills.ts";
import { record } from "./results.ts";

/** Longest time under load before a kill, milliseconds. */
const MOST = 1_500;

const HELP = `deno task bench kills [flags]
  --rounds N    how often it is killed (default: 100)
  --seed N      of the moments (default: another each time)
  --no-record   leave the file of results alone`;

interface Options {
  rounds: number;
  seed: number;
  record: boolean;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["rounds", "seed"],
    unknown: (arg) => {
      throw new UsageError(`bench kills knows no ${arg}`);
    },
  });
  return {
    rounds: readCount("rounds", flags.rounds ?? "100"),
    seed: readCount("seed", flags.seed ?? String(1 + Date.now() % 1e6)),
    record: flags["no-record"] !== true,
  };
}

async function bench({ rounds, seed, ...options }: Options, cleanup: Cleanup): Promise<number> {
  await compile();
  const machine = thisMachine();
  const lab = new Lab(PROGRAMS);
  cleanup.add(() => lab.close());
  const random = seededRandom(seed);
  const victim = new Victim(lab, () => random.next());
  let acknowledged = 0;
  const lost: string[] = [];
  for (let round = 0; round < rounds && !cleanup.signal.aborted; round++) {
    const result = await victim.round(MOST);
    acknowledged += result.acknowledged;
    lost.push(...result.lost.map((what) => `round ${round}: ${what}`));
    console.error(`${round + 1} of ${rounds}: ${acknowledged} acknowledged, ${lost.length} lost`);
  }
  console.log(`\n${describe(machine)}`);
  console.log(`${rounds} kills, seed ${seed}: ${acknowledged} acknowledged, ${lost.length} lost`);
  for (const what of lost.slice(0, 20)) console.log(what);
  if (options.record) await record("kills", machine, { rounds, seed, acknowledged, lost: lost.length });
  return lost.length === 0 ? 0 : 1;
}

export const BENCH: Bench = {
  name: "kills",
  summary: "the registration server killed a hundred times under load: nothing acknowledged may be lost",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
