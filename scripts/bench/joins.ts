/**
 * A whole lab joins at the same moment: N executables wait for the join code on their standard input, all get it at once, and the
 * clock runs until the last one is registered, its share scanned and its port open.
 */

import { parseArgs } from "@std/cli";
import { Lab, type Running } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { cpuOf } from "./procfs.ts";
import { record } from "./results.ts";
import { median } from "./statistics.ts";

/** From the code to the last registration, seconds. */
const TARGET = 3;
/** While they start, one looks so often whether they still do; milliseconds. */
const LOOK = 250;
/** CPU time between two looks under which all of them wait for the code, seconds. */
const STILL = 0.02;
/** Longest wait for it, looks. */
const MOST_LOOKS = 240;

const HELP = `deno task bench joins [flags]
  --peers N     that join at once (default: 32)
  --runs N      labs; medians are taken over them (default: 3)
  --no-record   show the figures, and leave the file of results alone`;

/** What one lab took. */
interface Joining {
  seconds: number;
  /** CPU time of all peers together, and of the server, in that time. */
  peers: number;
  server: number;
}

async function standStill(pids: readonly number[]): Promise<void> {
  let before = -1;
  for (let look = 0; look < MOST_LOOKS; look++) {
    const { total } = cpuOf(pids);
    if (before > 0 && total - before < STILL) return;
    before = total;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  throw new Error("The peers don't come to wait for the code");
}

/** A fresh lab, and all of its peers at once. */
async function joinAll(count: number, cleanup: Cleanup): Promise<Joining> {
  const lab = new Lab(PROGRAMS);
  cleanup.add(() => lab.close());
  const { address, code, running: server } = await lab.securedRs();
  const args = ["serve", "--json", "--rs", address, "--port", "0", "--host", "127.0.0.1", "--join", "-"];
  const peers: Running[] = Array.from(
    { length: count },
    (_, i) => lab.start("peer", `pc${i}`, [...args, "--name", `pc${i}`], undefined, { stdin: "piped" }),
  );
  const pids = peers.map(({ pid }) => pid);
  await standStill(pids);
  const before = { peers: cpuOf(pids).total, server: cpuOf([server.pid]).total };
  const began = performance.now();
  await Promise.all(peers.map((peer) => peer.type(`${code}\n`)));
  const registered = await Promise.all(peers.map((peer) => peer.event("registered", undefined, 60_000)));
  const seconds = (performance.now() - began) / 1000;
  const names = new Set(registered.map(({ peer }) => peer));
  if (names.size !== count) throw new Error(`${count} peers have ${names.size} names`);
  const spent = {
    peers: cpuOf(pids).total - before.peers,
    server: cpuOf([server.pid]).total - before.server,
  };
  await lab.close();
  return { seconds, ...spent };
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
    console.error(
      `${run}: ${one.seconds.toFixed(2)} s, CPU ${one.peers.toFixed(2)} and ${one.server.toFixed(2)} s`,
    );
  }
  const of = (key: keyof Joining) => median(all.map((one) => one[key]));
  const figures = { seconds: of("seconds"), peers: of("peers"), server: of("server") };
  const isMet = figures.seconds < TARGET;
  console.log(`\n${describe(machine)}`);
  console.log(
    `${peers} peers join at once, all on this machine, medians of ${runs}: ${
      figures.seconds.toFixed(2)
    } s until the last is ` +
      `registered (under ${TARGET} wanted: ${isMet ? "met" : "MISSED"}); CPU time of the peers ${
        figures.peers.toFixed(2)
      } s together, of the server ${figures.server.toFixed(2)} s`,
  );
  if (flags["no-record"] !== true) await record("joins", machine, { peers, runs, all, figures });
  return isMet ? 0 : 1;
}

export const BENCH: Bench = {
  name: "joins",
  summary: "32 executables join a secured lab at the same moment",
  help: HELP,
  run: (args) => withCleanup((cleanup) => bench(args, cleanup)),
};
