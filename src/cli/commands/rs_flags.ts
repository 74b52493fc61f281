/** The flags of the commands of `rs`. Apart from the commands themselves, which are only loaded when they run. */

import type { Flags } from "../flags.ts";
import { ASK_FLAGS, BROADCAST_FLAGS, LIST_FLAGS } from "./common_flags.ts";

/** Whom to trust where NATS encrypts. */
const NATS_CA = {
  type: "string",
  value: "FILE",
  help: "with tls://: the authority that certified the NATS servers, in PEM; no other is trusted",
} as const;

export const RS_SERVE_FLAGS = {
  open: {
    type: "boolean",
    help: "no codes, no encryption, anybody may take part: for demonstrations and for Wireshark",
  },
  host: { type: "string", value: "ADDR", default: "0.0.0.0", help: "address to listen on" },
  port: { type: "port", value: "PORT", default: "23475", help: "port to listen on" },
  classic: { type: "port", value: "PORT", help: "answer the course's own programs there; with --open only" },
  data: {
    type: "string",
    value: "DIR",
    shownDefault: "{data}",
    help: "folder for the database and the inbox",
  },
  store: {
    type: "string",
    value: "nats://...",
    shownDefault: "what DATA/store.json says, else the database in DATA",
    help:
      "registry that several servers share, in NATS: nats://A:4222,B:4222,C:4222, or tls://...; sqlite: the one in DATA",
  },
  "nats-ca": { ...NATS_CA, shownDefault: "what DATA/store.json keeps" },
  advertise: {
    type: "string",
    value: "ADDR",
    shownDefault: "this PC's addresses",
    help: "with a shared registry: address of this server that peers are told by the others",
  },
  ttl: {
    type: "number",
    value: "SECONDS",
    default: "7200",
    min: 1,
    max: 30 * 86400,
    help: "how long a registration lasts without KeepAlive",
  },
  discovery: { type: "boolean", default: "true", help: "don't let peers find this server by themselves" },
  "http-port": {
    type: "port",
    value: "PORT",
    shownDefault: "23480, else a free one",
    help: "port of the page",
    excludes: ["http"],
  },
  "http-host": {
    type: "string",
    value: "ADDR",
    default: "127.0.0.1",
    help: "address of the page; 0.0.0.0: for leads on the network, with the key in DATA/page.key",
    excludes: ["http"],
  },
  http: { type: "boolean", default: "true", help: "no page" },
} as const satisfies Flags;

export const RS_PEERS_FLAGS = {
  active: { type: "boolean", help: "only those that are active now" },
  ...LIST_FLAGS,
  ...ASK_FLAGS,
} as const satisfies Flags;

export const RS_INDEX_FLAGS = {
  "last-copy": {
    type: "boolean",
    help: "only files that one peer alone holds, whether it is there or not",
    excludes: ["history", "at", "rs"],
  },
  history: { type: "boolean", help: "who held what, from when until when", excludes: ["rs"] },
  at: {
    type: "string",
    value: "TIME",
    help: "who held what then: 2026-11-20 or 2026-11-20T10:30",
    excludes: ["rs"],
  },
  ...LIST_FLAGS,
  ...ASK_FLAGS,
} as const satisfies Flags;

export const RS_FETCH_FLAGS = {
  from: {
    type: "string",
    value: "PEER|all",
    help: "take it from this peer only; all: from each, into a folder of its own",
  },
  out: { type: "string", value: "DIR", shownDefault: "{share}", help: "folder to save in" },
  ...ASK_FLAGS,
} as const satisfies Flags;

export const RS_BROADCASTS_FLAGS = {
  id: { type: "string", value: "ID", help: "the PCs of this one; the beginning of the id will do" },
  withdraw: {
    type: "string",
    value: "ID",
    help: "nobody else is to get this one",
    excludes: ["id", "csv", "all"],
  },
  all: { type: "boolean", help: "those that are withdrawn or have expired, too" },
  ...LIST_FLAGS,
  ...ASK_FLAGS,
} as const satisfies Flags;

export const RS_BROADCAST_FLAGS = { ...BROADCAST_FLAGS, ...ASK_FLAGS } as const satisfies Flags;

export const EXPERIMENT_FLAGS = {
  local: {
    type: "boolean",
    help: "with peers in this process, below the data folder, instead of PCs",
    excludes: ["peers", "rs"],
  },
  peers: { type: "list", value: "NAME,...", help: "these PCs; the first one serves where it is central" },
  count: {
    type: "number",
    value: "N",
    min: 2,
    max: 40,
    default: "6",
    help: "how many peers",
    excludes: ["peers"],
  },
  files: { type: "number", value: "N", min: 1, max: 200, default: "10", help: "files that each peer holds" },
  size: { type: "size", value: "SIZE", default: "128kB", help: "of each file, 100 MB at most" },
  rate: {
    type: "rate",
    value: "RATE",
    shownDefault: "20Mbit with --local",
    help: "what each peer sends at most; of PCs, what their peer serve was told: for the bound",
  },
  report: {
    type: "string",
    value: "FILE.html",
    shownDefault: "{data}/experiment.html",
    help: "the page; the numbers go beside it, as .csv",
  },
  ...ASK_FLAGS,
} as const satisfies Flags;

/** Flag of the commands about the lab's membership: they work on the data folder. */
export const LAB_FLAGS = { data: ASK_FLAGS.data } as const satisfies Flags;

export const COPY_FLAGS = { ...LAB_FLAGS, "nats-ca": NATS_CA } as const satisfies Flags;

export const STATUS_FLAGS = { data: ASK_FLAGS.data } as const satisfies Flags;

export const BACKUP_FLAGS = {
  data: ASK_FLAGS.data,
  share: {
    type: "string",
    value: "DIR",
    shownDefault: "{share}",
    help: "the shared folder, where no backup may go",
  },
} as const satisfies Flags;

export const INVITE_FLAGS = {
  role: {
    type: "string",
    value: "ROLE",
    choices: ["member", "lead"],
    default: "member",
    help: "member: share, fetch, send to the server; lead: broadcast and collect too",
  },
  expires: { type: "duration", value: "TIME", default: "2h", help: "how long the code holds" },
  uses: {
    type: "number",
    value: "N",
    min: 1,
    shownDefault: "any number",
    help: "how many PCs may join with it",
  },
  ...LAB_FLAGS,
} as const satisfies Flags;

export const MEMBERS_FLAGS = { ...LIST_FLAGS, ...LAB_FLAGS } as const satisfies Flags;

export const RS_DOCTOR_FLAGS = { data: ASK_FLAGS.data } as const satisfies Flags;
