/**
 * The same institution for Packet Tracer: configurations for 2911 routers and 2960 switches, to be pasted into the console
 * after `enable` and `configure terminal`. Made from the description, so that addresses are the same. Pure.
 */

import { FIRST_PC, gatewayOf, type Lan, portsOf, routesOf, type Site } from "./site.ts";

const MASK = { 24: "255.255.255.0", 30: "255.255.255.252" } as const;
/** Ports of a 2960-24TT: 24 of 100 Mbit/s, and two of 1 Gbit/s. */
const SWITCH_PORTS = 24;

/** The configuration of a router. */
export function routerConfig(site: Site, router: string): string {
  const ports = portsOf(site, router);
  const lines = [`hostname ${router}`, "no ip domain-lookup", "!"];
  for (const { to } of ports) if ("lan" in to) lines.push(...pool(to.lan));
  for (const { number, address, prefix, rate, to } of ports) {
    lines.push(
      `interface GigabitEthernet0/${number}`,
      ` description ${"lan" in to ? `${to.lan.title}, switch SW-${to.lan.name}` : `to ${to.router}`}`,
      ` ip address ${address} ${MASK[prefix]}`,
      " duplex full",
      ` speed ${rate / 1e6}`,
      ` bandwidth ${rate / 1e3}`,
      " no shutdown",
      "!",
    );
  }
  for (const { network, via } of routesOf(site, router)) lines.push(`ip route ${network} ${MASK[24]} ${via}`);
  return [...lines, "end", ""].join("\n");
}

/** Addresses of the LAN's PCs by DHCP: the first PC that asks gets .11. */
function pool(lan: Lan): string[] {
  return [
    `ip dhcp excluded-address ${lan.network}.1 ${lan.network}.${FIRST_PC - 1}`,
    `ip dhcp pool ${lan.name}`,
    ` network ${lan.network}.0 ${MASK[24]}`,
    ` default-router ${gatewayOf(lan)}`,
    "!",
  ];
}

/** The configuration of a LAN's switch. */
export function switchConfig(lan: Lan): string {
  const isFast = lan.rate >= 1e9;
  const port = (i: number) => isFast ? `GigabitEthernet1/0/${i}` : `FastEthernet0/${i}`;
  const up = isFast ? `GigabitEthernet1/0/${SWITCH_PORTS}` : "GigabitEthernet0/1";
  const lines = [`hostname SW-${lan.name}`, "no ip domain-lookup", "!"];
  lan.pcs.forEach((name, i) =>
    lines.push(
      `interface ${port(i + 1)}`,
      ` description ${name}`,
      " switchport mode access",
      " spanning-tree portfast",
      " duplex full",
      ` speed ${lan.rate / 1e6}`,
      " no shutdown",
      "!",
    )
  );
  lines.push(
    `interface ${up}`,
    ` description gateway ${lan.router}`,
    " switchport mode access",
    " duplex full",
    ` speed ${lan.rate / 1e6}`,
    " no shutdown",
    "!",
    "interface Vlan1",
    ` ip address ${lan.network}.2 ${MASK[24]}`,
    " no shutdown",
    "!",
    `ip default-gateway ${gatewayOf(lan)}`,
  );
  return [...lines, "end", ""].join("\n");
}
