/**
 * The institution: three labs and a server room, each a LAN behind a router. The one description from which the namespaces,
 * the diagram, the addressing table and the Cisco configurations are made. Pure.
 *
 *     lab3 -- R3 --- R2 --- RC --- R1 -- lab1
 *                    |      |
 *                   lab2   server room
 *
 * Rules: every router has three ports at most, as the 2911 of Packet Tracer does without modules, and every rate is one that
 * such a port has (10, 100 or 1000 Mbit/s), so that what runs here can be built there.
 */

/** A LAN: a switch with PCs, and the router that is its gateway. */
export interface Lan {
  name: string;
  title: string;
  /** The first three numbers of its /24. The gateway is .1, the first PC .11: where its DHCP pool begins. */
  network: string;
  router: string;
  /** Of each cable in it, bits per second each way. */
  rate: number;
  pcs: readonly string[];
}

/** A cable between two routers: a /30, of which `a` has .1 and `b` has .2, counted from its base. */
export interface Trunk {
  a: string;
  b: string;
  /** Base address of the /30. */
  base: string;
  rate: number;
}

/** All of it. */
export interface Site {
  lans: readonly Lan[];
  trunks: readonly Trunk[];
}

const MBIT = 1e6;

/** The institution of the demonstration. */
export const SITE: Site = {
  lans: [
    {
      ...{ name: "server", title: "Server room", network: "10.20.0", router: "RC", rate: 1000 * MBIT },
      pcs: ["rs", "store"],
    },
    {
      ...{ name: "lab1", title: "Lab 1", network: "10.20.1", router: "R1", rate: 100 * MBIT },
      pcs: ["lab1-pc1", "lab1-pc2", "lab1-pc3"],
    },
    {
      ...{ name: "lab2", title: "Lab 2", network: "10.20.2", router: "R2", rate: 100 * MBIT },
      pcs: ["lab2-pc1", "lab2-pc2"],
    },
    {
      ...{ name: "lab3", title: "Lab 3", network: "10.20.3", router: "R3", rate: 100 * MBIT },
      pcs: ["lab3-pc1", "lab3-pc2"],
    },
  ],
  trunks: [
    { a: "RC", b: "R1", base: "10.20.255.0", rate: 100 * MBIT },
    { a: "RC", b: "R2", base: "10.20.255.4", rate: 100 * MBIT },
    { a: "R2", b: "R3", base: "10.20.255.8", rate: 10 * MBIT },
  ],
};

/** A PC with its place. */
export interface Pc {
  name: string;
  lan: Lan;
  address: string;
  /** Port of the switch, from 1. */
  port: number;
}

/** All PCs; each LAN's addresses in the order in which its DHCP pool would give them. */
export function pcsOf(site: Site): Pc[] {
  return site.lans.flatMap((lan) =>
    lan.pcs.map((name, i) => ({ name, lan, address: `${lan.network}.${FIRST_PC + i}`, port: i + 1 }))
  );
}

/** The last number of the first PC's address. */
export const FIRST_PC = 11;

/** The PC of a name. @throws {RangeError} when there is none. */
export function pcOf(site: Site, name: string): Pc {
  const pc = pcsOf(site).find((each) => each.name === name);
  if (!pc) throw new RangeError(`There is no PC ${name}`);
  return pc;
}

/** Address of a LAN's gateway. */
export function gatewayOf(lan: Lan): string {
  return `${lan.network}.1`;
}

/** One port of a router. */
export interface RouterPort {
  router: string;
  /** GigabitEthernet0/number of a 2911. */
  number: number;
  address: string;
  /** Length of the network's prefix. */
  prefix: 24 | 30;
  rate: number;
  /** What it leads to. */
  to: { lan: Lan } | { trunk: Trunk; router: string };
}

/** Names of the routers. */
export function routersOf({ lans }: Site): string[] {
  return [...new Set(lans.map(({ router }) => router))];
}

/** The ports of a router: the LAN's first, then the trunks'. */
export function portsOf(site: Site, router: string): RouterPort[] {
  const lans = site.lans.filter((lan) => lan.router === router).map((lan) => ({
    ...{ router, address: gatewayOf(lan), prefix: 24 as const, rate: lan.rate, to: { lan } },
  }));
  const trunks = site.trunks.filter(({ a, b }) => a === router || b === router).map((trunk) => {
    const isA = trunk.a === router;
    const to = { trunk, router: isA ? trunk.b : trunk.a };
    return { router, address: above(trunk.base, isA ? 1 : 2), prefix: 30 as const, rate: trunk.rate, to };
  });
  return [...lans, ...trunks].map((port, number) => ({ ...port, number }));
}

/** A route of a router: a network that it isn't in, and the neighbour that leads there. */
export interface Route {
  network: string;
  via: string;
}

/** A router's routes to all other LANs, each by the way over the fewest routers. */
export function routesOf(site: Site, router: string): Route[] {
  return site.lans.filter((lan) => lan.router !== router).map((lan) => {
    const next = pathBetween(site, router, lan.router)[1]!;
    const port = portsOf(site, next).find(({ to }) => "router" in to && to.router === router)!;
    return { network: `${lan.network}.0`, via: port.address };
  });
}

/** Routers on the way from one to another, both included. */
function pathBetween(site: Site, from: string, to: string): string[] {
  const ways: string[][] = [[from]];
  for (const way of ways) {
    const last = way.at(-1)!;
    if (last === to) return way;
    const next = site.trunks.flatMap(({ a, b }) => a === last ? [b] : b === last ? [a] : []);
    ways.push(...next.filter((each) => !way.includes(each)).map((each) => [...way, each]));
  }
  throw new RangeError(`There is no way from ${from} to ${to}`);
}

/** Routers between two PCs, and the slowest cable on the way, bits per second. */
export function wayBetween(site: Site, from: Pc, to: Pc): { routers: string[]; rate: number } {
  const cables = [from.lan.rate, to.lan.rate];
  if (from.lan === to.lan) return { routers: [], rate: Math.min(...cables) };
  const routers = pathBetween(site, from.lan.router, to.lan.router);
  for (const { a, b, rate } of site.trunks) {
    const isOn = routers.some((router, i) =>
      (router === a && routers[i + 1] === b) || (router === b && routers[i + 1] === a)
    );
    if (isOn) cables.push(rate);
  }
  return { routers, rate: Math.min(...cables) };
}

/** "100 Mbit/s". */
export function rateText(rate: number): string {
  return rate >= 1e9 ? `${rate / 1e9} Gbit/s` : `${rate / 1e6} Mbit/s`;
}

function above(base: string, more: number): string {
  const parts = base.split(".").map(Number);
  return [...parts.slice(0, 3), parts[3]! + more].join(".");
}
