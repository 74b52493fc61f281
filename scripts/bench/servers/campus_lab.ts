/** Three registration servers on three servers of NATS, secured, and peers: the executables, in two halves of a network. */

import { fromFileUrl, join } from "@std/path";
import { NatsCluster } from "../../../src/registry/nats/_cluster.ts";
import { type JsonLine, Lab, type Running } from "../../programs.ts";
import { PROGRAMS } from "../bench.ts";
import type { Cleanup } from "../cleanup.ts";
import { run } from "../measure.ts";
import { type Halves, HOSTS } from "./halves.ts";

/** What must come is waited for so long, milliseconds; an election in NATS and TCP's way back take some seconds. */
const PATIENCE = 90_000;
const LOOK = 250;
/** Peers that start at the same time: more are no quicker on two cores. */
const AT_ONCE = 10;

/** A peer, and where it began. */
export interface Peer {
  name: string;
  /** The server that it was told. */
  at: number;
  running: Running;
}

/** The lab. */
export class CampusLab {
  readonly peers: Peer[] = [];
  readonly servers: Running[] = [];
  #code = "";

  private constructor(
    private lab: Lab,
    private halves: Halves,
    readonly cluster: NatsCluster,
  ) {}

  static async start(halves: Halves, cleanup: Cleanup): Promise<CampusLab> {
    const cluster = await NatsCluster.start({
      hosts: HOSTS,
      // NATS is at home on a server's PC.
      inside: (n, ...command) => halves.on(`s${n}`, ...command),
    });
    cleanup.add(() => cluster[Symbol.asyncDispose]());
    const lab = new Lab(PROGRAMS);
    cleanup.add(() => lab.close());
    const campus = new CampusLab(lab, halves, cluster);
    campus.#code = String((await campus.server(0)).code);
    for (let n = 1; n < HOSTS.length; n++) {
      await Deno.mkdir(join(lab.pc(`rs${n}`), "rs-data"));
      await Deno.copyFile(campus.#authority(0), campus.#authority(n));
      await campus.server(n);
    }
    return campus;
  }

  /** Starts a server, or starts it again. @returns what it says of invitations, at the first start of the lab. */
  async server(n: number): Promise<JsonLine> {
    const flags = ["serve", "--json", "--no-http", "--no-discovery", "--store", this.cluster.url];
    const running = this.lab.start("rs", `rs${n}`, flags, this.#rs(n));
    this.servers[n] = running;
    const listening = await running.event("listening", undefined, PATIENCE);
    return n === 0 && this.#code === "" ? await running.event("invite") : listening;
  }

  /** Starts peers, the n-th at the server n modulo 3, a third of them in the second half; all of them are registered then. */
  async startPeers(count: number): Promise<void> {
    for (let from = 0; from < count; from += AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, (_, i) => from + i);
      await Promise.all(
        some.map((n) => this.joins(`pc${n}`, n % HOSTS.length, n % HOSTS.length === 2 ? "b" : "a")),
      );
    }
  }

  /** A newcomer joins. @returns after how many seconds it was registered. */
  async joins(name: string, at: number, half: "a" | "b"): Promise<number> {
    const began = performance.now();
    const { running } = this.begin(name, at, half);
    await running.event("registered", undefined, PATIENCE);
    return (performance.now() - began) / 1000;
  }

  /** The same, without waiting for it. @param folder where it lives; its name unless told. */
  begin(name: string, at: number, half: "a" | "b", folder = name): Peer {
    const flags = [
      "serve",
      "--json",
      "--rs",
      HOSTS[at]!,
      "--name",
      name,
      "--port",
      "0",
      "--join",
      this.#code,
    ];
    const running = this.lab.start("peer", folder, flags, this.halves.on(half, ...PROGRAMS.peer));
    const peer = { name, at, running };
    this.peers.push(peer);
    return peer;
  }

  /** The server of NATS that leads, by its number. It is asked on a server's PC: from here none of them is reached. */
  async leader(): Promise<number> {
    const script = fromFileUrl(new URL("leader.ts", import.meta.url));
    const deno = [Deno.execPath(), "run", "-A", "--lock=deno.lock", "--frozen", script];
    const [program, ...args] = this.halves.on("s1", ...deno, ...this.cluster.servers);
    return Number(await run(program, ...args));
  }

  /** A file in the first server's share. */
  async file(name: string, size: number): Promise<string> {
    const path = join(this.lab.pc("rs0"), "share", name);
    const some = crypto.getRandomValues(new Uint8Array(65_536));
    using file = await Deno.create(path);
    for (let left = size; left > 0; left -= some.length) {
      await file.write(some.subarray(0, Math.min(left, some.length)));
      some[left % some.length]! ^= 1;
    }
    return path;
  }

  /** Where a peer has a file. */
  copyOf(peer: Peer, name: string): string {
    return join(this.lab.pc(peer.name), "share", name);
  }

  /** Starts a command on a server's PC. */
  command(n: number, ...args: string[]): Running {
    return this.lab.start("rs", `rs${n}`, args, this.#rs(n));
  }

  /** Lines of one event that a command on a server's PC tells. */
  async lines(n: number, event: string, ...args: string[]): Promise<JsonLine[]> {
    const { lines } = await this.command(n, ...args, "--json").ended;
    return lines.filter((line) => line.event === event);
  }

  /** The list of peers as a server tells it, without what runs down. */
  async truthOf(n: number): Promise<string[]> {
    const lines = await this.lines(n, "peer", "peers");
    return lines.map(({ name, active, address, port, registrations30d }) =>
      [name, active, address, port, registrations30d].join(" ")
    );
  }

  #rs(n: number): [string, ...string[]] {
    return this.halves.on(`s${n}`, ...PROGRAMS.rs);
  }
  #authority(n: number): string {
    return join(this.lab.pc(`rs${n}`), "rs-data", "authority.json");
  }
}

/** Asks until the answer is as wished, for a minute and a half at most. @returns the last answer. */
export async function asked<T>(ask: () => Promise<T>, isSo: (answer: T) => boolean): Promise<T> {
  const over = performance.now() + PATIENCE;
  for (;;) {
    const answer = await ask();
    if (isSo(answer) || performance.now() > over) return answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
}
