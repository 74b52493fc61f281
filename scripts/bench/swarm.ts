/**
 * One file from host 1 to all others on a lab of network namespaces with limited links: how long until the last one has
 * it, for us and for the tools that one would use otherwise, one after the other on the same LAN.
 */

import { parseArgs } from "@std/cli";
import { type Bench, compile, readCount, readSize, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { writeRandom } from "./field.ts";
import { describe, thisMachine, versions } from "./machine.ts";
import { PROGRAMS } from "./bench.ts";
import { RunFailed } from "./measure.ts";
import { record } from "./results.ts";
import { mountTmpfs } from "./space.ts";
import { isThere, needTools } from "./tools.ts";
import type { Contender } from "./swarm/contender.ts";
import { Lan } from "./swarm/lan.ts";
import { parseRate, planLan } from "./swarm/lan_plan.ts";
import { UDPCAST, UFTP } from "./swarm/multicast.ts";
import { digests, runOnce, type SwarmRun } from "./swarm/one_run.ts";
import { OURS, ours } from "./swarm/ours.ts";
import { LEGEND, summarizeSwarm, type SwarmCase, swarmTable } from "./swarm/report.ts";
import { SOURCE, Stage, SwarmFailed } from "./swarm/stage.ts";
import { ARIA, LIBTORRENT } from "./swarm/torrents.ts";
import { UNICAST } from "./swarm/unicast.ts";

const CONTENDERS: readonly Contender[] = [ours(), LIBTORRENT, ARIA, UFTP, UDPCAST, UNICAST];
const NEEDED = ["ip", "tc", "ss", "sysctl", "nsenter", "iperf3", "openssl"];
/** A run on a busy machine, a part of which other programs kept busy (cores), is made again, so often at most. */
const BUSY = 0.8;
const DISTURBED = 0.25;
const ATTEMPTS = 3;
/** What each host needs besides the file, bytes. */
const ROOM_PER_HOST = 20e6;
/** What ours may take, by F/B; by the number of receivers, up to which it holds. */
const TARGETS: readonly [hosts: number, ratio: number][] = [[8, 1.10], [16, 1.12], [32, 1.15]];

interface Options {
  hosts: number;
  rate: number;
  size: number;
  runs: number;
  tools: readonly Contender[];
  broadcastFlags: string[];
  record: boolean;
}

const HELP = `deno task bench swarm [flags]
  --hosts N     receivers (default: 16)
  --rate RATE   of each host's link, both ways (default: 100mbit; 50mbit from 32 hosts on)
  --size SIZE   of the file (default: 64M; 32M from 32 hosts on)
  --runs N      rounds; medians are taken over them (default: 3)
  --tools LIST  with commas, of ${CONTENDERS.map(({ name }) => name).join(", ")} (default: all)
  --flags TEXT  more flags for our rs broadcast
  --no-record   show the table, and leave the file of results alone
Needs root. Rivals that aren't installed are left out; Debian's packages: aria2 nginx-light opentracker
python3-libtorrent udpcast uftp.`;

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["hosts", "rate", "size", "runs", "tools", "flags"],
    unknown: (arg) => {
      throw new UsageError(`bench swarm knows no ${arg}`);
    },
  });
  const hosts = readCount("hosts", flags.hosts ?? 16);
  const isMany = hosts >= 32;
  const rate = parseRate(String(flags.rate ?? (isMany ? "50mbit" : "100mbit")));
  if (rate === undefined) throw new UsageError(`Cannot read --rate ${flags.rate}: write it like 100mbit`);
  return {
    hosts,
    rate,
    size: readSize("size", flags.size ?? (isMany ? "32M" : "64M")),
    runs: readCount("runs", flags.runs ?? 3),
    tools: chosen(flags.tools),
    broadcastFlags: typeof flags.flags === "string" ? flags.flags.split(" ") : [],
    record: flags["no-record"] !== true,
  };
}

function chosen(list: unknown): readonly Contender[] {
  if (typeof list !== "string") return CONTENDERS;
  return list.split(",").map((name) => {
    const found = CONTENDERS.find((contender) => contender.name === name);
    if (!found) throw new UsageError(`There is no tool ${name}`);
    return found;
  });
}

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

/** One run that counts, if it can be had. */
async function oneRun(
  contender: Contender,
  stage: Stage,
  options: Parameters<typeof runOnce>[2],
): Promise<SwarmRun> {
  for (let attempt = 1;; attempt++) {
    const run = await runOnce(contender, stage, options);
    if (run.busy < BUSY || run.foreign < DISTURBED || attempt === ATTEMPTS) return run;
    console.error(`${contender.name}: other programs used ${run.foreign.toFixed(2)} cores; once more`);
  }
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await needTools(NEEDED);
  await compile();
  const machine = thisMachine();
  const { hosts, rate, size, runs } = options;
  const contenders = (await present(options.tools)).map((one) =>
    one.name === OURS ? ours(options.broadcastFlags) : one
  );
  const lan = await Lan.build(planLan({ labs: [hosts + 1], rate }), cleanup);
  const folder = await mountTmpfs((hosts + 1) * (size + ROOM_PER_HOST), cleanup);
  const receivers = Array.from({ length: hosts }, (_, i) => i + 2);
  const stage = new Stage(lan, folder, size, receivers);
  cleanup.add(() => stage.kill());
  await Deno.mkdir(stage.share(SOURCE), { recursive: true });
  await writeRandom(stage.file(SOURCE), size);
  const [sha256] = await digests([stage.file(SOURCE)]);
  const goodput = Math.max(await lan.goodput(3), await lan.goodput(3));
  const ideal = size * 8 / goodput;
  console.error(`One flow carries ${(goodput / 1e6).toFixed(1)} Mbit/s: F/B is ${ideal.toFixed(2)} s`);
  const results = new Map(contenders.map((c) => [c, { runs: [] as SwarmRun[], failures: [] as string[] }]));
  for (let round = 1; round <= runs; round++) {
    for (const [contender, result] of results) {
      const limit = 20 + ideal * (contender.unicast ? 1.5 * hosts : 10);
      try {
        const run = await oneRun(contender, stage, { sha256: sha256!, limit, signal: cleanup.signal });
        result.runs.push(run);
        console.error(`Round ${round}: ${contender.name}: ${(run.makespan / ideal).toFixed(3)} F/B`);
      } catch (error) {
        if (!(error instanceof SwarmFailed || error instanceof RunFailed)) throw error;
        result.failures.push(error.message);
        console.error(`Round ${round}: ${contender.name}: ${error.message}`);
      }
    }
  }
  const cases = [...results].map(([c, { runs, failures }]) =>
    summarizeSwarm(c, runs, failures, { ideal, size })
  );
  console.log(`\n${describe(machine)}`);
  console.log(
    `${size} bytes to ${hosts} hosts, links of ${rate / 1e6} Mbit/s each way, F/B ${ideal.toFixed(2)} s; ` +
      `medians of ${runs}\n`,
  );
  for (const line of swarmTable(cases)) console.log(line);
  console.log(`\n${LEGEND}`);
  const target = judge(cases, hosts);
  if (options.record) {
    const tools = await versions({ rs: [PROGRAMS.rs[0], "--version"] });
    const { tools: _, ...rest } = options;
    await record("swarm", machine, { options: rest, goodput: Math.round(goodput), tools, cases, target });
  }
  const isWhole = cases.every(({ failures }) => failures.length === 0);
  return isWhole && target?.pass !== false ? 0 : 1;
}

/** Says whether ours reached what it must. */
function judge(cases: readonly SwarmCase[], hosts: number) {
  const mine = cases.find(({ name }) => name === OURS);
  const atMost = TARGETS.find(([up]) => hosts <= up)?.[1];
  if (!mine || atMost === undefined) return undefined;
  const pass = (mine.figures?.ratio ?? Infinity) <= atMost;
  console.log(`\n${pass ? "Met" : "MISSED"}: ours at most ${atMost} F/B`);
  return { atMost, pass };
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
