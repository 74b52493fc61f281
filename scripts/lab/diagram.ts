/** The institution as a picture (SVG, light and dark) and as a table. Pure. */

import { type Lan, type Pc, pcsOf, portsOf, rateText, routersOf, routesOf, type Site } from "./site.ts";

const BOX = { width: 116, height: 44 };
/** A LAN takes a column of this width; routers stand above their switches. */
const COLUMN = 300;
const ROWS = { router: 70, switch: 190, pcs: 290 };
const PC_GAP = 58;
const MARGIN = 20;

const STYLE = `
:root{color-scheme:light dark}
text{font:13px system-ui,sans-serif;fill:#1b1f24;text-anchor:middle}
.small{font-size:11px;fill:#5b6470}.title{font-weight:600;font-size:15px}
.cable{stroke:#5b6470;fill:none;stroke-width:1.5}.trunk{stroke:#0072b2;stroke-width:3;fill:none}
rect{fill:#f3f5f7;stroke:#5b6470}.router{fill:#dcecf7;stroke:#0072b2}.switch{fill:#e3f3ec;stroke:#00795a}
.lan{fill:none;stroke:#d8dde3;stroke-dasharray:4 4}.back{fill:#fff;stroke:none}
@media (prefers-color-scheme:dark){text{fill:#e6e9ec}.small{fill:#9aa4af}.cable{stroke:#9aa4af}.trunk{stroke:#56b4e9}
rect{fill:#22272d;stroke:#9aa4af}.router{fill:#15303f;stroke:#56b4e9}.switch{fill:#12342a;stroke:#35c8a0}
.lan{fill:none;stroke:#333a42}.back{fill:#14171a}}`;

/** Where things stand: LANs in the order in which their routers are joined. */
interface Places {
  x: (router: string) => number;
  width: number;
  height: number;
}

/** Draws the institution. @returns a whole SVG document. */
export function drawSite(site: Site): string {
  const places = placesOf(site);
  const { width, height } = places;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t">
<title id="t">Three labs and a server room behind routers</title>
<style>${STYLE}</style>
<rect class="back" width="${width}" height="${height}"/>
${site.trunks.map((trunk) => drawTrunk(site, trunk, places)).join("\n")}
${site.lans.map((lan) => drawLan(site, lan, places)).join("\n")}
</svg>
`;
}

function placesOf(site: Site): Places {
  const order = rowOfRouters(site);
  const most = Math.max(...site.lans.map(({ pcs }) => pcs.length));
  return {
    x: (router) => MARGIN + COLUMN * (order.indexOf(router) + 0.5),
    width: COLUMN * order.length + 2 * MARGIN,
    height: ROWS.pcs + most * PC_GAP + MARGIN,
  };
}

/** From one end of the chain of routers to the other. */
function rowOfRouters({ trunks, lans }: Site): string[] {
  const neighbours = (router: string) =>
    trunks.flatMap(({ a, b }) => a === router ? [b] : b === router ? [a] : []);
  const row = [lans.map(({ router }) => router).find((router) => neighbours(router).length === 1)!];
  for (const router of row) row.push(...neighbours(router).filter((next) => !row.includes(next)));
  return row;
}

function drawTrunk(site: Site, { a, b, rate, base }: Site["trunks"][number], { x }: Places): string {
  const y = ROWS.router + BOX.height / 2;
  const middle = (x(a) + x(b)) / 2;
  const at = (router: string, other: string) =>
    portsOf(site, router).find(({ to }) => "router" in to && to.router === other)!;
  const [near, far] = x(a) < x(b) ? [at(a, b), at(b, a)] : [at(b, a), at(a, b)];
  return `<path class="trunk" d="M${x(a)} ${y}H${x(b)}"/>
<text x="${middle}" y="${y - 12}">${rateText(rate)}</text>
<text class="small" x="${middle}" y="${y + 18}">${base}/30</text>
<text class="small" x="${middle}" y="${y + 33}">.${last(near.address)} | .${last(far.address)}</text>`;
}

function drawLan(site: Site, lan: Lan, { x, height }: Places): string {
  const middle = x(lan.router);
  const pcs = pcsOf(site).filter((pc) => pc.lan === lan);
  const bottom = ROWS.pcs + pcs.length * PC_GAP;
  return [
    `<rect class="lan" x="${middle - COLUMN / 2 + 12}" y="${ROWS.switch - 30}" width="${
      COLUMN - 24
    }" height="${height - ROWS.switch + 30 - 8}" rx="10"/>`,
    `<path class="cable" d="M${middle} ${ROWS.router}V${ROWS.switch}"/>`,
    `<path class="cable" d="M${middle} ${ROWS.switch}V${ROWS.pcs - 20}H${middle - 100}V${
      bottom - PC_GAP / 2
    }"/>`,
    box(middle, ROWS.router, "router", lan.router, `gateway ${lan.network}.1`),
    box(middle, ROWS.switch, "switch", `SW-${lan.name}`, `${lan.network}.0/24`),
    `<text class="title" x="${middle}" y="${ROWS.switch - 10}" dx="72">${lan.title}</text>`,
    `<text class="small" x="${middle + 94}" y="${ROWS.switch + 26}">${rateText(lan.rate)}</text>`,
    ...pcs.map((pc, i) => drawPc(pc, middle, ROWS.pcs + i * PC_GAP)),
  ].join("\n");
}

function drawPc({ name, address }: Pc, middle: number, y: number): string {
  return `<path class="cable" d="M${middle - 100} ${y + BOX.height / 2}H${middle - BOX.width / 2}"/>
${box(middle, y, "pc", name, address)}`;
}

function box(middle: number, y: number, kind: string, name: string, detail: string): string {
  return `<rect class="${kind}" x="${
    middle - BOX.width / 2
  }" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>
<text x="${middle}" y="${y + 18}">${name}</text><text class="small" x="${middle}" y="${
    y + 34
  }">${detail}</text>`;
}

/** The addressing table, as Markdown: every port that has an address, and the routes. */
export function addressing(site: Site): string {
  const ports = routersOf(site).flatMap((router) => portsOf(site, router)).map((port) => [
    port.router,
    `GigabitEthernet0/${port.number}`,
    `${port.address}/${port.prefix}`,
    "-",
    rateText(port.rate),
    "lan" in port.to ? `${port.to.lan.title}: SW-${port.to.lan.name}` : port.to.router,
  ]);
  const pcs = pcsOf(site).map(({ name, address, lan, port }) => [
    ...[name, "eth0", `${address}/24`, `${lan.network}.1`, rateText(lan.rate)],
    `${lan.title}: SW-${lan.name}, port ${port}`,
  ]);
  const routes = routersOf(site).flatMap((router) =>
    routesOf(site, router).map(({ network, via }) => [router, `${network}/24`, via])
  );
  return `# Addressing

Made from \`site.ts\` by \`deno task lab diagram\`.

${table(["Device", "Port", "Address", "Gateway", "Rate", "Leads to"], [...ports, ...pcs])}

Routes:

${table(["Router", "Network", "Via"], routes)}
`;
}

/** Markdown with columns of one width, as the formatter wants it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function last(address: string): string {
  return address.split(".")[3]!;
}
