/**
 * What broadcasters and askers tell and ask of the broadcasts that are remembered: Broadcast, Receipts, Withdraw, Retry,
 * BQuery.
 */

import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { formatBytes } from "../../base/units.ts";
import { nameFault, nameKey, printable, utf8Length } from "../../catalog/names.ts";
import type { MessageOf, WireBroadcast, WireBroadcastPeer, WireReceipt } from "../../protocol/messages.ts";
import type { BroadcastHead, Receipt } from "../broadcast_store.ts";
import { BROADCASTS_MAX, holds, isManyByName } from "../broadcasts.ts";
import { type Caller, counted, type Effect, type Handle, type Registry } from "../state.ts";
import { demandLead, unknownCookie } from "./own.ts";

/**
 * The one place that says who may broadcast, withdraw and offer again: leads; in open mode anybody, under a cookie only its own
 * peer.
 *
 * @param cookie what the message shows, if anything.
 * @throws {LabError} "unknown_cookie" when nobody has it.
 */
function demandBroadcaster({ members }: Registry, cookie: string | undefined, caller: Caller): void {
  // In a secured lab the connection has shown who it is; a lead's command needn't be registered.
  if (caller.member) return demandLead("broadcast", caller);
  if (cookie !== undefined && !members.byCookie(cookie)) throw unknownCookie();
}

/**
 * Answers a Broadcast: keeps it with the files of this page.
 *
 * @throws {LabError} "busy" when there is no room for it, "not_found" when pages are missing, "name_refused".
 */
export const broadcast: Handle<"Broadcast"> = async (registry, message, caller) => {
  demandBroadcaster(registry, message.cookie, caller);
  const { broadcasts, store } = registry;
  const known = broadcasts.get(message.id);
  const effect: Effect = { kind: "broadcast", id: message.id, what: "claimed" };
  if (known?.whole && message.at === 0) {
    const goes = isManyByName(known) ? "go" : "goes";
    return { reply: noted(known), line: `${printable(known.name, 80)} ${goes} on`, effect };
  }
  demandInOrder(known, message);
  const files = message.files.map(([name, size, sha256]) => ({ name, size, sha256 }));
  for (const { name } of files) {
    const fault = nameFault(name);
    if (fault) throw new LabError("name_refused", `Cannot broadcast ${printable(name)}: ${fault}`);
  }
  const forgotten = known ? undefined : spareOne(registry);
  const before = message.at > 0
    ? known!
    : { ...headOf(registry, message), withdrawn: known?.withdrawn ?? false };
  let head: BroadcastHead = {
    ...before,
    files: message.at + files.length,
    bytes: (message.at > 0 ? before.bytes : 0) + files.reduce((sum, { size }) => sum + size, 0),
    whole: message.more !== true,
  };
  await store.broadcasts.saveFiles(head.id, message.at, files);
  await store.broadcasts.save(head);
  // It was withdrawn while this was being kept.
  if (broadcasts.get(head.id)?.withdrawn && !head.withdrawn) {
    head = { ...head, withdrawn: true };
    await store.broadcasts.save(head);
  }
  broadcasts.put(head);
  // Not before the new one is kept: on a full disk neither would be.
  if (forgotten !== undefined) {
    await store.broadcasts.forget(forgotten);
    broadcasts.forget(forgotten);
  }
  const line = `${printable(head.name, 80)} from ${printable(head.peer)}: ${filesText(head)}`;
  return { reply: noted(head), line, effect: { ...effect, ...forgotten !== undefined && { forgotten } } };
};

function filesText({ files, bytes, whole }: BroadcastHead): string {
  if (files === 0) return "begins, and is being hashed meanwhile";
  return `${counted(files, "file")}, ${formatBytes(bytes)}${whole ? "" : ", more to come"}`;
}

function headOf(registry: Registry, message: MessageOf<"Broadcast">): BroadcastHead {
  const { wall } = registry.now();
  const { id, name, peer, cookie, to, lasts } = message;
  const own = registry.members.byCookie(cookie ?? "")?.name;
  return {
    ...{ id, name: printable(name, 200), peer: own ?? printable(peer, 64), cookie, to },
    ...{ bytes: 0, files: 0, began: registry.broadcasts.beginning(wall), expires: wall + lasts * 1000 },
    ...{ whole: false, withdrawn: false },
  };
}

function demandInOrder(known: BroadcastHead | undefined, { at, files, more }: MessageOf<"Broadcast">): void {
  if (at > 0 && known?.files !== at) {
    throw new LabError("not_found", "Cannot keep this page of a broadcast: the one before it is missing");
  }
  if (at + files.length > LIMITS.rowsPerPeer) {
    throw new LabError("busy", `Cannot broadcast more than ${LIMITS.rowsPerPeer} files at once`);
  }
  // The first may have none: the file is being hashed yet.
  if (files.length === 0 && more && at > 0) {
    throw new LabError("usage", "A page of a broadcast without a file says nothing");
  }
}

/**
 * Which one is to be forgotten for another, where there are as many as are kept.
 *
 * @throws {LabError} "busy" when each of them is waited for.
 */
function spareOne({ broadcasts, members, now }: Registry): string | undefined {
  if (broadcasts.size < BROADCASTS_MAX) return undefined;
  const id = broadcasts.dispensable(members, now().wall);
  if (id !== undefined) return id;
  throw new LabError(
    "busy",
    `Cannot broadcast: ${BROADCASTS_MAX} broadcasts wait for PCs already; withdraw some with rs broadcasts --withdraw ID`,
  );
}

function noted({ whole, withdrawn }: BroadcastHead): MessageOf<"Noted"> {
  return { kind: "Noted", ...(whole ? { whole } : {}), ...(withdrawn ? { withdrawn } : {}) };
}

/**
 * Answers Receipts: who has it, who failed, and whether the command has ended.
 *
 * @throws {LabError} "not_found".
 */
export const receipts: Handle<"Receipts"> = async (registry, message, caller) => {
  const head = registry.broadcasts.demand(message.id);
  demandBroadcaster(registry, undefined, caller);
  const { wall } = registry.now();
  const news = message.peers
    .filter(({ name }) => isItsPc(registry, head, name))
    .filter(({ name }) => registry.broadcasts.receipt(head.id, pcOf(registry, name))?.state !== "done")
    .map((told) => receiptOf(registry, head, told, wall));
  await registry.store.broadcasts.saveReceipts(news);
  registry.broadcasts.note(news);
  const line = `${printable(head.name, 80)}: ${newsText(news, message.over === true)}`;
  const what = message.over ? "over" as const : "news" as const;
  return { reply: noted(head), line, effect: { kind: "broadcast", id: head.id, what } };
};

function newsText(news: readonly Receipt[], isOver: boolean): string {
  const said = (["done", "failed", "waiting"] as const)
    .map((state) => ({ state, count: news.filter((each) => each.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${count} ${state}`).join(", ");
  return [said, isOver ? "the command has ended" : ""].filter((part) => part !== "").join("; ") ||
    "nothing new";
}

/** Names that nobody ever had are not kept: they would be without number. */
function isItsPc({ members }: Registry, { to }: BroadcastHead, name: string): boolean {
  return members.byName(name) !== undefined || to?.includes(name) === true;
}

/** Who has a name now. */
function pcOf({ members }: Registry, name: string): { name: string; cookie?: string } {
  return members.byName(name) ?? { name };
}

/** Under the name that its record has, if it has one: it is found by that. */
function receiptOf(registry: Registry, { id }: BroadcastHead, told: WireReceipt, at: number): Receipt {
  const { name, state, code, reason } = told;
  const why = state !== "failed" ? {} : {
    ...(code === undefined ? {} : { code }),
    ...(reason === undefined ? {} : { reason: printable(reason, 500) }),
  };
  const record = registry.members.byName(name);
  return { id, peer: record?.name ?? printable(name, 64), cookie: record?.cookie, state, at, ...why };
}

/**
 * Answers a Progress. Only kept in memory: what counts are the receipts.
 *
 * @throws {LabError} "not_found".
 */
export const progress: Handle<"Progress"> = (registry, message, caller) => {
  const head = registry.broadcasts.demand(message.id);
  demandBroadcaster(registry, undefined, caller);
  for (const [name, bytes] of message.peers) {
    if (isItsPc(registry, head, name)) registry.broadcasts.progress(head, name, bytes);
  }
  const line = `${printable(head.name, 80)}: ${counted(message.peers.length, "PC")}`;
  return { reply: noted(head), line, isRoutine: true };
};

/**
 * Answers a Withdraw; a second one like the first.
 *
 * @throws {LabError} "not_found".
 */
export const withdraw: Handle<"Withdraw"> = async (registry, message, caller) => {
  demandBroadcaster(registry, message.cookie, caller);
  const head = { ...registry.broadcasts.demand(message.id), withdrawn: true };
  await registry.store.broadcasts.save(head);
  registry.broadcasts.put(head);
  return {
    reply: noted(head),
    line: printable(head.name, 80),
    effect: { kind: "broadcast", id: head.id, what: "withdrawn" },
  };
};

/**
 * Answers a Retry.
 *
 * @throws {LabError} "not_found" also when it holds no longer.
 */
export const retry: Handle<"Retry"> = async (registry, message, caller) => {
  demandBroadcaster(registry, message.cookie, caller);
  const { broadcasts, store } = registry;
  const head = broadcasts.demand(message.id);
  const { wall } = registry.now();
  if (!holds(head, wall)) {
    const why = head.withdrawn
      ? "it was withdrawn"
      : head.whole
      ? "it has expired"
      : "it was never told whole";
    throw new LabError("not_found", `Cannot offer ${printable(head.name, 80)} again: ${why}`);
  }
  const again = [...broadcasts.receipts(head.id)].filter(({ state }) => state === "failed")
    .map(({ id, peer, cookie }): Receipt => ({ id, peer, cookie, state: "waiting", at: wall }));
  await store.broadcasts.saveReceipts(again);
  broadcasts.note(again);
  return {
    reply: noted(head),
    line: `${printable(head.name, 80)}: ${again.length} that had failed`,
    effect: { kind: "broadcast", id: head.id, what: "retry" },
  };
};

/**
 * Answers a BQuery with a page of broadcasts, or of one broadcast's PCs.
 *
 * @throws {LabError} "not_found".
 */
export const bquery: Handle<"BQuery"> = (registry, message) => {
  const { id } = message;
  const reply = id === undefined ? listPage(registry, message) : pcsPage(registry, id, message.after);
  const what = id === undefined
    ? counted(reply.broadcasts.length, "broadcast")
    : counted(reply.peers.length, "PC");
  return { reply, line: what };
};

function listPage(registry: Registry, { all, after }: MessageOf<"BQuery">): MessageOf<"Broadcasts"> {
  const { wall } = registry.now();
  const heads = [...registry.broadcasts.list()].filter((head) => head.whole && (all || holds(head, wall)));
  const from = after === undefined ? 0 : heads.findIndex(({ id }) => id === after) + 1;
  const { page, next } = fitting(
    heads.slice(from).map((head) => broadcastRow(registry, head)),
    1_000,
    ({ id }) => id,
  );
  return { kind: "Broadcasts", broadcasts: page, peers: [], ...next };
}

function pcsPage(registry: Registry, id: string, after: string | undefined): MessageOf<"Broadcasts"> {
  const head = registry.broadcasts.demand(id);
  const rows = pcRows(registry, head, after);
  const { page, next } = fitting(rows, LIMITS.pageRows, ({ name }) => name);
  return { kind: "Broadcasts", broadcasts: [broadcastRow(registry, head)], peers: page, ...next };
}

/** The PCs of a broadcast in the order of their names, and how it stands with each. */
export function pcRows(registry: Registry, head: BroadcastHead, after?: string): WireBroadcastPeer[] {
  const { broadcasts, members, atWork, now } = registry;
  const all = [...broadcasts.pcs(head, members, now().wall)]
    .map((receipt) => ({ key: nameKey(receipt.peer), receipt }))
    .filter(({ key }) => after === undefined || key > nameKey(after))
    .sort((a, b) => a.key < b.key ? -1 : 1);
  return all.map(({ receipt: { peer, state, at, reason } }): WireBroadcastPeer => ({
    name: peer,
    active: members.byName(peer)?.active ?? false,
    state: state !== "done" && atWork.isReceiving(head.id, peer) ? "receiving" : state,
    ...(state === "waiting" ? {} : { at: new Date(at).toISOString() }),
    ...(reason === undefined ? {} : { reason }),
  }));
}

/** A broadcast, and how it stands with it as a whole. */
export function broadcastRow(
  { broadcasts, members, atWork, now }: Registry,
  head: BroadcastHead,
): WireBroadcast {
  const { wall } = now();
  const { id, name, peer, bytes, files, began, expires } = head;
  const tally = broadcasts.tally(head, members, wall);
  const state = head.withdrawn
    ? "withdrawn"
    : wall >= expires
    ? "expired"
    : atWork.isClaimed(id)
    ? "running"
    : tally.waiting + tally.failed > 0
    ? "waiting"
    : "done";
  const ended = state === "running" ? undefined : broadcasts.lastWord(id);
  const reason = state === "waiting" ? atWork.whyStuck(head) : undefined;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(ended === undefined ? {} : { ended: new Date(ended).toISOString() }),
    ...{ id, name, peer, bytes, files, state, ...tally },
    began: new Date(began).toISOString(),
    expires: new Date(expires).toISOString(),
  };
}

/** As many as one page takes. */
function fitting<T>(rows: readonly T[], most: number, keyOf: (row: T) => string): {
  page: T[];
  next: { next?: string };
} {
  const page: T[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += utf8Length(JSON.stringify(row)) + 1;
    if (page.length > 0 && (page.length >= most || bytes > LIMITS.pageBytes)) {
      return { page, next: { next: keyOf(page.at(-1)!) } };
    }
    page.push(row);
  }
  return { page, next: {} };
}
