/**
 * A lab on this machine: builds what `lan_plan.ts` says, counts what its links carry, measures one TCP flow, and takes all
 * away. Needs root. Found out the hard way:
 *
 * - Linux limits are per kernel, not per host: 33 hosts that know each other overflow the ARP table, and then packets are
 *   lost without a word; a flooded multicast burst overflows one CPU's input queue. Both limits are raised meanwhile.
 */

import type { Cleanup } from "../cleanup.ts";
import { run } from "../measure.ts";
import { CannotRun, isRoot } from "../tools.ts";
import {
  allowCongestionControl,
  type Batch,
  carryOut,
  inside,
  makeNamespace,
  removeNamespaces,
  tbf,
} from "../../netns.ts";
import { batchesOf, type Host, type LanPlan, namespacesOf, PREFIX, switchOf } from "./lan_plan.ts";

const SYSCTL = "/proc/sys/net/";
const LIMITS: Readonly<Record<string, number>> = {
  "ipv4/neigh/default/gc_thresh1": 16_384,
  "ipv4/neigh/default/gc_thresh2": 32_768,
  "ipv4/neigh/default/gc_thresh3": 65_536,
  "core/netdev_max_backlog": 100_000,
};
/** One lab at a time on a machine. */
const LOCK = "/run/labswarm-lan.lock";
const IPERF_PORT = 5201;

/** What all queues of a link's end have done. */
interface Queue {
  kind: string;
  bytes: number;
  drops: number;
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
    await removeNamespaces(PREFIX);
    raiseLimits(cleanup);
    cleanup.add(() => removeNamespaces(PREFIX));
    for (const namespace of namespacesOf(plan)) await makeNamespace(namespace, { routed: plan.labs > 1 });
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

function raiseLimits(cleanup: Cleanup): void {
  for (const [name, value] of Object.entries(LIMITS)) {
    const before = Deno.readTextFileSync(SYSCTL + name);
    if (Number(before) >= value) continue;
    Deno.writeTextFileSync(SYSCTL + name, String(value));
    cleanup.add(() => Deno.writeTextFileSync(SYSCTL + name, before));
  }
  const undo = allowCongestionControl();
  if (undo) cleanup.add(undo);
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
