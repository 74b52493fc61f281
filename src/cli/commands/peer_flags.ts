/** The flags of the commands of `peer`. Apart from the commands themselves, which are only loaded when they run. */

import type { Flags } from "../flags.ts";
import { BROADCAST_FLAGS, LIST_FLAGS, PEER_FLAGS } from "./common_flags.ts";

export const SERVE_FLAGS = {
  ...PEER_FLAGS,
  name: { type: "string", value: "NAME", shownDefault: "the host name", help: "name to register under" },
  host: { type: "string", value: "ADDR", default: "0.0.0.0", help: "address to listen on" },
  port: { type: "port", value: "PORT", shownDefault: "23476, else a free one", help: "port to listen on" },
  classic: { type: "port", value: "PORT", help: "answer the course's own programs there; in open labs only" },
  "index-interval": {
    type: "number",
    value: "SECONDS",
    default: "30",
    min: 1,
    max: 86400,
    help: "time between two scans of the share",
  },
  rate: {
    type: "rate",
    value: "RATE",
    shownDefault: "no limit",
    help: "send at most so fast, and each peer send and peer broadcast from here, too",
  },
  join: {
    type: "string",
    value: "CODE",
    help: "join a secured lab, once, with a code from rs invite; - reads it from standard input",
  },
  "join-file": {
    type: "string",
    value: "PATH",
    help: "the same, with the code from a file",
    excludes: ["join"],
  },
  "accept-open-broadcasts": {
    type: "boolean",
    help: "in an open lab, where anybody may send one, take broadcasts all the same",
  },
} as const satisfies Flags;

export const FETCH_FLAGS = {
  all: { type: "boolean", help: "everything that other peers hold" },
  from: {
    type: "string",
    value: "PEER",
    help: "take it from this peer only; all: from each, into a folder of its own (takes a lead)",
  },
  out: { type: "string", value: "DIR", shownDefault: "{share}", help: "folder to save in" },
  ...PEER_FLAGS,
} as const satisfies Flags;

export const INDEX_FLAGS = {
  local: { type: "boolean", help: "the own index instead of the network's" },
  ...LIST_FLAGS,
  ...PEER_FLAGS,
} as const satisfies Flags;

export const PEERS_FLAGS = { ...LIST_FLAGS, ...PEER_FLAGS } as const satisfies Flags;

export const SEND_FLAGS = {
  to: {
    type: "string",
    value: "PEER|rs",
    help: "name of the receiver, always needed; rs is the registration server's inbox",
  },
  ...PEER_FLAGS,
} as const satisfies Flags;

export const STATUS_FLAGS = { data: PEER_FLAGS.data } as const satisfies Flags;

export const DOCTOR_FLAGS = {
  sandbox: { type: "boolean", help: "try to break out of the sandbox instead" },
  ...PEER_FLAGS,
} as const satisfies Flags;

/** The menu may have to start a serve. */
export const MENU_FLAGS = SERVE_FLAGS;

export const PEER_BROADCAST_FLAGS = {
  ...BROADCAST_FLAGS,
  rate: { ...BROADCAST_FLAGS.rate, shownDefault: "that of the peer serve on this PC, else no limit" },
  ...PEER_FLAGS,
} as const satisfies Flags;
