/**
 * A whole lab joins at the same moment, all on this machine: N executables are started at once with the join code. Two clocks:
 *
 * - from the start of the first process to the last `registered` line: starting N executables is most of it;
 * - the join itself as the server sees it: from the first request to be let in until the last newcomer has its certificate.
 *   That is more than the joins cost, too: meanwhile most of the machine's time goes into starting the other executables.
 */

import { parseArgs } from "@std/cli";
import { Lab, type Running } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { cpuOf } from "./procfs.ts";
import { record } from "./results.ts";
import { median } from "./statistics.ts";

/** From the start of the executables to the last registration, seconds. */
const TARGET = 3;
/** Longest wait for a registration, milliseconds. */
const PATIENCE = 60_000;

const HELP = `deno task bench joins [flags]
  --peers N     that join at once (default: 32)
  --runs N      labs; medians are taken over them (default: 3)
  --no-record   show the figures, and leave the file of results alone`;

/** What one lab took. */
interface Joining {
  /** From the start of the first process until the last is registered, seconds. */
  seconds: number;
  /** From the first request to be let in that the server saw to the last newcomer that it let in, seconds. */
  joining: number;
  /** CPU time of all peers together, and of the server, until the last is registered, seconds. */
  peers: number;
  server: number;
}

/** When the server has said something for the first and for the last time, of `count` times; milliseconds. */
async function heard(server: Running, said: RegExp, count: number): Promise<{ first: number; last: number }> {
  let from = 0;
  let first: number | undefined;
  for (let i = 0; i < count; i++) {
    const found = await server.said(said, { from, timeout: PATIENCE });
    from = server.stderr.indexOf(found, from) + found.length;
    first ??= performance.now();
  }
  return { first: first!, last: performance.now() };
}

/** A fresh lab, and all of its peers at once. */
async function joinAll(count: number, cleanup: Cleanup): Promise<Joining> {
  const lab = new Lab(PROGRAMS);
  cleanup.add(() => lab.close());
  const { address, code, running: server } = await lab.securedRs("rs", "--log-level", "debug");
  const before = cpuOf([server.pid]).total;
  const asked = heard(server, /Join +\S+ asks/, 1);
  const admitted = heard(server, /Joined +pc/, count);
  const began = performance.now();
  const peers = Array.from({ length: count }, (_, i) => {
    const own = ["--rs", address, "--port", "0", "--host", "127.0.0.1", "--join", code, "--name", `pc${i}`];
    return lab.start("peer", `pc${i}`, ["serve", "--json", ...own]);
  });
  const registered = await Promise.all(peers.map((peer) => peer.event("registered", undefined, PATIENCE)));
  const ended = performance.now();
  const cpu = { peers: cpuOf(peers.map(({ pid }) => pid)).total, server: cpuOf([server.pid]).total - before };
  const names = new Set(registered.map(({ peer }) => peer));
  if (names.size !== count) throw new Error(`${count} peers have ${names.size} names`);
  const joining = ((await admitted).last - (await asked).first) / 1000;
  await lab.close();
  return { seconds: (ended - began) / 1000, joining, ...cpu };
}

async function bench(args: readonly string[], cleanup: Cleanup): Promise<number> {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["peers", "runs"],
    unknown: (arg) => {
      throw new UsageError(`bench joins knows no ${arg}`);
    },
  });
  const peers = readCount("peers", flags.peers ?? "32");
  const runs = readCount("runs", flags.runs ?? "3");
  await compile();
  const machine = thisMachine();
  const all: Joining[] = [];
  for (let run = 1; run <= runs && !cleanup.signal.aborted; run++) {
    const one = await joinAll(peers, cleanup);
    all.push(one);
    console.error(`Run ${run}: ${told(one)}`);
  }
  const of = (key: keyof Joining) => median(all.map((one) => one[key]));
  const figures = {
    seconds: of("seconds"),
    joining: of("joining"),
    peers: of("peers"),
    server: of("server"),
  };
  const isMet = figures.seconds < TARGET;
  console.log(`\n${describe(machine)}`);
  console.log(`${peers} executables join at once, all on this machine; medians of ${runs}: ${told(figures)}`);
  console.log(`${isMet ? "Met" : "MISSED"}: ${figures.seconds.toFixed(2)} s, less than ${TARGET} wanted`);
  if (flags["no-record"] !== true) await record("joins", machine, { peers, runs, all, figures });
  return isMet ? 0 : 1;
}

function told({ seconds, joining, peers, server }: Joining): string {
  const [all, join, ofPeers, ofServer] = [seconds, joining, peers, server].map((value) => value.toFixed(2));
  return `${all} s from the start of the executables until the last is registered, ${join} s of it from the first request ` +
    `to join to the last certificate; CPU time ${ofPeers} s of all peers together, ${ofServer} s of the server`;
}

export const BENCH: Bench = {
  name: "joins",
  summary: "32 executables join a secured lab at the same moment",
  help: HELP,
  run: (args) => withCleanup((cleanup) => bench(args, cleanup)),
};
