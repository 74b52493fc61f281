/**
 * Fuzzing for as long as wanted (`deno task fuzz`): all targets of test/fuzz in turn, a few seconds each, until the time is
 * up. What breaks a rule is kept in test/vectors/crashers, where the tests try it again.
 *
 *     deno task fuzz [--minutes 5] [--seed NUMBER] [--target WORD]
 *
 * Exit code: 0 when nothing was found, 1 when something was, 2 on wrong usage.
 */

import { parseArgs } from "@std/cli";
import { Fuzzer, type Tried } from "../test/fuzz/engine.ts";
import { allTargets, keepCrasher } from "../test/fuzz/targets.ts";

/** A target's turn, milliseconds. */
const TURN = 2_000;

interface Total extends Omit<Tried, "crashers"> {
  seconds: number;
  crashers: number;
}

async function main(): Promise<number> {
  const wrong: string[] = [];
  const args = parseArgs(Deno.args, {
    string: ["minutes", "seed", "target"],
    unknown: (arg) => wrong.push(arg) < 0,
  });
  const minutes = Number(args.minutes ?? 5);
  const seed = Number(args.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const targets = (await allTargets()).filter(({ name }) => name.includes(String(args.target ?? "")));
  if (wrong.length > 0 || !(minutes > 0) || !Number.isInteger(seed) || targets.length === 0) {
    console.error("Usage: deno task fuzz [--minutes 5] [--seed NUMBER] [--target WORD OF A TARGET'S NAME]");
    return 2;
  }
  console.log(`Fuzzing ${targets.length} targets for ${minutes} minutes, --seed ${seed}`);
  let at = "none";
  globalThis.addEventListener("unhandledrejection", (event) => {
    console.error(`A promise that nobody looks at was rejected, at ${at}: ${event.reason}`);
    Deno.exitCode = 1;
    event.preventDefault();
  });
  const fuzzers = targets.map((target) => new Fuzzer(target, seed));
  const totals = new Map<string, Total>();
  const deadline = performance.now() + minutes * 60_000;
  while (performance.now() < deadline && fuzzers.length > 0) {
    for (const fuzzer of [...fuzzers]) {
      if (performance.now() >= deadline) break;
      at = fuzzer.target.name;
      const broken = await turn(fuzzer, deadline, totals);
      // It would find the same again and again.
      if (broken) fuzzers.splice(fuzzers.indexOf(fuzzer), 1);
    }
  }
  return tell(totals);
}

/** @returns true when a rule was broken. */
async function turn(fuzzer: Fuzzer, deadline: number, totals: Map<string, Total>): Promise<boolean> {
  const began = performance.now();
  const end = Math.min(deadline, began + TURN);
  const { inputs, outcomes, crashers } = await fuzzer.run(() => performance.now() >= end);
  const { name } = fuzzer.target;
  for (const crasher of crashers) {
    console.error(`${name}: kept as ${await keepCrasher(crasher)}`, crasher.thrown);
  }
  const before = totals.get(name);
  totals.set(name, {
    inputs: (before?.inputs ?? 0) + inputs,
    outcomes,
    crashers: (before?.crashers ?? 0) + crashers.length,
    seconds: (before?.seconds ?? 0) + (performance.now() - began) / 1000,
  });
  return crashers.length > 0;
}

function tell(totals: ReadonlyMap<string, Total>): number {
  let [inputs, found] = [0, 0];
  for (const [name, total] of totals) {
    inputs += total.inputs;
    found += total.crashers;
    const line = `${name.padEnd(24)} ${
      Math.round(total.seconds)
    } s, ${total.inputs} inputs, ${total.outcomes} outcomes`;
    console.log(total.crashers > 0 ? `${line}, BROKEN` : line);
  }
  const { rss } = Deno.memoryUsage();
  console.log(
    `${inputs} inputs in all, ${found} broke a rule; ${Math.round(rss / 1e6)} MB of memory at the end`,
  );
  return found > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exitCode = Math.max(await main(), Number(Deno.exitCode ?? 0));
