/**
 * `deno task bench soak --minutes N`: a small open lab of the executables under mixed load with faults, for as long as
 * wanted. Broadcasts and fetches go on while peers are killed, stopped and started again and the server is killed once.
 * Said at the end: memory over time, whatever ended or complained that shouldn't have, and files that aren't what was sent.
 */

import { parseArgs } from "@std/cli";
import { join } from "@std/path";
import { sha256 } from "../compile/runtime.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { BROADCASTS_MAX } from "../../src/registry/broadcasts.ts";
import { Lab, type Running } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { rssOf } from "./procfs.ts";
import { record } from "./results.ts";
import { byMinute, flatness, type Sample, slope } from "./soak/verdict.ts";

const HELP = `deno task bench soak [flags]
  --minutes N   (default: 60)
  --peers N     that come and go, beside one that stays (default: 5)
  --seed N      (default: another each time)
  --no-record   leave the file of results alone`;

/** A file is where it should be within so long, milliseconds; a peer that was away gets a broadcast when it is back. */
const ARRIVES = 90_000;
const LOOK = 200;
const SAMPLE = 5_000;
/** Of an hour, at least so many seconds are judged, however slow the machine is. */
const JUDGED = 600;
/** What no program may say, whatever happens around it. */
const COMPLAINTS = /uncaught|internal error|panicked|unhandled|\.ts:\d+:\d+/i;

interface Options {
  minutes: number;
  peers: number;
  seed: number;
  record: boolean;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["minutes", "peers", "seed"],
    unknown: (arg) => {
      throw new UsageError(`bench soak knows no ${arg}`);
    },
  });
  return {
    minutes: readCount("minutes", flags.minutes ?? "60"),
    peers: readCount("peers", flags.peers ?? "5"),
    seed: readCount("seed", flags.seed ?? String(1 + Date.now() % 1e6)),
    record: flags["no-record"] !== true,
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The lab, and what is done to it. */
class Soak {
  /** Of each program; those that are killed begin anew. */
  readonly samples: Record<string, Sample[]> = {};
  readonly faults: string[] = [];
  readonly count = { broadcasts: 0, fetches: 0, files: 0, kills: 0, stops: 0, serverKills: 0 };
  #rs!: { running: Running; address: string; port: number };
  #peers = new Map<string, Running>();
  #random: Random;

  constructor(private lab: Lab, { seed }: Options) {
    this.#random = seededRandom(seed);
  }

  async begin(peers: number): Promise<void> {
    this.#rs = await this.lab.rs("rs", "--host", "127.0.0.1", "--no-http");
    for (const name of ["steady", ...Array.from({ length: peers }, (_, n) => `pc${n}`)]) await this.#on(name);
  }

  /** Resident memory now. */
  get memory(): string {
    return Object.entries(this.samples).map(([who, of]) => `${who} ${Math.round(of.at(-1)!.mb)} MB`).join(
      ", ",
    );
  }

  sample(seconds: number): void {
    for (const [who, { pid }] of [["rs", this.#rs.running] as const, ...this.#peers]) {
      const mb = rssOf(pid) / 1e6;
      // Nothing is seen of one that is gone, or just beginning.
      if (mb > 0) (this.samples[who] ??= []).push({ seconds, mb });
    }
  }

  /** A file to everybody while one of them is killed or stopped; then another has it fetched from there. */
  async round(n: number): Promise<void> {
    const name = `file ${n}.bin`;
    const bytes = crypto.getRandomValues(new Uint8Array(1 + this.#below(65_536)));
    const whole = new Uint8Array(bytes.length * (1 + this.#below(40)));
    for (let at = 0; at < whole.length; at += bytes.length) whole.set(bytes, at);
    const path = join(this.lab.pc("rs"), "share", name);
    await Deno.writeFile(path, whole);
    const victim = `pc${this.#below(this.#peers.size - 1)}`;
    const sent = this.lab.run("rs", "rs", ["broadcast", `share/${name}`, "--json", "--timeout", "1m"]);
    await pause(this.#below(300));
    await this.#off(victim, this.#random.next() < 0.5 ? "SIGKILL" : "SIGINT");
    await this.#on(victim);
    const { code, stderr } = await sent;
    if (code !== 0) this.faults.push(`broadcast ${n} ended with ${code}: ${stderr.trim().slice(-300)}`);
    this.count.broadcasts++;
    const hash = await sha256(whole);
    const names = [...this.#peers.keys()];
    await Promise.all(names.map((pc) => this.#demand(join(this.lab.pc(pc), "share", name), hash)));
    await this.#fetch(name, hash);
    for (const pc of ["rs", ...names]) {
      await Deno.remove(join(this.lab.pc(pc), "share", name)).catch(() => {});
    }
  }

  async killServer(): Promise<void> {
    this.#complaintsOf(await this.#rs.running.kill());
    const port = String(this.#rs.port);
    this.#rs = await this.lab.rs("rs", "--host", "127.0.0.1", "--no-http", "--port", port);
    this.count.serverKills++;
  }

  async end(): Promise<void> {
    for (const name of [...this.#peers.keys()]) await this.#off(name, "SIGINT");
    this.#complaintsOf(await this.#rs.running.kill("SIGINT"));
  }

  #below(n: number): number {
    return Math.floor(this.#random.next() * n);
  }

  async #on(name: string): Promise<void> {
    const flags = ["--host", "127.0.0.1", "--index-interval", "5"];
    this.#peers.set(name, await this.lab.peer(name, this.#rs.address, ...flags));
  }

  async #off(name: string, signal: "SIGKILL" | "SIGINT"): Promise<void> {
    this.count[signal === "SIGKILL" ? "kills" : "stops"]++;
    this.#complaintsOf(await this.#peers.get(name)!.kill(signal));
  }

  #complaintsOf({ stderr }: { stderr: string }): void {
    for (const line of stderr.split("\n")) if (COMPLAINTS.test(line)) this.faults.push(line.slice(0, 300));
  }

  /** The file is there in time, and is what was sent. */
  async #demand(path: string, hash: string): Promise<void> {
    this.count.files++;
    const until = performance.now() + ARRIVES;
    while (performance.now() < until) {
      const there = await Deno.readFile(path).catch(() => undefined);
      if (there) {
        if (await sha256(there) !== hash) this.faults.push(`${path} is not what was sent`);
        return;
      }
      await pause(LOOK);
    }
    this.faults.push(`${path} did not come within ${ARRIVES / 1000} s`);
  }

  /** By a PC that isn't registered, into a folder of its own. */
  async #fetch(name: string, hash: string): Promise<void> {
    const args = ["fetch", name, "--from", "steady", "--json", "--rs", this.#rs.address];
    for (let tries = 0;; tries++) {
      const { code, stderr } = await this.lab.run("peer", "visitor", args);
      this.#complaintsOf({ stderr });
      if (code === 0) break;
      // The holder's index is told every 5 s.
      if (tries === 20) return void this.faults.push(`fetch of ${name} ended with ${code}: ${stderr.trim()}`);
      await pause(1_000);
    }
    this.count.fetches++;
    const path = join(this.lab.pc("visitor"), "share", name);
    await this.#demand(path, hash);
    await Deno.remove(path).catch(() => {});
  }
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await compile();
  const machine = thisMachine();
  const lab = new Lab(PROGRAMS);
  cleanup.add(() => lab.close());
  const soak = new Soak(lab, options);
  await soak.begin(options.peers);
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const all = 60 * options.minutes;
  // When the server has as many broadcasts as it keeps, seconds: until then each takes room.
  let fullAt = all;
  const sampling = setInterval(() => soak.sample(seconds()), SAMPLE);
  cleanup.add(() => clearInterval(sampling));
  for (let n = 1; seconds() < all && !cleanup.signal.aborted; n++) {
    // Early, so that most of what is seen of its memory is one life.
    if (soak.count.serverKills === 0 && seconds() > all / 10) await soak.killServer();
    await soak.round(n);
    if (n === BROADCASTS_MAX) fullAt = seconds();
    console.error(
      `${Math.round(seconds())} s: ${
        JSON.stringify(soak.count)
      }, ${soak.faults.length} faults, ${soak.memory}`,
    );
  }
  clearInterval(sampling);
  await soak.end();
  console.log(`\n${describe(machine)}`);
  const warm = Math.round(Math.max(all / 2, Math.min(fullAt, all - JUDGED)));
  const about = (who: string) => {
    const samples = soak.samples[who] ?? [];
    return { ...flatness(samples, warm), mbPerMinute: slope(samples, warm) };
  };
  const memory = { rs: about("rs"), steady: about("steady") };
  const minutes = Object.fromEntries(Object.entries(soak.samples).map(([who, of]) => [who, byMinute(of)]));
  for (const [who, mb] of Object.entries(minutes)) console.log(`${who}, MB by minute: ${mb.join(" ")}`);
  for (const [who, { least, median, most, isFlat, mbPerMinute }] of Object.entries(memory)) {
    console.log(
      `${who}, after ${warm} s: ${least} to ${most} MB, median ${median}, ${mbPerMinute} MB a minute: ` +
        (isFlat ? "flat" : "NOT flat"),
    );
  }
  console.log(`${JSON.stringify(soak.count)}, seed ${options.seed}; ${soak.faults.length} faults`);
  for (const fault of soak.faults.slice(0, 20)) console.log(fault);
  const pass = soak.faults.length === 0 && memory.rs.isFlat && memory.steady.isFlat;
  const { count, faults } = soak;
  if (options.record) await record("soak", machine, { options, count, warm, memory, minutes, faults, pass });
  return pass ? 0 : 1;
}

export const BENCH: Bench = {
  name: "soak",
  summary: "mixed load with faults for as long as wanted: memory over time, complaints, wrong files",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
