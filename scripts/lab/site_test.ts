import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { leastSeconds, transferTable } from "./demo.ts";
import { filesOf } from "./files.ts";
import { batchesOf, namespacesOf, PREFIX } from "./plan.ts";
import { gatewayOf, pcOf, pcsOf, portsOf, routersOf, routesOf, SITE, wayBetween } from "./site.ts";

Deno.test("the institution can be built of 2911 routers: three ports at most, of rates that they have; no address twice", () => {
  const ports = routersOf(SITE).flatMap((router) => portsOf(SITE, router));
  for (const router of routersOf(SITE)) assert(portsOf(SITE, router).length <= 3, router);
  for (const { rate } of ports) assert([10e6, 100e6, 1e9].includes(rate), String(rate));
  const addresses = [...ports, ...pcsOf(SITE)].map(({ address }) => address);
  assertEquals(new Set(addresses).size, addresses.length);
});

Deno.test("a packet that follows the routes arrives, from every router to every LAN", () => {
  const owner = new Map(
    routersOf(SITE).flatMap((router) => portsOf(SITE, router).map(({ address }) => [address, router])),
  );
  for (const from of routersOf(SITE)) {
    for (const lan of SITE.lans) {
      let at = from;
      for (let hops = 0; at !== lan.router; hops++) {
        assert(hops < 4, `from ${from} to ${lan.name} in circles`);
        at = owner.get(routesOf(SITE, at).find(({ network }) => network === `${lan.network}.0`)!.via)!;
      }
    }
  }
});

Deno.test("the way between two PCs: its routers, and its slowest cable", () => {
  const way = (from: string, to: string) => wayBetween(SITE, pcOf(SITE, from), pcOf(SITE, to));
  assertEquals(way("lab1-pc1", "lab3-pc2"), { routers: ["R1", "RC", "R2", "R3"], rate: 10e6 });
  assertEquals(way("rs", "store"), { routers: [], rate: 1e9 });
  assertEquals(way("store", "lab2-pc1"), { routers: ["RC", "R2"], rate: 100e6 });
});

Deno.test("every cable is limited at both ends, at its own rate", () => {
  const batches = batchesOf(SITE, PREFIX);
  const limits = batches.filter(({ program }) => program === "tc").flatMap(({ lines }) => lines);
  const cables = pcsOf(SITE).length + SITE.lans.length + SITE.trunks.length;
  assertEquals(limits.length, 2 * cables);
  assertEquals(limits.filter((line) => line.includes("rate 10000000bit")).length, 2);
  const names = new Set(namespacesOf(SITE, PREFIX).map(({ name }) => name));
  for (const { namespace } of batches) assert(names.has(namespace), namespace);
  // Names of devices have 15 characters at most.
  for (const line of batches.flatMap(({ lines }) => lines)) {
    for (const [, device] of line.matchAll(/link add (\S+)/g)) assert(device!.length <= 15, line);
  }
});

Deno.test("the files beside the description are made from it: deno task lab diagram", async () => {
  for (const [name, text] of filesOf(SITE)) {
    assertEquals(await Deno.readTextFile(new URL(name, import.meta.url)), text, name);
  }
});

Deno.test("a configuration holds each address, pool and route; the diagram and the table too", () => {
  const files = filesOf(SITE);
  for (const router of routersOf(SITE)) {
    const config = files.get(`cisco/${router}.txt`)!;
    for (const { address } of portsOf(SITE, router)) assertStringIncludes(config, ` ip address ${address} `);
    assertEquals(config.match(/^ip route /gm)?.length, SITE.lans.length - 1);
    assertEquals(config.match(/^ no shutdown$/gm)?.length, portsOf(SITE, router).length);
  }
  for (const lan of SITE.lans) {
    assertStringIncludes(files.get(`cisco/${lan.router}.txt`)!, ` default-router ${gatewayOf(lan)}\n`);
    for (const name of lan.pcs) {
      assertStringIncludes(files.get(`cisco/SW-${lan.name}.txt`)!, `description ${name}\n`);
    }
  }
  for (const { name, address } of pcsOf(SITE)) {
    for (const file of ["diagram.svg", "ADDRESSING.md"]) {
      assertMatch(files.get(file)!, new RegExp(`${name}\\b[^]{0,80}${address.replaceAll(".", "\\.")}`));
    }
  }
  assertNotMatch(files.get("diagram.svg")!, /NaN|undefined/);
});

Deno.test("the table of transfers tells the delay beside what the cable takes", () => {
  const transfer = {
    ...{ what: "fetch", from: "a", to: "b", bytes: 1e6, seconds: 1.5, routers: ["R1"], rate: 10e6 },
  };
  assertEquals(leastSeconds(transfer).toFixed(3), "0.836");
  assertEquals(
    transferTable([transfer])[1],
    "fetch     a     b   1.00 MB  R1       10 Mbit/s      0.84 s       1.50 s",
  );
});
