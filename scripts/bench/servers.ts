/**
 * `deno task bench servers`: three registration servers on three servers of NATS and fifty peers, all of them executables in
 * network namespaces. While a broadcast runs a server is killed, then the NATS that leads; then the network is cut in two.
 * Said of each claim: met or missed, and what was seen.
 */

import { parseArgs } from "@std/cli";
import { sha256 } from "../compile/runtime.ts";
import type { JsonLine } from "../programs.ts";
import { type Bench, compile, readCount, readSize, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { record } from "./results.ts";
import { asked, CampusLab, type Peer } from "./servers/campus_lab.ts";
import { Halves, HOSTS } from "./servers/halves.ts";
import { CannotRun } from "./tools.ts";
import { natsServer } from "../../src/registry/nats/_cluster.ts";

const HELP = `deno task bench servers [flags]
  --peers N     (default: 50)
  --size SIZE   of what is broadcast (default: 32M)
  --rate RATE   of the broadcast: the faults have to fall in its middle, and where fifty PCs share a few cores
                they are to have time left, as a real PC has (default: 500kB/s)
                Servers have a higher priority than peers (nice -10), as they have PCs of their own
  --no-record   leave the file of results alone`;

/** Peers of a server that ended have to be at another one by then, seconds. */
const CHANGE_OVER = 5;
/** How much of the broadcast has come when the server, and when NATS, is killed. */
const KILLS = { server: 0.2, nats: 0.5 };
const NAME = "image.bin";

interface Options {
  peers: number;
  size: number;
  rate: string;
  record: boolean;
}

/** Something that was promised, and what was seen. */
interface Claim {
  what: string;
  met: boolean;
  seen: string;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["peers", "size", "rate"],
    unknown: (arg) => {
      throw new UsageError(`bench servers knows no ${arg}`);
    },
  });
  return {
    peers: readCount("peers", flags.peers ?? "50"),
    size: readSize("size", flags.size ?? "32M"),
    rate: String(flags.rate ?? "500kB/s"),
    record: flags["no-record"] !== true,
  };
}

/** The run, from a lab at work to the verdict. */
class Faults {
  readonly claims: Claim[] = [];
  readonly joined: Record<string, number> = {};
  #began = performance.now();

  constructor(private campus: CampusLab, private halves: Halves, private o: Options) {}

  /** A server, then NATS, are killed while a broadcast runs. */
  async kills(): Promise<void> {
    const { campus, o } = this;
    const path = await campus.file(NAME, o.size);
    const before = [...campus.peers];
    const running = campus.command(
      0,
      "broadcast",
      `share/${NAME}`,
      "--rate",
      o.rate,
      "--timeout",
      "10m",
      "--json",
    );
    await running.event(
      "progress",
      (line) => Number(line.bytes) >= KILLS.server * Number(line.total),
      300_000,
    );
    await this.#killServer(before.filter((peer) => whereIs(peer) === HOSTS[0]));
    await this.#newcomer("new-server", 1);
    await running.event("progress", (line) => Number(line.bytes) >= KILLS.nats * Number(line.total), 300_000);
    const leader = await campus.leader();
    this.#say(`kill -9 of NATS ${leader}, which leads`);
    await campus.cluster.kill(leader);
    await this.#newcomer("new-nats", 2);
    const { code, lines } = await running.ended;
    const [told] = lines.filter(({ event }) => event === "broadcast");
    this.#claim(
      "the broadcast ends",
      code === 0 && told?.failed === 0,
      `exit code ${code}, ${told?.seconds} s`,
    );
    await this.#receipts(String(told?.id), before, path);
    campus.cluster.restart(leader);
    await campus.server(0);
  }

  /** The cable between the halves is pulled, and put back. */
  async cut(): Promise<void> {
    const { campus, halves } = this;
    this.#say("the cable between the halves is pulled");
    const from = campus.servers[2]!.stderr.length;
    await halves.cable(false);
    await campus.servers[2]!.said(/NATS is out of reach/, { from, timeout: 90_000 });
    // The same name is wanted in both halves.
    const there = campus.begin("twin", 2, "b", "twin-b");
    await this.#newcomer("twin", 1);
    this.#claim(
      "the smaller half takes nobody",
      !registrations(there).length,
      `${registrations(there).length} taken`,
    );
    this.#say("the cable is back");
    await halves.cable(true);
    const late = await there.running.event("registered", undefined, 90_000).catch(() => undefined);
    this.#claim(
      "who waited in the smaller half gets in, under another name",
      late?.peer === "twin-2",
      `${late?.peer}`,
    );
    await this.#oneTruth();
  }

  /** Nobody has lost name or cookie. */
  cookies(): void {
    const all = this.campus.peers.map((peer) =>
      new Set(registrations(peer).map((line) => `${line.peer} ${line.cookie}`))
    );
    const kept = all.filter(({ size }) => size === 1).length;
    const different = new Set(all.flatMap((each) => [...each])).size;
    const isMet = kept === all.length && different === all.length;
    this.#claim(
      "no peer loses its cookie",
      isMet,
      `${kept} of ${all.length} kept it, ${different} different ones`,
    );
  }

  async #killServer(orphans: readonly Peer[]): Promise<void> {
    const counts = orphans.map((peer) => registrations(peer).length);
    const killed = performance.now();
    this.#say(`kill -9 of server 0, where ${orphans.length} peers are`);
    await this.campus.servers[0]!.kill();
    const took = await Promise.all(orphans.map(async ({ running }, n) => {
      await running.events("registered", counts[n]! + 1, 90_000);
      return (performance.now() - killed) / 1000;
    }));
    const longest = Math.max(...took);
    this.#claim(
      `its peers are elsewhere within ${CHANGE_OVER} s`,
      longest <= CHANGE_OVER,
      `${longest.toFixed(1)} s`,
    );
  }

  async #newcomer(name: string, at: number): Promise<void> {
    const seconds = await this.campus.joins(name, at, "a").catch(() => NaN);
    this.joined[name] = seconds;
    const seen = Number.isNaN(seconds) ? "not at all" : `after ${seconds.toFixed(1)} s`;
    this.#claim(`a newcomer joins: ${name}`, !Number.isNaN(seconds), seen);
  }

  /** Whoever is asked: everybody has it; and has it whole. */
  async #receipts(id: string, peers: readonly Peer[], path: string): Promise<void> {
    for (const n of [1, 2]) {
      const done = async () => {
        const lines = await this.campus.lines(n, "receipt", "broadcasts", "--id", id);
        const names = new Set(lines.filter(({ state }) => state === "done").map(({ peer }) => peer));
        return peers.filter(({ name }) => names.has(name)).length;
      };
      const count = await asked(done, (count) => count === peers.length);
      this.#claim(`every receipt is at server ${n}`, count === peers.length, `${count} of ${peers.length}`);
    }
    const wanted = await sha256(await Deno.readFile(path));
    let whole = 0;
    for (const peer of peers) {
      if (
        await sha256(await Deno.readFile(this.campus.copyOf(peer, NAME)).catch(() => new Uint8Array())) ===
          wanted
      ) whole++;
    }
    this.#claim("every copy is right", whole === peers.length, `${whole} of ${peers.length}`);
  }

  /** All servers tell the same, and everybody is active. */
  async #oneTruth(): Promise<void> {
    const { campus } = this;
    const all = () => Promise.all(HOSTS.map((_, n) => campus.truthOf(n)));
    const isSo = (lists: string[][]) =>
      new Set(lists.map((list) => list.join("\n"))).size === 1 &&
      lists[0]!.filter((line) => line.includes(" true ")).length === campus.peers.length;
    const lists = await asked(all, isSo);
    const stories = new Set(lists.map((list) => list.join("\n"))).size;
    const active = lists.map((list) => list.filter((line) => line.includes(" true ")).length);
    this.#claim(
      "the cut heals without two truths",
      isSo(lists),
      `told by all three: ${stories} ${stories === 1 ? "story" : "stories"}, ${active.join(", ")} active`,
    );
  }

  #say(what: string): void {
    console.error(`${((performance.now() - this.#began) / 1000).toFixed(1)} s: ${what}`);
  }

  #claim(what: string, met: boolean, seen: string): void {
    this.claims.push({ what, met, seen });
    this.#say(`${met ? "met" : "MISSED"}: ${what}: ${seen}`);
  }
}

/** The server that a peer is with now: a busy one may have let it go. */
function whereIs({ running }: Peer): string | undefined {
  return [...running.stderr.matchAll(/Registered as \S+ at (\S+):\d+/g)].at(-1)?.[1];
}

function registrations({ running }: Peer): JsonLine[] {
  return running.lines.filter(({ event }) => event === "registered");
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  if (natsServer() === undefined) throw new CannotRun("nats-server is missing: apt-get install nats-server");
  await compile();
  const machine = thisMachine();
  const halves = await Halves.build(cleanup);
  const campus = await CampusLab.start(halves, cleanup);
  await campus.startPeers(options.peers);
  const faults = new Faults(campus, halves, options);
  await faults.kills();
  await faults.cut();
  faults.cookies();
  const { claims, joined } = faults;
  const missed = claims.filter(({ met }) => !met);
  console.log(`\n${describe(machine)}`);
  for (const { what, met, seen } of claims) console.log(`${met ? "met   " : "MISSED"}  ${what}: ${seen}`);
  if (options.record) {
    await record("servers", machine, { options, claims, joined, pass: missed.length === 0 });
  }
  return missed.length === 0 ? 0 : 1;
}

export const BENCH: Bench = {
  name: "servers",
  summary:
    "three servers on three NATS and fifty peers: one of each killed in a broadcast, the network cut in two",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
