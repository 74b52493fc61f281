/** Flags that several commands take. */

import type { Flags } from "../flags.ts";

/** The port of a registration server unless told otherwise. */
export const RS_PORT = 23475;

/** Flags that every command of `peer` takes. */
export const PEER_FLAGS = {
  rs: {
    type: "hostport",
    value: "HOST[:PORT]",
    defaultPort: RS_PORT,
    shownDefault: "the one that peer serve used last, else found on the network",
    help: "registration server",
  },
  share: { type: "string", value: "DIR", shownDefault: "{share}", help: "the shared folder" },
  data: { type: "string", value: "DIR", shownDefault: "{data}", help: "the folder for index.csv and state" },
} as const satisfies Flags;

/** Flags of the commands of `rs` that ask a registration server. */
export const ASK_FLAGS = {
  rs: {
    type: "hostport",
    value: "HOST[:PORT]",
    defaultPort: RS_PORT,
    shownDefault: "the rs serve on this PC, else found on the network",
    help: "registration server",
  },
  data: {
    type: "string",
    value: "DIR",
    shownDefault: "{data}",
    help: "data folder of the rs serve on this PC",
  },
} as const satisfies Flags;

/** Flag of the commands that list. */
export const LIST_FLAGS = {
  csv: { type: "boolean", help: "as CSV", excludes: ["json"] },
} as const;

/** Flags of both programs' broadcast. */
export const BROADCAST_FLAGS = {
  to: { type: "list", value: "NAME,...", help: "only these peers", repeatable: true },
  rate: { type: "rate", value: "RATE", shownDefault: "no limit", help: "send at most so fast" },
  timeout: { type: "duration", value: "TIME", default: "10m", help: "who isn't done by then has failed" },
  background: { type: "boolean", help: "make way for other traffic on the network" },
  "no-multicast": { type: "boolean", help: "over connections only, where multicast is unwelcome" },
  report: { type: "string", value: "FILE.html", help: "write a page that tells how it went" },
  "retry-failed": {
    type: "string",
    value: "ID",
    help: "offer this broadcast again to those who don't have it",
    excludes: ["to", "rate", "expires", "background", "no-multicast", "report"],
  },
  expires: {
    type: "duration",
    value: "TIME",
    default: "24h",
    // LIMITS.broadcastSeconds
    longest: "30d",
    help: "PCs that are off now get it when they register, for so long",
  },
} as const satisfies Flags;
