/**
 * What a lab on one machine consists of, as data: hosts with addresses and rates, and the commands that make them. Pure;
 * `lan.ts` carries it out.
 *
 * Every host is a network namespace with one link to the switch of its lab. The link is limited in both directions: tbf
 * on the host's end limits what it sends, tbf on the switch's end limits what it receives. The switch itself isn't, so any
 * set of disjoint pairs can talk at full rate, as on a real one. With more than one lab each switch is a router too, and
 * one slow link lies between them.
 */

import { type Batch, tbf } from "../../netns.ts";

/** Begins the name of every namespace, so that leftovers can be told from what others have made. */
export const PREFIX = "lsb-";

/** One PC. */
export interface Host {
  /** From 1. */
  number: number;
  namespace: string;
  lab: number;
  address: string;
  /** Bits per second, each way. */
  rate: number;
}

/** A lab or several. */
export interface LanPlan {
  hosts: readonly Host[];
  labs: number;
  /** Bits per second each way between two labs. */
  uplink?: number;
}

/** What is asked for. */
export interface LanOptions {
  /** Hosts in each lab. */
  labs: readonly number[];
  rate: number;
  /** Other rates, by the host's number. */
  rates?: ReadonlyMap<number, number>;
  uplink?: number;
}

/** Name of the namespace that is a lab's switch. */
export function switchOf(lab: number): string {
  return `${PREFIX}sw${lab}`;
}

/**
 * Hosts with their addresses: 10.77.LAB.NUMBER.
 *
 * @throws {RangeError} for more than 250 hosts, or for several labs without an uplink.
 */
export function planLan({ labs, rate, rates, uplink }: LanOptions): LanPlan {
  const count = labs.reduce((sum, size) => sum + size, 0);
  if (count < 2 || count > 250) throw new RangeError(`A LAN has 2 to 250 hosts, not ${count}`);
  if (labs.length > 1 && uplink === undefined) throw new RangeError("Labs need an uplink between them");
  const hosts: Host[] = [];
  for (const [lab, size] of labs.entries()) {
    for (let i = 0; i < size; i++) {
      const number = hosts.length + 1;
      const address = `10.77.${lab}.${number}`;
      hosts.push({
        number,
        namespace: `${PREFIX}h${number}`,
        lab,
        address,
        rate: rates?.get(number) ?? rate,
      });
    }
  }
  return { hosts, labs: labs.length, ...(uplink === undefined ? {} : { uplink }) };
}

/** All namespaces. */
export function namespacesOf(plan: LanPlan): string[] {
  const switches = Array.from({ length: plan.labs }, (_, lab) => switchOf(lab));
  return [...switches, ...plan.hosts.map(({ namespace }) => namespace)];
}

/** Everything to be done once the namespaces are there, in order. */
export function batchesOf(plan: LanPlan): Batch[] {
  const batches: Batch[] = [];
  for (let lab = 0; lab < plan.labs; lab++) batches.push(...switchBatches(plan, lab));
  if (plan.uplink !== undefined) batches.push(...uplinkBatches(plan.labs, plan.uplink));
  for (const host of plan.hosts) batches.push(...hostBatches(host, plan.labs > 1));
  return batches;
}

function switchBatches({ hosts, labs }: LanPlan, lab: number): Batch[] {
  const namespace = switchOf(lab);
  const ours = hosts.filter((host) => host.lab === lab);
  const links = ["link set lo up", "link add br0 type bridge mcast_snooping 0", "link set br0 up"];
  if (labs > 1) links.push(`addr add 10.77.${lab}.254/24 dev br0`);
  for (const { number, namespace: peer } of ours) {
    links.push(`link add p${number} type veth peer name eth0 netns ${peer}`);
    links.push(`link set p${number} master br0 up`);
  }
  const limits = ours.map(({ number, rate }) => `qdisc add dev p${number} ${tbf(rate)}`);
  return [{ program: "ip", namespace, lines: links }, { program: "tc", namespace, lines: limits }];
}

function hostBatches({ namespace, lab, address, rate }: Host, routed: boolean): Batch[] {
  const links = ["link set lo up", "link set eth0 up", `addr add ${address}/24 brd + dev eth0`];
  links.push("route add 224.0.0.0/4 dev eth0");
  if (routed) links.push(`route add default via 10.77.${lab}.254`);
  return [
    { program: "ip", namespace, lines: links },
    { program: "tc", namespace, lines: [`qdisc add dev eth0 ${tbf(rate)}`] },
  ];
}

/** The routers in a row, each joined to the next: `next` leads to the next one, `prev` to the one before. */
function uplinkBatches(labs: number, rate: number): Batch[] {
  const batches: Batch[] = [];
  for (let lab = 0; lab + 1 < labs; lab++) {
    const [near, far] = [switchOf(lab), switchOf(lab + 1)];
    const end = (
      namespace: string,
      device: string,
      address: string,
      routes: { via: string; to: number[] },
    ) => {
      const lines = [`link set ${device} up`, `addr add ${address}/30 dev ${device}`];
      for (const to of routes.to) lines.push(`route add 10.77.${to}.0/24 via ${routes.via}`);
      batches.push({ program: "ip", namespace, lines });
      batches.push({ program: "tc", namespace, lines: [`qdisc add dev ${device} ${tbf(rate)}`] });
    };
    batches.push({
      program: "ip",
      namespace: near,
      lines: [`link add next type veth peer name prev netns ${far}`],
    });
    const beyond = Array.from({ length: labs }, (_, i) => i);
    const base = `10.78.${lab}`;
    end(near, "next", `${base}.1`, { via: `${base}.2`, to: beyond.filter((i) => i > lab) });
    end(far, "prev", `${base}.2`, { via: `${base}.1`, to: beyond.filter((i) => i <= lab) });
  }
  return batches;
}

/** Reads "100mbit", "1gbit" or "400kbit" into bits per second; undefined if it can't. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmg])bit$/i.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * { k: 1e3, m: 1e6, g: 1e9 }[match[2]!.toLowerCase() as "k" | "m" | "g"];
}
