/**
 * What lies in a shared registry, key by key. Pure. Values are JSON; a value that can't be read counts as none, for others
 * may write there.
 *
 *     in the bucket REGISTRY
 *     lab                 which lab this is: its authority's certificate, or that it is open
 *     p.NAME              a peer's record, its cookie and the server at which it is registered: so a name is somebody's once
 *     h.COOKIE.WRITING    what a peer holds: whole from a `reset` on, then what changed, in the order of their numbers
 *     b.ID                a broadcast;  r.ID.NAME  a receipt
 *     m.ID                a member;  n.NAME  whose a member's name is;  i.WORD  an invitation, its secret sealed
 *     in the bucket REGISTRY-files
 *     ID.PLACE            files of a broadcast, from that place on
 *     in the bucket REGISTRY-servers, whose entries vanish by themselves
 *     SERVER              a registration server that is alive
 */

import * as v from "../../deps/valibot.ts";
import { nameKey } from "../../catalog/names.ts";
import type { WireRow } from "../../protocol/messages.ts";
import type { BroadcastFile, BroadcastHead, Receipt } from "../broadcast_store.ts";
import { type KeptRecord, REGISTRATIONS_KEPT } from "../rules.ts";
import type { Entry } from "./reading.ts";

/** A text as a word of a key: as it is where it may be, so that people can read it. */
export function keyWord(text: string): string {
  if (/^[\w-]{1,128}$/.test(text)) return text;
  const bytes = new TextEncoder().encode(text);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return `=${base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** The key of a peer's record. */
export function peerKey(name: string): string {
  return `p.${keyWord(nameKey(name))}`;
}

const text = (max: number) => v.pipe(v.string(), v.maxLength(max));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const peerSchema = v.object({
  name: text(64),
  cookie: text(128),
  host: text(255),
  address: text(64),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  active: v.boolean(),
  registrations: v.pipe(v.array(v.number()), v.maxLength(REGISTRATIONS_KEPT)),
  lastRegistered: v.number(),
  /** The server at which it is registered. */
  at: v.optional(text(64)),
});

/** A peer's record, and where it is registered. */
export interface SharedPeer {
  record: KeptRecord;
  at: string | undefined;
}

/** Reads a record. */
export function readPeer(entry: Entry): SharedPeer | undefined {
  const read = parse(peerSchema, entry);
  if (!read) return undefined;
  const { at, ...record } = read;
  return { record, at };
}

/** A record as it's written. */
export function writePeer({ record, at }: SharedPeer): unknown {
  const { cookie, name, host, address, port, active, registrations, lastRegistered } = record;
  return {
    ...{ cookie, name, host, address, port, active, registrations, lastRegistered },
    ...(at === undefined ? {} : { at }),
  };
}

const holdingsSchema = v.object({
  /** The number of the registration it belongs to: what comes late of an earlier one doesn't count. */
  of: count,
  reset: v.optional(v.boolean()),
  rows: v.array(v.tuple([v.string(), v.string(), v.number(), v.string(), v.string()])),
  gone: v.optional(v.array(v.string())),
});

/** A part of what a peer holds. */
export interface HoldingsPart {
  of: number;
  reset: boolean;
  rows: WireRow[];
  gone: string[];
}

/** Reads a part. */
export function readHoldings(entry: Entry): HoldingsPart | undefined {
  const read = parse(holdingsSchema, entry);
  if (!read) return undefined;
  const rows = read.rows.map(([name, title, size, sha256, modified]): WireRow => ({
    ...{ name, title, size, sha256, modified, flag: 1 },
  }));
  return { of: read.of, reset: read.reset === true, rows, gone: read.gone ?? [] };
}

/** A part as it's written. */
export function writeHoldings({ of, reset, rows, gone }: HoldingsPart): unknown {
  return {
    of,
    ...(reset ? { reset } : {}),
    rows: rows.map(({ name, title, size, sha256, modified }) => [name, title, size, sha256, modified]),
    ...(gone.length === 0 ? {} : { gone }),
  };
}

const headSchema = v.object({
  ...{ id: text(64), name: v.string(), peer: v.string(), cookie: v.optional(text(128)) },
  ...{ bytes: count, files: count, to: v.optional(v.array(v.string())) },
  ...{ began: v.number(), expires: v.number(), whole: v.boolean(), withdrawn: v.boolean() },
});

/** Reads a broadcast. */
export function readHead(entry: Entry): BroadcastHead | undefined {
  const read = parse(headSchema, entry);
  return read && { ...read, cookie: read.cookie, to: read.to };
}

const receiptSchema = v.object({
  ...{ id: text(64), peer: text(64), cookie: v.optional(text(128)) },
  ...{ state: v.picklist(["waiting", "done", "failed"]), at: v.number() },
  ...{ code: v.optional(v.string()), reason: v.optional(v.string()) },
});

/** Reads a receipt. */
export function readReceipt(entry: Entry): Receipt | undefined {
  return parse(receiptSchema, entry);
}

const fileSchema = v.object({
  ...{ name: v.string(), size: count, sha256: text(64) },
  here: v.optional(v.object({ name: v.string(), modified: v.string(), place: v.string() })),
});
const filesSchema = v.object({ at: count, files: v.array(fileSchema) });

/** Files of a broadcast from a place on. What lies in a server's own share is known by that server's data folder. */
export interface FilesPart {
  at: number;
  files: readonly BroadcastFile[];
}

/** Reads such a part. @param place names our data folder. */
export function readFiles(entry: Entry, place: string): FilesPart | undefined {
  const read = parse(filesSchema, entry);
  return read && {
    at: read.at,
    files: read.files.map(({ name, size, sha256, here }) => ({
      ...{ name, size, sha256 },
      ...(here?.place === place ? { here: { name: here.name, modified: here.modified } } : {}),
    })),
  };
}

/** Such a part as it's written. */
export function writeFiles({ at, files }: FilesPart, place: string): unknown {
  return {
    at,
    files: files.map(({ name, size, sha256, here }) => ({
      ...{ name, size, sha256 },
      ...(here ? { here: { ...here, place } } : {}),
    })),
  };
}

const serverSchema = v.object({
  id: text(64),
  /** Where peers reach it; the one it was told first, else what its cards say. */
  hosts: v.pipe(v.array(text(255)), v.maxLength(16)),
  port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535)),
  /** Broadcasts whose commands have their connection there. */
  claims: v.array(text(64)),
});

/** A registration server that is alive. */
export type SharedServer = v.InferOutput<typeof serverSchema>;

/** Reads what a server says of itself. */
export function readServer(entry: Entry): SharedServer | undefined {
  return parse(serverSchema, entry);
}

const labSchema = v.object({ mode: v.picklist(["open", "secured"]), authority: v.optional(v.string()) });

/** Which lab a registry is of. */
export type SharedLab = v.InferOutput<typeof labSchema>;

/** Reads which lab it is. */
export function readLab(entry: Entry): SharedLab | undefined {
  return parse(labSchema, entry);
}

const role = v.picklist(["member", "lead"]);

const memberSchema = v.object({
  ...{ id: text(64), name: text(64), role, joined: v.number(), address: v.string() },
  revoked: v.optional(v.number()),
});

/** Reads a member. */
export function readMember(entry: Entry): v.InferOutput<typeof memberSchema> | undefined {
  return parse(memberSchema, entry);
}

const inviteSchema = v.object({
  /** The secret, sealed with a key that only the lab's servers have. */
  sealed: text(200),
  ...{ role, expires: v.number(), uses: v.optional(count) },
});

/** An invitation as it lies there. */
export type SealedInvite = v.InferOutput<typeof inviteSchema>;

/** Reads an invitation. */
export function readInvite(entry: Entry): SealedInvite | undefined {
  return parse(inviteSchema, entry);
}

const nameSchema = v.object({ id: text(64), at: v.number() });

/** Reads whose a member's name is, and since when. */
export function readName(entry: Entry): v.InferOutput<typeof nameSchema> | undefined {
  return parse(nameSchema, entry);
}

function parse<T extends v.GenericSchema>(schema: T, { value }: Entry): v.InferOutput<T> | undefined {
  if (!value) return undefined;
  try {
    const parsed = v.safeParse(schema, JSON.parse(new TextDecoder().decode(value)));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
