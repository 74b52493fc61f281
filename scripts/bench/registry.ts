/**
 * The registration server at the size of a campus, beside opentracker: CPU time per operation, latencies, the cost at 10 to
 * 10,000 peers, a join storm with full pages beside it, memory per connection. One server process on one core, the load on
 * another; see registry/load.ts for what is sent.
 */

import { parseArgs } from "@std/cli";
import { type Column, layOut } from "../../src/cli/table.ts";
import { Lab } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine, versions } from "./machine.ts";
import { cpuOf, othersCpu, rssOf } from "./procfs.ts";
import { Load, startOpentracker } from "./registry/processes.ts";
import { judge, type Measured, type RegistryResult } from "./registry/verdict.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";
import { needTools } from "./tools.ts";

const HELP = `deno task bench registry [flags]
  --peers N     connected peers at the top of the curve (default: 10000)
  --seconds N   each measurement (default: 5)
  --storm N     the peers join within so many seconds (default: 30)
  --no-record   leave the file of results alone
  --no-rival    without opentracker`;

interface Options {
  peers: number;
  seconds: number;
  storm: number;
  record: boolean;
  rival: boolean;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record", "no-rival"],
    string: ["peers", "seconds", "storm"],
    unknown: (arg) => {
      throw new UsageError(`bench registry knows no ${arg}`);
    },
  });
  return {
    peers: readCount("peers", flags.peers ?? "10000"),
    seconds: readCount("seconds", flags.seconds ?? "5"),
    storm: readCount("storm", flags.storm ?? "30"),
    record: flags["no-record"] !== true,
    rival: flags["no-rival"] !== true,
  };
}

/** What is measured around one command of the load: the server's CPU time, and what others used of the machine. */
async function around(pid: number, work: () => Promise<Record<string, number>>): Promise<Measured> {
  const before = { cpu: cpuOf([pid]).total, others: othersCpu() };
  const began = performance.now();
  const said = await work();
  const seconds = (performance.now() - began) / 1000;
  const cpu = cpuOf([pid]).total - before.cpu;
  const operations = said.operations ?? 0;
  return {
    operations,
    perSecond: Math.round(operations / (said.seconds ?? seconds)),
    serverMicros: significant(cpu / operations * 1e6, 3),
    busy: significant(cpu / seconds, 2),
    p50: said.p50 ?? NaN,
    p99: said.p99 ?? NaN,
    rssMb: significant(rssOf(pid) / 1e6, 3),
    others: significant((othersCpu() - before.others) / seconds, 2),
    said,
  };
}

/** Clients of the mix, and of opentracker. */
const CLIENTS = [16, 64] as const;

async function measureOurs(options: Options, cleanup: Cleanup): Promise<Omit<RegistryResult, "rival">> {
  const lab = new Lab({ ...PROGRAMS, rs: ["taskset", "-c", "0", ...PROGRAMS.rs] });
  cleanup.add(() => lab.close());
  const { running, port } = await lab.rs("rs", "--host", "127.0.0.1", "--log-level", "warn");
  const { pid } = running;
  const load = new Load(cleanup);
  const empty = rssOf(pid);
  const curve: RegistryResult["curve"] = [];
  const steps = [10, 100, 1_000].filter((peers) => peers < options.peers);
  let joined = 0;
  const join = async (peers: number, seconds: number) => {
    const more = peers - joined;
    joined = peers;
    return await load.ask({ do: "join", port, peers: more, seconds, rows: 1 });
  };
  const mix = async (clients: number) => {
    await load.ask({ do: "prepare", clients });
    return await around(pid, () => load.ask({ do: "mix", clients, seconds: options.seconds }));
  };
  // The runtime compiles what is used often: nothing is measured before that.
  await join(10, 0.5);
  await mix(10);
  for (const peers of steps) {
    await join(peers, 1);
    curve.push({ peers, ...await mix(10) });
  }
  // By another process: what is measured must not wait for the storm's own making.
  const asker = new Load(cleanup);
  const pages = asker.ask({ do: "pages", port, count: options.storm * 5, pause: 200 });
  const storm = await around(pid, () => join(options.peers, options.storm));
  const page = await pages;
  await asker.end();
  const rss = rssOf(pid);
  curve.push({ peers: options.peers, ...await mix(10) });
  const mixes = [];
  for (const clients of CLIENTS) mixes.push({ clients, ...await mix(clients) });
  return {
    curve,
    mixes,
    storm: { ...storm, peers: options.peers, page },
    memory: {
      emptyMb: significant(empty / 1e6, 3),
      connectedMb: significant(rss / 1e6, 3),
      perPeerKiB: significant((rss - empty) / 1024 / options.peers, 3),
    },
  };
}

async function measureRival(options: Options, cleanup: Cleanup): Promise<RegistryResult["rival"]> {
  const runs: RegistryResult["rival"] = [];
  for (const clients of CLIENTS) {
    const tracker = await startOpentracker(cleanup);
    const load = new Load(cleanup);
    const { peers, seconds } = options;
    const command = { port: tracker.port, clients, peers };
    await load.ask({ do: "fill", ...command });
    const run = () => load.ask({ do: "http", seconds, ...command });
    runs.push({ clients, ...await around(tracker.pid, run) });
    await tracker.end();
    await load.end();
  }
  return runs;
}

/** A line of the table. */
type Line = Measured & { server: string; peers: number; clients: number };

const COLUMNS: readonly Column<Line>[] = [
  { key: "server" },
  { key: "peers" },
  { key: "clients" },
  { key: "perSecond", title: "op/s" },
  { key: "serverMicros", title: "server µs/op" },
  { key: "busy" },
  { key: "p50", title: "p50 ms" },
  { key: "p99", title: "p99 ms" },
  { key: "rssMb", title: "RSS MB" },
  { key: "others" },
];

function show(result: RegistryResult, peers: number): void {
  const rows: Line[] = [
    ...result.curve.map((run) => ({ server: "rs, curve", clients: 10, ...run })),
    ...result.mixes.map((run) => ({ server: "rs", peers, ...run })),
    ...result.rival.map((run) => ({ server: "opentracker", peers, ...run })),
  ];
  console.log(layOut(rows, COLUMNS).join("\n"));
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await needTools(["taskset", ...(options.rival ? ["opentracker"] : [])]);
  await compile();
  const machine = thisMachine();
  const ours = await measureOurs(options, cleanup);
  const rival = options.rival ? await measureRival(options, cleanup) : [];
  const result = { ...ours, rival };
  console.log(`\n${describe(machine)}`);
  show(result, options.peers);
  const targets = judge(result, options.storm);
  for (const { what, seen, pass } of targets) console.log(`${pass ? "met   " : "MISSED"} ${what}: ${seen}`);
  if (options.record) {
    const rivals = options.rival ? await versions({ opentracker: ["opentracker", "-h"] }) : {};
    await record("registry", machine, { options, versions: rivals, ...result, targets });
  }
  return targets.every(({ pass }) => pass) ? 0 : 1;
}

export const BENCH: Bench = {
  name: "registry",
  summary:
    "the registration server with 10,000 peers: cost of an operation, join storm, memory; beside opentracker",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
