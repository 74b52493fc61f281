/** What is kept beside this file, made from the description: diagram, addressing, Cisco configurations. Pure. */

import { routerConfig, switchConfig } from "./cisco.ts";
import { addressing, drawSite } from "./diagram.ts";
import { routersOf, type Site } from "./site.ts";

/** Every file by its name below this folder. */
export function filesOf(site: Site): ReadonlyMap<string, string> {
  return new Map([
    ["diagram.svg", drawSite(site)],
    ["ADDRESSING.md", addressing(site)],
    ...routersOf(site).map((router) => [`cisco/${router}.txt`, routerConfig(site, router)] as const),
    ...site.lans.map((lan) => [`cisco/SW-${lan.name}.txt`, switchConfig(lan)] as const),
  ]);
}
