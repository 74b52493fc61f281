/**
 * Measurements (`deno task bench NAME`): without a name, the list. One file per bench; what they share lies beside them.
 *
 * Exit code: 0 measured and every target met, 1 not, 2 wrong usage, 130 interrupted.
 */

import type { Bench } from "./bench/bench.ts";
import { UsageError } from "./bench/bench.ts";
import { BENCH as CAMPUS } from "./bench/campus.ts";
import { BENCH as INDEX } from "./bench/index.ts";
import { BENCH as MEMORY } from "./bench/memory.ts";
import { BENCH as JOINS } from "./bench/joins.ts";
import { BENCH as KILLS } from "./bench/kills.ts";
import { BENCH as REGISTRY } from "./bench/registry.ts";
import { BENCH as SWARM } from "./bench/swarm.ts";
import { BENCH as SECURE } from "./bench/secure.ts";
import { BENCH as SERVERS } from "./bench/servers.ts";
import { BENCH as SIMULATION } from "./bench/simulation.ts";
import { BENCH as SOAK } from "./bench/soak.ts";
import { BENCH as TRANSFER } from "./bench/transfer.ts";
import { CannotRun } from "./bench/tools.ts";

const BENCHES: readonly Bench[] = [
  TRANSFER,
  MEMORY,
  SWARM,
  SECURE,
  JOINS,
  REGISTRY,
  INDEX,
  SIMULATION,
  CAMPUS,
  KILLS,
  SERVERS,
  SOAK,
];

function overview(): string {
  const width = Math.max(...BENCHES.map(({ name }) => name.length));
  const lines = BENCHES.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `deno task bench NAME [flags]\n\n${lines.join("\n")}\n\nMore about one: deno task bench NAME --help`;
}

/** Runs the bench that was named; gives the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help") {
    console.log(overview());
    return 0;
  }
  const bench = BENCHES.find((one) => one.name === name);
  if (!bench) {
    throw new UsageError(`There is no bench ${name}: there are ${BENCHES.map((b) => b.name).join(", ")}`);
  }
  if (rest.includes("--help")) {
    console.log(bench.help);
    return 0;
  }
  return await bench.run(rest);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    const isExpected = error instanceof UsageError || error instanceof CannotRun;
    if (!isExpected) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}
