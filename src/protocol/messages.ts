/**
 * The messages of P2P-DI/2: one table, written once. Each entry has its number on the wire, its cap in bytes and, for
 * control messages, its schema. Encoder, decoder, dissector and PROTOCOL.md's check all start from this table.
 *
 * Rules for growing it without a new version: numbers are never reused; new fields are optional; a reader skips
 * messages and fields that it doesn't know. No field is called `kind`: in the program, that is the message's name.
 */

import { LIMITS } from "../base/limits.ts";
import * as v from "../deps/valibot.ts";
import { DOCTOR } from "./doctor.ts";
import {
  address,
  cookie,
  count,
  holder,
  list,
  memberId,
  name,
  peerName,
  port,
  servers,
  sha256,
  text,
} from "./fields.ts";
import { broadcast, broadcastPeer, file, multicast, offerId, peerRecord, receipt, row } from "./records.ts";

/** 32 random bytes, hexadecimal. */
const nonce = sha256;

/** What the lab's authority says of a member. */
export const card = v.object({
  /** The name that the member has in this lab. */
  name: peerName,
  /** May it share and fetch, or command the lab too? */
  role: v.picklist(["member", "lead"]),
  /** Public key, SPKI in base64. */
  key: text(100),
  /** Of the authority, base64. */
  signature: text(100),
});

const SMALL = LIMITS.smallMessage;
const LIST = LIMITS.listMessage;

/** Control messages: number, cap, schema. */
export const CONTROL = {
  // Session
  Hello: {
    type: 0x01,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      versions: list(v.pipe(v.number(), v.integer()), 16),
      role: v.picklist(["peer", "rs", "tool", "control"]),
      name: v.optional(peerName),
      agent: text(64),
      features: list(text(32), 32),
    }),
  },
  Welcome: {
    type: 0x02,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      version: v.pipe(v.number(), v.integer()),
      role: v.picklist(["peer", "rs", "control"]),
      name: v.optional(peerName),
      agent: text(64),
      features: list(text(32), 32),
      mode: v.picklist(["open", "secured"]),
    }),
  },
  Error: { type: 0x03, cap: SMALL, schema: v.object({ code: text(32), message: text(1000) }) },
  Cancel: { type: 0x04, cap: SMALL, schema: v.object({}) },
  // Secured handshake
  Challenge: {
    type: 0x05,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      nonce,
      /** RS only: the authority's certificate, PEM, for those who have a join code and nothing else yet. */
      authority: v.optional(text(2_000)),
    }),
  },
  Proof: {
    type: 0x06,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      /** The server's name, as TLS has shown it. */
      to: text(64),
      card,
      /** Of the dialler, base64. */
      signature: text(100),
    }),
  },
  Join: {
    type: 0x07,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      name: peerName,
      /** The newcomer's public key, SPKI in base64. */
      key: text(100),
      /** HMAC-SHA-256 with the invitation's secret, base64. */
      proof: text(100),
      /** Signature with the newcomer's private key, base64. */
      possession: text(100),
    }),
  },
  Joined: {
    type: 0x08,
    cap: LIMITS.handshakeFrame,
    schema: v.object({
      /** The authority's public key, SPKI in base64. */
      authorityKey: text(100),
      /** The newcomer's certificate, PEM. */
      certificate: text(2_000),
      card,
    }),
  },
  // Registration
  Register: {
    type: 0x10,
    cap: SMALL,
    schema: v.object({
      name: peerName,
      host: text(255),
      port,
      cookie: v.optional(cookie),
      /** Where it answers the course's own programs. */
      classic: v.optional(port),
    }),
  },
  Registered: {
    type: 0x11,
    cap: SMALL,
    schema: v.object({
      peer: peerName,
      cookie,
      /** Seconds. */
      ttl: count,
      /** Seconds between KeepAlives that the RS asks for. */
      keepAlive: count,
      address,
      servers,
    }),
  },
  KeepAlive: { type: 0x12, cap: SMALL, schema: v.object({ cookie }) },
  /** Those that may be absent are as in Registered, where there are several registration servers. */
  Alive: { type: 0x13, cap: SMALL, schema: v.object({ ttl: count, keepAlive: v.optional(count), servers }) },
  Leave: { type: 0x14, cap: SMALL, schema: v.object({ cookie }) },
  Left: { type: 0x15, cap: SMALL, schema: v.object({}) },
  PQuery: {
    type: 0x16,
    cap: SMALL,
    schema: v.object({
      /** The asker's, if it has one: it renews the TTL, and the asker is left out of the answer. */
      cookie: v.optional(cookie),
      /** Inactive peers too. */
      all: v.optional(v.boolean()),
      /** The course's own programs too: they can't be dialled. */
      classic: v.optional(v.boolean()),
      after: v.optional(peerName),
      /** Only what has changed after this version of the list. */
      since: v.optional(text(64)),
    }),
  },
  Peers: {
    type: 0x17,
    cap: LIST,
    schema: v.object({
      peers: list(peerRecord, 4_000),
      next: v.optional(peerName),
      /** Of the list, when this was said; opaque. */
      version: v.optional(text(64)),
      /** These are changes, not the list. */
      changes: v.optional(v.boolean()),
      /** There are more changes: ask again with `version`. */
      more: v.optional(v.boolean()),
    }),
  },
  Announce: {
    type: 0x18,
    cap: LIST,
    schema: v.object({
      cookie,
      /** Forget what was announced before: this message begins a whole index. */
      reset: v.boolean(),
      rows: list(row, LIMITS.pageRows),
      gone: list(name, LIMITS.pageRows),
    }),
  },
  Announced: { type: 0x19, cap: SMALL, schema: v.object({ rows: count }) },
  Revoked: {
    type: 0x44,
    cap: LIST,
    schema: v.object({
      /** Ids of those who are members no longer. */
      ids: list(memberId, 30_000),
    }),
  },
  Heard: { type: 0x1a, cap: SMALL, schema: v.object({}) },
  // Index
  RFCQuery: {
    type: 0x20,
    cap: LIST,
    schema: v.object({
      /** The asker's cookie: it is left out of the holders. */
      cookie: v.optional(cookie),
      /** Names, folders or globs; all files when absent. */
      patterns: v.optional(list(name, 1_000)),
      /** Words of name or title. */
      query: v.optional(text(1024)),
      from: v.optional(peerName),
      /** Where the page before this one ended: opaque. */
      after: v.optional(text(1200)),
    }),
  },
  RFCIndex: {
    type: 0x21,
    cap: LIST,
    schema: v.object({
      holders: list(holder, 20_000),
      rows: list(v.object({ ...row.entries, holders: list(count, 20_000) }), LIMITS.pageRows),
      next: v.optional(text(1200)),
    }),
  },
  // Content
  GetRFC: {
    type: 0x30,
    cap: LIST,
    schema: v.object({ files: v.pipe(list(file, LIMITS.filesPerContent), v.minLength(1)) }),
  },
  PieceRequest: {
    type: 0x32,
    cap: SMALL,
    schema: v.object({
      content: sha256,
      piece: count,
      /** The asker will say what has come of it, by Credit. */
      paced: v.optional(v.boolean()),
    }),
  },
  Credit: { type: 0x38, cap: SMALL, schema: v.object({ bytes: count }) },
  Have: {
    type: 0x34,
    cap: SMALL,
    schema: v.object({
      content: sha256,
      /** Stripes that the sender is behind with, and how many PCs are between it and the one who said so first. */
      behind: list(v.object({ stripe: count, hops: count }), 8),
      /** Stripes of which nothing comes to the sender, since all stands still there; `hops` likewise. */
      still: v.optional(list(v.object({ stripe: count, hops: count }), 8)),
    }),
  },
  Choke: { type: 0x35, cap: SMALL, schema: v.object({ content: sha256 }) },
  Interested: {
    type: 0x37,
    cap: LIST,
    schema: v.object({
      content: sha256,
      /** Names of those whom the plan gave for this, and who failed. */
      instead: list(peerName, 64),
      /** The sender was choked itself: it may have what is left over. */
      demoted: v.optional(v.boolean()),
    }),
  },
  // Offers
  Offer: {
    type: 0x40,
    cap: LIST,
    schema: v.object({
      purpose: v.picklist(["send", "broadcast"]),
      id: text(64),
      /** Who offers: the name to file it under. */
      peer: peerName,
      cookie: v.optional(cookie),
      /** Where the receiver dials to fetch; the address is the one that the offer came from. */
      port,
      files: list(file, LIMITS.filesPerContent),
      /** More files of the same offer follow in another message. */
      more: v.optional(v.boolean()),
      bytes: count,
      /** Broadcast: whom to ask for every n-th piece, the planned parent first; the offering side comes after all of them. */
      stripes: v.optional(list(list(holder, 64), 8)),
      /** Broadcast: for each stripe, how many PCs are between the source and the receiver. */
      depths: v.optional(list(count, 8)),
      /** Broadcast that is delivered late: whom to fetch from, like any file; the offering side comes last. */
      holders: v.optional(list(holder, 64)),
      /** Broadcast: the pieces make way for other traffic, at the receivers too, which pass them on. */
      background: v.optional(v.boolean()),
      /**
       * Broadcast of one file that is being hashed yet: in place of its SHA-256 stands a random number, which names the
       * content too. PieceHashes follow, and OfferClose.
       */
      provisional: v.optional(v.boolean()),
      /** Broadcast of one file that is being hashed yet: its pieces also come by multicast, see multicast.ts. */
      multicast: v.optional(multicast),
    }),
  },
  OfferProgress: {
    type: 0x41,
    cap: SMALL,
    schema: v.object({
      bytes: count,
      total: count,
      /** What the receiver sends at most, bytes per second; absent where it has no limit. */
      limit: v.optional(count),
      /** Of a broadcast that is delivered late: those of the offer's holders that said they don't have it. */
      without: v.optional(list(peerName, 64)),
      /** Blocks that came by multicast, and those that are missing between them; absent where nobody listens. */
      multicast: v.optional(v.object({ got: count, lost: count })),
    }),
  },
  Receipt: {
    type: 0x42,
    cap: LIST,
    schema: v.object({
      files: list(v.object({ name, path: text(4096), sha256 }), LIMITS.filesPerContent),
      more: v.optional(v.boolean()),
    }),
  },
  OfferNext: { type: 0x43, cap: SMALL, schema: v.object({}) },
  /** `at`: the piece that the first of the hashes belongs to. */
  PieceHashes: {
    type: 0x4e,
    cap: SMALL,
    schema: v.object({ at: count, hashes: list(sha256, LIMITS.hashesPerMessage) }),
  },
  /** The file's SHA-256, and that of the manifest which it makes up with the piece hashes. */
  OfferClose: { type: 0x4f, cap: SMALL, schema: v.object({ sha256, content: sha256 }) },
  // Broadcasts that the registration server remembers
  Withdraw: { type: 0x45, cap: SMALL, schema: v.object({ id: offerId, cookie: v.optional(cookie) }) },
  Broadcast: {
    type: 0x46,
    cap: LIST,
    schema: v.object({
      id: offerId,
      /** What people call it: a file's name, or how many files. */
      name,
      /** Who sends it. */
      peer: peerName,
      cookie: v.optional(cookie),
      /** How many of its files were told in messages before this one. */
      at: count,
      files: list(file, LIMITS.filesPerContent),
      /** More files follow in another message. */
      more: v.optional(v.boolean()),
      /** Names of the receivers; everybody when absent. */
      to: v.optional(list(peerName, 2_000)),
      /** How long it is kept for those who come late, seconds from now. */
      lasts: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(LIMITS.broadcastSeconds)),
    }),
  },
  Receipts: {
    type: 0x47,
    cap: LIST,
    schema: v.object({ id: offerId, peers: list(receipt, 1_000), over: v.optional(v.boolean()) }),
  },
  Noted: {
    type: 0x48,
    cap: SMALL,
    schema: v.object({ whole: v.optional(v.boolean()), withdrawn: v.optional(v.boolean()) }),
  },
  Retry: { type: 0x49, cap: SMALL, schema: v.object({ id: offerId, cookie: v.optional(cookie) }) },
  BQuery: {
    type: 0x4a,
    cap: SMALL,
    schema: v.object({
      /** Of one broadcast, each of its PCs. */
      id: v.optional(offerId),
      /** Those that are withdrawn or have expired, too. */
      all: v.optional(v.boolean()),
      after: v.optional(text(64)),
    }),
  },
  Broadcasts: {
    type: 0x4b,
    cap: LIST,
    schema: v.object({
      broadcasts: list(broadcast, 1_000),
      peers: list(broadcastPeer, 2_000),
      next: v.optional(text(64)),
    }),
  },
  Progress: {
    type: 0x4c,
    cap: LIST,
    schema: v.object({
      id: offerId,
      /** [name, verified bytes]: the PCs that have more now than when it was last told. */
      peers: list(v.tuple([peerName, count]), 2_000),
    }),
  },
  // Doctor
  ...DOCTOR,
  // Loopback control port
  Command: {
    type: 0x60,
    cap: LIST,
    schema: v.object({ token: text(64), command: text(32), args: v.record(v.string(), v.unknown()) }),
  },
  Event: { type: 0x61, cap: LIST, schema: v.object({ line: v.record(v.string(), v.unknown()) }) },
  Done: { type: 0x62, cap: SMALL, schema: v.object({ exit: count }) },
} as const;

/** Data frames: number and cap. Their payload is raw bytes. */
export const DATA = {
  ManifestData: { type: 0x31, cap: LIMITS.manifest },
  PieceData: { type: 0x33, cap: LIMITS.piece },
  ProbeData: { type: 0x53, cap: LIMITS.probePart },
} as const;

/** Numbers kept for messages that are designed but not built; PROTOCOL.md says what for. */
export const RESERVED = {
  Unchoke: 0x36,
} as const;

/** Name of a control message. */
export type ControlName = keyof typeof CONTROL;
/** Name of a data frame. */
export type DataName = keyof typeof DATA;
/** Fields of a control message. */
export type Fields<K extends ControlName> = v.InferOutput<(typeof CONTROL)[K]["schema"]>;

/** A control message: its kind, and its fields beside it. */
export type Message = { [K in ControlName]: { kind: K } & Fields<K> }[ControlName];
/** The message of one kind. */
export type MessageOf<K extends ControlName> = Extract<Message, { kind: K }>;

export type {
  WireBroadcast,
  WireBroadcastPeer,
  WireFile,
  WireHolder,
  WirePeer,
  WireReceipt,
  WireRow,
} from "./records.ts";
