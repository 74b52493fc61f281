/** What messages carry in lists: files, peers, receipts, broadcasts; as they travel, and as types. */

import * as v from "../deps/valibot.ts";
import { MULTICAST_GROUP } from "./multicast.ts";
import { address, count, holder, memberId, name, peerName, port, sha256, span, text } from "./fields.ts";

/** A file in an index, as it travels. Names are only known to be short here: `catalog` judges them. */
export const row = v.object({
  name,
  title: text(300),
  size: count,
  sha256,
  modified: text(32),
  flag: v.picklist([0, 1]),
});

/** [name, size in bytes, SHA-256]: a file of a content. */
export const file = v.tuple([name, count, sha256]);

/** How the pieces of a broadcast come by multicast. */
export const multicast = v.object({
  /** The group that they go to. */
  group: v.pipe(v.string(), v.regex(MULTICAST_GROUP)),
  /** The key of its blocks, 16 bytes in hexadecimal; only in a secured lab. */
  key: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/))),
  /** The piece that is being sent; 0 where it hasn't begun. */
  piece: count,
});

export const peerRecord = v.object({
  name: peerName,
  /** Host name of the PC. */
  host: text(255),
  address,
  port,
  active: v.boolean(),
  /** Seconds left, 0 when inactive. */
  ttl: count,
  registrations30d: count,
  /** ISO 8601 UTC. */
  lastRegistered: text(32),
  id: v.optional(memberId),
  /** Where it answers the course's own programs; the same as `port` for one that speaks nothing else. */
  classic: v.optional(port),
});

/** Names an offer, and with it a broadcast. */
export const offerId = text(64);

/** How it stands with one PC of a broadcast, as the command that sends it says. */
export const receipt = v.object({
  name: peerName,
  state: v.picklist(["waiting", "done", "failed"]),
  /** From the broadcast's beginning until it was done. */
  seconds: v.optional(span),
  /** Why it failed. */
  code: v.optional(text(32)),
  reason: v.optional(text(500)),
});

/** A broadcast in a list. */
export const broadcast = v.object({
  id: offerId,
  name,
  peer: peerName,
  bytes: count,
  files: count,
  /** ISO 8601 UTC. */
  began: text(32),
  /** ISO 8601 UTC. */
  expires: text(32),
  state: v.picklist(["running", "waiting", "done", "withdrawn", "expired"]),
  /** When the last of its PCs was done or failed, ISO 8601 UTC; not while it's running. */
  ended: v.optional(text(32)),
  done: count,
  /** PCs that don't have it yet. */
  waiting: count,
  failed: count,
  /** Why it waits, where nobody can deliver it any more. */
  reason: v.optional(text(500)),
});

/** One PC of a broadcast in a list. */
export const broadcastPeer = v.object({
  name: peerName,
  active: v.boolean(),
  state: v.picklist(["waiting", "receiving", "done", "failed"]),
  /** When it was done or failed, ISO 8601 UTC. */
  at: v.optional(text(32)),
  reason: v.optional(text(500)),
});

/** A file as it travels: [name, size in bytes, SHA-256]. */
export type WireFile = v.InferOutput<typeof file>;
/** A row of an index as it travels. */
export type WireRow = v.InferOutput<typeof row>;
/** A peer's record as it travels. */
export type WirePeer = v.InferOutput<typeof peerRecord>;
/** Somebody who holds a file. */
export type WireHolder = v.InferOutput<typeof holder>;
/** A receipt of a broadcast as it travels. */
export type WireReceipt = v.InferOutput<typeof receipt>;
/** A broadcast in a list as it travels. */
export type WireBroadcast = v.InferOutput<typeof broadcast>;
/** One PC of a broadcast in a list as it travels. */
export type WireBroadcastPeer = v.InferOutput<typeof broadcastPeer>;
