/**
 * A lab on this machine: builds what `lan_plan.ts` says, counts what its links carry, measures one TCP flow, and takes all
 * away. Needs root. Found out the hard way:
 *
 * - Linux limits are per kernel, not per host: 33 hosts that know each other overflow the ARP table, and then packets are
 *   lost without a word; a flooded multicast burst overflows one CPU's input queue. Both limits are raised meanwhile.
 * - The congestion control is cubic, Linux's usual one, whatever the machine prefers.
 */

import type { Cleanup } from "../cleanup.ts";
import { run } from "../measure.ts";
import { CannotRun, isRoot } from "../tools.ts";
import {
  type Batch,
  batchesOf,
  type Host,
  type LanPlan,
  namespacesOf,
  PREFIX,
  switchOf,
  tbf,
} from "./lan_plan.ts";

const SYSCTL = "/proc/sys/net/";
const LIMITS: Readonly<Record<string, number>> = {
  "ipv4/neigh/default/gc_thresh1": 16_384,
  "ipv4/neigh/default/gc_thresh2": 32_768,
  "ipv4/neigh/default/gc_thresh3": 65_536,
  "core/netdev_max_backlog": 100_000,
};
const CONGESTION_CONTROL = "cubic";
/** One lab at a time on a machine. */
const LOCK = "/run/labswarm-lan.lock";
const IPERF_PORT = 5201;

/** What all queues of a link's end have done. */
interface Queue {
  kind: string;
  bytes: number;
  drops: number;
}

/** The command that runs another one in a namespace; it becomes that one, so the process id is the same. */
export function inside(namespace: string, ...command: string[]): [string, ...string[]] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...command];
}

/** A LAN that is up. */
export class Lan {
  private constructor(readonly plan: LanPlan) {}

  /**
   * Builds it, after waiting for any other bench's LAN, and removing what a killed one has left. It is taken away at the
   * end of the bench.
   *
   * @throws {CannotRun} without root.
   */
  static async build(plan: LanPlan, cleanup: Cleanup): Promise<Lan> {
    if (!isRoot()) throw new CannotRun("Network namespaces need root: run this bench as root");
    const lock = await Deno.open(LOCK, { write: true, create: true });
    cleanup.add(() => lock.close());
    await lock.lock(true);
    await removeLeftovers();
    raiseLimits(cleanup);
    cleanup.add(removeLeftovers);
    for (const namespace of namespacesOf(plan)) await makeNamespace(namespace, plan.labs > 1);
    for (const batch of batchesOf(plan)) await carryOut(batch);
    return new Lan(plan);
  }

  /** @param number from 1. */
  host(number: number): Host {
    const host = this.plan.hosts[number - 1];
    if (!host) throw new RangeError(`There is no host ${number}`);
    return host;
  }

  /** Bytes, headers included, that a host has put on its wire. */
  async sent(number: number): Promise<number> {
    return (await queue(this.host(number).namespace, "eth0")).bytes;
  }

  /** Bytes, headers included, that its switch has sent to a host. */
  async received(number: number): Promise<number> {
    return (await queue(switchOf(this.host(number).lab), `p${number}`)).bytes;
  }

  /** Bytes that have gone from the first lab to the second. */
  async acrossUplink(): Promise<number> {
    return (await queue(switchOf(0), "next")).bytes;
  }

  /** Packets that all hosts' queues and all switches' ports have dropped. */
  async drops(): Promise<number> {
    const all = await Promise.all(namespacesOf(this.plan).map((namespace) => queues(namespace)));
    return all.flat().reduce((sum, { drops }) => sum + drops, 0);
  }

  /** Changes a host's rate, both ways; bits per second. */
  async setRate(number: number, rate: number): Promise<void> {
    const { namespace, lab } = this.host(number);
    const limit = (of: string, device: string): Batch => ({
      program: "tc",
      namespace: of,
      lines: [`qdisc change dev ${device} ${tbf(rate)}`],
    });
    await carryOut(limit(namespace, "eth0"));
    await carryOut(limit(switchOf(lab), `p${number}`));
  }

  /**
   * What one TCP flow carries, bits of payload per second: B in F/B.
   *
   * @param seconds how long to look, after a second of warm-up.
   */
  async goodput(seconds: number, from = 1, to = 2): Promise<number> {
    const [command, ...args] = inside(this.host(to).namespace, "iperf3", "-s", "-1");
    const server = new Deno.Command(command, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn();
    try {
      await this.listening(to, IPERF_PORT);
      const client = inside(
        this.host(from).namespace,
        ...["iperf3", "-J", "-O", "1", "-t", String(seconds), "-c", this.host(to).address],
      );
      const report = JSON.parse(await run(...client));
      return Number(report.end.sum_received.bits_per_second);
    } finally {
      try {
        server.kill("SIGKILL");
      } catch { /* it ended after its one client */ }
      await server.status;
    }
  }

  /** Waits until something listens on a host's port. */
  async listening(number: number, port: number, transport: "tcp" | "udp" = "tcp"): Promise<void> {
    const flags = transport === "udp" ? "-Hlnu" : "-Hlnt";
    const deadline = performance.now() + 20_000;
    while (true) {
      const sockets = await run(...inside(this.host(number).namespace, "ss", flags));
      if (sockets.includes(`:${port} `)) return;
      if (performance.now() > deadline) throw new Error(`Nothing listens on port ${port} of host ${number}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Ends what runs in our namespaces, and removes them. */
async function removeLeftovers(): Promise<void> {
  const list = await run("ip", "netns", "list");
  const names = list.split("\n").map((line) => line.split(" ")[0]!).filter((name) => name.startsWith(PREFIX));
  for (const name of names) {
    for (const pid of (await run("ip", "netns", "pids", name)).split("\n").filter((line) => line !== "")) {
      try {
        Deno.kill(Number(pid), "SIGKILL");
      } catch { /* it has ended */ }
    }
    await run("ip", "netns", "del", name);
  }
}

function raiseLimits(cleanup: Cleanup): void {
  for (const [name, value] of Object.entries(LIMITS)) {
    const before = Deno.readTextFileSync(SYSCTL + name);
    if (Number(before) >= value) continue;
    Deno.writeTextFileSync(SYSCTL + name, String(value));
    cleanup.add(() => Deno.writeTextFileSync(SYSCTL + name, before));
  }
  // A namespace may only choose among what the machine allows.
  const allowed = `${SYSCTL}ipv4/tcp_allowed_congestion_control`;
  const before = Deno.readTextFileSync(allowed).trim();
  if (before.split(" ").includes(CONGESTION_CONTROL)) return;
  Deno.writeTextFileSync(allowed, `${before} ${CONGESTION_CONTROL}`);
  cleanup.add(() => Deno.writeTextFileSync(allowed, before));
}

async function makeNamespace(name: string, routed: boolean): Promise<void> {
  await run("ip", "netns", "add", name);
  const settings = [
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
    `net.ipv4.tcp_congestion_control=${CONGESTION_CONTROL}`,
    "net.ipv4.tcp_no_metrics_save=1",
    // The firewall need not look at what a switch passes on; -e: not every kernel has it.
    "net.bridge.bridge-nf-call-iptables=0",
    ...routed ? ["net.ipv4.ip_forward=1"] : [],
  ];
  await run("ip", "netns", "exec", name, "sysctl", "-e", "-qw", ...settings);
}

async function carryOut({ program, namespace, lines }: Batch): Promise<void> {
  const child = new Deno.Command(program, {
    args: ["-n", namespace, "-batch", "-"],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(lines.join("\n") + "\n"));
  await writer.close();
  const { code, stderr } = await child.output();
  if (code !== 0) throw new Error(`${program} in ${namespace}: ${new TextDecoder().decode(stderr).trim()}`);
}

async function queues(namespace: string, ...of: string[]): Promise<Queue[]> {
  const all: Queue[] = JSON.parse(await run("tc", "-n", namespace, "-s", "-j", "qdisc", "show", ...of));
  return all.filter(({ kind }) => kind === "tbf");
}

async function queue(namespace: string, device: string): Promise<Queue> {
  const [only] = await queues(namespace, "dev", device);
  if (!only) throw new Error(`${device} of ${namespace} has no rate limit`);
  return only;
}
