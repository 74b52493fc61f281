/**
 * From the institution to namespaces: which there are, and what `ip` and `tc` do in each. Pure.
 *
 * A PC, a switch and a router are a namespace each. Every cable is limited by tbf at both ends, so in both directions;
 * switches themselves aren't, so PCs of a LAN don't share anything but their switch's cable to the router.
 */

import { type Batch, tbf } from "../netns.ts";
import { type Lan, pcsOf, portsOf, routersOf, routesOf, type Site } from "./site.ts";

/** Begins the names of all namespaces, unless told otherwise. */
export const PREFIX = "lsl-";

/** A namespace. */
export interface Namespace {
  name: string;
  routed: boolean;
}

/** All namespaces. */
export function namespacesOf(site: Site, prefix: string): Namespace[] {
  return [
    ...site.lans.map((lan) => ({ name: switchOf(lan, prefix), routed: false })),
    ...routersOf(site).map((router) => ({ name: prefix + router, routed: true })),
    ...pcsOf(site).map(({ name }) => ({ name: prefix + name, routed: false })),
  ];
}

/** The namespace of a LAN's switch. */
function switchOf(lan: Lan, prefix: string): string {
  return `${prefix}sw-${lan.name}`;
}

/** Everything to be done once the namespaces are there, in order. */
export function batchesOf(site: Site, prefix: string): Batch[] {
  return [
    ...site.lans.flatMap((lan) => lanBatches(site, lan, prefix)),
    ...site.trunks.map(({ a, b }): Batch => ({
      ...{ program: "ip", namespace: prefix + a },
      lines: [`link add to-${b} type veth peer name to-${a} netns ${prefix}${b}`],
    })),
    ...routersOf(site).flatMap((router) => routerBatches(site, router, prefix)),
    ...site.lans.flatMap((lan) => pcBatches(site, lan, prefix)),
  ];
}

/** The switch, with its cables: to the router, and to each PC. */
function lanBatches(site: Site, lan: Lan, prefix: string): Batch[] {
  const namespace = switchOf(lan, prefix);
  const links = ["link set lo up", "link add br0 type bridge mcast_snooping 0", "link set br0 up"];
  const ends = [{ port: "uplink", device: "lan", at: prefix + lan.router }];
  for (const { name, port } of pcsOf(site).filter((pc) => pc.lan === lan)) {
    ends.push({ port: `p${port}`, device: "eth0", at: prefix + name });
  }
  for (const { port, device, at } of ends) {
    links.push(`link add ${port} type veth peer name ${device} netns ${at}`);
    links.push(`link set ${port} master br0 up`);
  }
  return [
    { program: "ip", namespace, lines: links },
    { program: "tc", namespace, lines: ends.map(({ port }) => `qdisc add dev ${port} ${tbf(lan.rate)}`) },
  ];
}

function routerBatches(site: Site, router: string, prefix: string): Batch[] {
  const namespace = prefix + router;
  const links = ["link set lo up"];
  const limits: string[] = [];
  for (const { address, prefix: length, rate, to } of portsOf(site, router)) {
    const device = "lan" in to ? "lan" : `to-${to.router}`;
    links.push(`link set ${device} up`, `addr add ${address}/${length} dev ${device}`);
    limits.push(`qdisc add dev ${device} ${tbf(rate)}`);
  }
  for (const { network, via } of routesOf(site, router)) links.push(`route add ${network}/24 via ${via}`);
  return [{ program: "ip", namespace, lines: links }, { program: "tc", namespace, lines: limits }];
}

function pcBatches(site: Site, lan: Lan, prefix: string): Batch[] {
  return pcsOf(site).filter((pc) => pc.lan === lan).flatMap(({ name, address }): Batch[] => [
    {
      ...{ program: "ip", namespace: prefix + name },
      lines: [
        "link set lo up",
        "link set eth0 up",
        `addr add ${address}/24 brd + dev eth0`,
        `route add default via ${lan.network}.1`,
      ],
    },
    { program: "tc", namespace: prefix + name, lines: [`qdisc add dev eth0 ${tbf(lan.rate)}`] },
  ]);
}
