/// <reference lib="deno.worker" />
/**
 * A receive worker: dials its own data connections and owns them from the socket to the verified write, so no byte of a
 * piece crosses a thread. Its permissions are narrowed to the network and the folder that it writes to.
 */

import { codeOf, LabError, messageOf } from "../base/errors.ts";
import { afterThisTurn, systemClock, whenPatienceEnds } from "../base/clock.ts";
import { TIMEOUTS } from "../base/limits.ts";
import { MAX_PIECE_SIZE } from "../catalog/layout.ts";
import { PartFile } from "../storage/part_file.ts";
import { Root } from "../storage/root.ts";
import { Unplaced } from "../storage/unpack.ts";
import { wholeSha256 } from "../storage/hashing.ts";
import { LabSecurity } from "../join/lab_security.ts";
import { dial as dialSource } from "../transport/connect.ts";
import type { Identity } from "../transport/handshake.ts";
import { PieceChannel } from "../transport/piece_channel.ts";
import { Tuned } from "./receive_multicast.ts";
import type { ReceiveNews, ReceiveOrder } from "./receive_protocol.ts";

let root: Root;
let identity: Identity;
/** Milliseconds without a byte after which a source that owes one is given up. */
let stall: number = TIMEOUTS.pieceStall;
/** This PC's membership, in a secured lab; orders that come before it is ready wait for it. */
let security: Promise<LabSecurity> | undefined;
const parts = new Map<string, PartFile>();
const channels = new Map<number, PieceChannel | undefined>();
/** Contents that come by multicast. */
const tuned = new Map<string, Tuned>();
/** Who is at the other end, in a secured lab. */
const members = new Map<PieceChannel, string>();

/** Nothing ever wakes who waits here: only the time ends it. */
const never = new Int32Array(new SharedArrayBuffer(4));
const standStill = (ms: number) => void Atomics.wait(never, 0, 0, ms);

const tell = (news: ReceiveNews) => self.postMessage(news);

function partOf(content: string): PartFile {
  const part = parts.get(content);
  if (!part) throw new LabError("failed", "This content is not open here");
  return part;
}

function open({ content, spec, seed }: Extract<ReceiveOrder, { kind: "open" }>): void {
  const part = PartFile.open(root, spec);
  parts.set(content, part);
  if (seed) part.seed();
  tell({ kind: "opened", content, span: part.span() });
}

/** Pieces checked before whatever else there is has its turn: on a slow disk a whole file keeps sources waiting too long. */
const CHECKED_AT_ONCE = 8;

async function check({ content, from, step, to }: Extract<ReceiveOrder, { kind: "check" }>): Promise<void> {
  const part = partOf(content);
  const buffer = new Uint8Array(MAX_PIECE_SIZE);
  const end = Math.min(to, Math.ceil(part.span() / part.spec.pieceSize));
  const held: number[] = [];
  for (let piece = from, looked = 1; piece < end; piece += step, looked++) {
    if (part.holds(piece, buffer)) held.push(piece);
    if (looked % CHECKED_AT_ONCE === 0) await new Promise<void>((resolve) => afterThisTurn(resolve));
    if (parts.get(content) !== part) break;
  }
  // Closed meanwhile, it may be gone, and another be open in its place.
  tell({ kind: "checked", content, held: parts.get(content) === part ? held : [] });
}

function learn({ content, hashes, sha256 }: Extract<ReceiveOrder, { kind: "learn" }>): void {
  const part = parts.get(content);
  part?.learn(hashes);
  if (sha256 !== undefined) part?.claim(sha256);
}

async function dial({ source, host, port, id }: Extract<ReceiveOrder, { kind: "dial" }>): Promise<void> {
  channels.set(source, undefined);
  let channel: PieceChannel | undefined;
  try {
    const own = await security;
    channel = await openInTime(await dialSource({ host, port, id }, { clock: systemClock, security: own }));
    if (!channels.has(source)) return channel.close();
    // It may have been revoked while it was being dialled.
    if (id !== undefined && own?.isRevoked(id)) {
      throw new LabError("not_permitted", "this source is a member no longer");
    }
    channels.set(source, channel);
    if (id !== undefined) members.set(channel, id);
    tell({ kind: "dialled", source });
    await receiveAll(source, channel);
  } catch (cause) {
    if (channels.delete(source)) {
      tell({ kind: "lost", source, code: codeOf(cause), message: messageOf(cause) });
    }
    channel?.close();
  } finally {
    if (channel) members.delete(channel);
  }
}

async function openInTime(
  { stream, proving }: Awaited<ReturnType<typeof dialSource>>,
): Promise<PieceChannel> {
  let isLate = false;
  const cancel = whenPatienceEnds(systemClock, TIMEOUTS.handshake, () => {
    isLate = true;
    stream.close();
  });
  try {
    const gathering = { clock: systemClock, pause: standStill };
    return await PieceChannel.open(stream, identity, gathering, proving);
  } catch (cause) {
    stream.close();
    if (!isLate) throw cause;
    const message = `it did not answer within ${TIMEOUTS.handshake / 1000} s`;
    throw new LabError("timeout", message, { cause });
  } finally {
    cancel();
  }
}

async function receiveAll(source: number, channel: PieceChannel): Promise<never> {
  while (true) {
    const answer = await channel.receive();
    if (answer.kind === "told") {
      tell({ kind: "told", source, news: answer.news });
      continue;
    }
    const { content, piece } = answer.ticket;
    if (answer.kind === "refused") {
      tell({
        kind: "refused",
        source,
        content,
        piece,
        code: answer.error.code,
        message: answer.error.message,
      });
      continue;
    }
    const bytes = answer.bytes.length;
    try {
      const right = parts.get(content)?.accept(piece, answer.bytes) ?? true;
      tell({ kind: right ? "piece" : "bad", source, content, piece, bytes });
    } catch (cause) {
      failed(content, cause);
    }
  }
}

function ask({ orders, paced }: Extract<ReceiveOrder, { kind: "ask" }>): void {
  for (const { source, content, piece } of orders) {
    const part = parts.get(content);
    const channel = channels.get(source);
    if (part && channel) {
      channel.ask({ content, piece, length: part.layout.pieceLength(part.layout.piece(piece)), paced });
    }
  }
}

function tune(order: Extract<ReceiveOrder, { kind: "tune" }>): void {
  const { content } = order;
  untune(content);
  const failing = (cause: unknown) => failed(content, cause);
  const part = partOf(content);
  const listening = new Tuned({ order, part, clock: systemClock, pause: standStill, tell, failed: failing });
  tuned.set(content, listening);
  void listening.open();
}

function untune(content: string): void {
  tuned.get(content)?.close();
  tuned.delete(content);
}

function finish({ content, checkWhole }: Extract<ReceiveOrder, { kind: "finish" }>): void {
  untune(content);
  const part = partOf(content);
  parts.delete(content);
  try {
    tell({ kind: "finished", content, paths: part.finish(checkWhole), faults: [] });
  } catch (cause) {
    if (!(cause instanceof Unplaced)) throw cause;
    const faults = [...cause.faults].map(([file, { code, message }]) => ({ file, code, message }));
    tell({ kind: "finished", content, paths: cause.paths, faults });
  }
}

function close({ content, discard }: Extract<ReceiveOrder, { kind: "close" }>): void {
  untune(content);
  const part = parts.get(content);
  parts.delete(content);
  if (!discard) return part?.close();
  part?.discard();
  tell({ kind: "discarded", content });
}

function hangUp(source: number): void {
  const channel = channels.get(source);
  channels.delete(source);
  channel?.close();
}

function obey(order: ReceiveOrder): void {
  switch (order.kind) {
    case "start":
      root = Root.open(order.root, "write");
      identity = order.identity;
      stall = order.stall;
      security = order.credentials && LabSecurity.from(order.credentials);
      return;
    case "open":
      return open(order);
    case "check":
      check(order).catch((cause) => failed(order.content, cause));
      return;
    case "learn":
      return learn(order);
    case "dial":
      dial(order);
      return;
    case "revoke":
      security?.then((own) => own.revoke(order.ids));
      for (const [channel, id] of members) if (order.ids.includes(id)) channel.close();
      return;
    case "claim": {
      const { source, content, instead, demoted } = order;
      channels.get(source)?.claim({ kind: "Interested", content, instead, demoted });
      return;
    }
    case "ask":
      return ask(order);
    case "tune":
      return tune(order);
    case "untune":
      return untune(order.content);
    case "hang-up":
      return hangUp(order.source);
    case "finish":
      return finish(order);
    case "close":
      return close(order);
    case "hash":
      return tell({ kind: "hashed", name: order.name, sha256: wholeSha256(root.pathToRead(order.name)) });
  }
}

function failed(content: string, cause: unknown): void {
  tell({ kind: "fault", content, code: codeOf(cause), message: messageOf(cause) });
}

self.onmessage = ({ data: order }: MessageEvent<ReceiveOrder>) => {
  try {
    obey(order);
  } catch (cause) {
    if (order.kind === "hash") return tell({ kind: "hashed", name: order.name, sha256: undefined });
    failed("content" in order ? order.content : "", cause);
  }
};

/** A source that owes a piece and moves no byte for too long is given up. */
const moved = new Map<PieceChannel, { bytes: number; since: number }>();
systemClock.every(1_000, () => {
  const now = systemClock.monotonic();
  for (const channel of channels.values()) {
    if (!channel) continue;
    const seen = moved.get(channel);
    if (!seen || seen.bytes !== channel.moved || channel.waiting === 0) {
      moved.set(channel, { bytes: channel.moved, since: now });
    } else if (now - seen.since > stall) {
      channel.close(new LabError("timeout", `it sent nothing for ${Math.round(stall / 1000)} s`));
    }
  }
  for (const channel of moved.keys()) if (![...channels.values()].includes(channel)) moved.delete(channel);
});
