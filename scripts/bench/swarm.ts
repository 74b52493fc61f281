/**
 * One file from host 1 to all others on a lab of network namespaces with limited links: how long until the last one has
 * it, for us and for the tools that one would use otherwise, one after the other on the same LAN. And what becomes of ours
 * when something goes wrong on the way.
 */

import { type Bench, compile, PROGRAMS } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, type Machine, thisMachine, versions } from "./machine.ts";
import { RunFailed } from "./measure.ts";
import { othersCpu } from "./procfs.ts";
import { record } from "./results.ts";
import { mountTmpfs } from "./space.ts";
import { isThere, needTools } from "./tools.ts";
import type { Contender } from "./swarm/contender.ts";
import { type Experiment, fillOne } from "./swarm/experiment.ts";
import { Lan } from "./swarm/lan.ts";
import { digests, runOnce, type SwarmRun } from "./swarm/one_run.ts";
import { HELP, type Options, readOptions } from "./swarm/options.ts";
import { LEGEND, summarizeSwarm, type SwarmCase, swarmTable } from "./swarm/report.ts";
import { SOURCE, Stage, SwarmFailed } from "./swarm/stage.ts";
import { judge, verdicts } from "./swarm/targets.ts";

const NEEDED = ["ip", "tc", "ss", "sysctl", "nsenter", "iperf3", "openssl"];
/** A run on a busy machine, a part of which other programs kept busy (cores), is made again, so often at most. */
const BUSY = 0.8;
const DISTURBED = 0.25;
const ATTEMPTS = 3;
/** Before each run one waits for a second in which the other programs used no more than this (cores), for a while. */
const QUIET = 0.1;
const QUIET_SECONDS = 20;
/** What each host needs besides the file, bytes. */
const ROOM_PER_HOST = 30e6;
/** Memory that a host's programs need for themselves, bytes. */
const PROGRAMS_OF_HOST = 100e6;

/** Leaves out what isn't installed, and says so. */
async function present(contenders: readonly Contender[]): Promise<Contender[]> {
  const there: Contender[] = [];
  for (const contender of contenders) {
    const missing: string[] = [];
    for (const program of contender.programs) if (!await isThere(program)) missing.push(program);
    const other = await contender.missing?.();
    if (other !== undefined) missing.push(other);
    if (missing.length === 0) there.push(contender);
    else console.log(`${contender.name} is left out: ${missing.join(", ")} isn't installed`);
  }
  return there;
}

/** Waits until nobody else uses the machine much, for nothing of ours runs yet. */
async function quiet(signal: AbortSignal): Promise<void> {
  for (let second = 0; second < QUIET_SECONDS; second++) {
    const before = othersCpu();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (othersCpu() - before <= QUIET || signal.aborted) return;
  }
}

/** One run that counts, if it can be had. */
async function oneRun(
  contender: Contender,
  stage: Stage,
  options: Parameters<typeof runOnce>[2],
): Promise<SwarmRun> {
  for (let attempt = 1;; attempt++) {
    await quiet(options.signal);
    const run = await runOnce(contender, stage, options);
    if (run.busy < BUSY || run.foreign < DISTURBED || attempt === ATTEMPTS) return run;
    console.error(`${contender.name}: other programs used ${run.foreign.toFixed(2)} cores; once more`);
  }
}

/** The hosts with their folders, and the content on host 1. */
async function setStage(experiment: Experiment, cleanup: Cleanup): Promise<Stage> {
  const { plan, size, receivers, fill = fillOne, room = size } = experiment;
  const lan = await Lan.build(plan, cleanup);
  const count = plan.hosts.length + 1;
  const folder = await mountTmpfs(count * (room + ROOM_PER_HOST), cleanup, count * PROGRAMS_OF_HOST);
  const stage = new Stage(lan, folder, size, receivers);
  cleanup.add(() => stage.kill());
  await Deno.mkdir(stage.share(SOURCE), { recursive: true });
  await fill(stage);
  return stage;
}

async function rounds(
  contenders: readonly Contender[],
  stage: Stage,
  options: { count: number; ideal: number; signal: AbortSignal },
): Promise<Map<Contender, { runs: SwarmRun[]; failures: string[] }>> {
  const { count, ideal, signal } = options;
  const results = new Map(contenders.map((c) => [c, { runs: [] as SwarmRun[], failures: [] as string[] }]));
  const sha256 = await digestOf(stage);
  for (let round = 1; round <= count; round++) {
    for (const [contender, { runs, failures }] of results) {
      const limit = 20 + ideal * (contender.unicast ? 1.5 * stage.receivers.length : 10);
      try {
        const run = await oneRun(contender, stage, { sha256, limit, signal });
        runs.push(run);
        console.error(`Round ${round}: ${contender.name}: ${told(run, ideal)}`);
      } catch (error) {
        if (!(error instanceof SwarmFailed || error instanceof RunFailed)) throw error;
        failures.push(error.message);
        console.error(`Round ${round}: ${contender.name}: ${error.message}`);
      }
    }
  }
  return results;
}

function told({ makespan, notes }: SwarmRun, ideal: number): string {
  const more = Object.entries(notes).map(([name, value]) => `, ${name} ${value.toFixed(3)}`);
  return `${(makespan / ideal).toFixed(3)} F/B${more.join("")}`;
}

/** The file's; nothing where it is many. */
async function digestOf(stage: Stage): Promise<string> {
  try {
    return (await digests([stage.file(SOURCE)]))[0]!;
  } catch {
    return "";
  }
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await needTools(NEEDED);
  await compile();
  const machine = thisMachine();
  const { experiment } = options;
  const contenders = await present(experiment.contenders);
  const stage = await setStage(experiment, cleanup);
  const [from, to] = experiment.flow ?? [SOURCE, SOURCE + 1];
  const flow = async () => await stage.lan.goodput(3, from, to);
  const goodput = Math.max(await flow(), await flow());
  const ideal = stage.size * 8 / goodput;
  console.error(`One flow carries ${(goodput / 1e6).toFixed(1)} Mbit/s: F/B is ${ideal.toFixed(2)} s`);
  const measured = await rounds(contenders, stage, { count: options.runs, ideal, signal: cleanup.signal });
  const cases = [...measured].map(([contender, { runs, failures }]) =>
    summarizeSwarm(contender, runs, failures, { ideal, size: stage.size })
  );
  return await report(options, cases, { machine, goodput, ideal });
}

async function report(
  { experiment, runs, flags, ...options }: Options,
  cases: readonly SwarmCase[],
  { machine, goodput, ideal }: { machine: Machine; goodput: number; ideal: number },
): Promise<number> {
  const { title, size, link } = experiment;
  const rates = [...new Set(experiment.plan.hosts.map(({ rate }) => rate / 1e6))].join(" or ");
  console.log(`\n${describe(machine)}`);
  console.log(
    `${title}: ${size} bytes, links of ${rates} Mbit/s each way, F/B ${
      ideal.toFixed(2)
    } s; medians of ${runs}\n`,
  );
  for (const line of swarmTable(cases)) console.log(line);
  for (const { name, figures } of cases) {
    for (const [note, value] of Object.entries(figures?.notes ?? {})) {
      console.log(`${name}: ${note} ${value}`);
    }
  }
  console.log(`\n${LEGEND}\n`);
  const judged = judge(experiment.targets, cases, { ideal, size, ...(link === undefined ? {} : { link }) });
  for (const line of verdicts(judged)) console.log(line);
  if (options.record) {
    const tools = await versions({ rs: [PROGRAMS.rs[0], "--version"] });
    const work = { title, flags, size, rates, receivers: experiment.receivers.length };
    await record("swarm", machine, { ...work, goodput: Math.round(goodput), tools, cases, targets: judged });
  }
  const isWhole = cases.every(({ failures }) => failures.length === 0);
  return isWhole && judged.every(({ pass }) => pass) ? 0 : 1;
}

export const BENCH: Bench = {
  name: "swarm",
  summary: "one file to many PCs over limited links, beside BitTorrent, multicast and unicast",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
