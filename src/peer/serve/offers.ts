/**
 * Receiving what somebody sends: an Offer comes in, we dial back, fetch the files, and answer with a Receipt. Used by
 * peers for their share and by the registration server for its inbox.
 */

import { LabError, messageOf } from "../../base/errors.ts";
import { rarely } from "../../base/rarely.ts";
import { formatBytes, formatCount } from "../../base/units.ts";
import type { Holder } from "../../catalog/merge.ts";
import { cleanPeerName, nameFault, nameKey, peerNameFault, printable } from "../../catalog/names.ts";
import type { Message, MessageOf, WireFile } from "../../protocol/messages.ts";
import { releaseParts, shareParts } from "../../storage/cast_part.ts";
import { Root } from "../../storage/root.ts";
import type { BlockTally } from "../../swarm/blocks.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { isUsableIpv4 } from "../../protocol/discovery/addresses.ts";
import { RS_NAME } from "../../protocol/secured.ts";
import type { Identity } from "../../transport/handshake.ts";
import type { Background } from "../broadcast/background.ts";
import { sessionOf } from "../broadcast/multicaster.ts";
import { specOf } from "../broadcast/relay.ts";
import type { Member } from "../../transport/security.ts";
import { type PeerContext, toolIdentity } from "../context.ts";
import { type FetchedFile, Undelivered } from "../fetch/content_run.ts";
import { toHolder } from "../rs_client.ts";
import type { HashFeed } from "../broadcast/hash_feed.ts";
import { LARGE } from "../fetch/contents.ts";
import { type BroadcastJob, fetchFiles } from "../fetch/fetch.ts";
import type { FetchListener } from "../fetch/engine_options.ts";
import type { LocalHash } from "../fetch/place.ts";
import type { MulticastPlan } from "../fetch/multicast_desk.ts";
import type { WantedFile } from "../fetch/select.ts";
import { feedOf, HashListener } from "./hash_listener.ts";
import { type ListLimits, type OfferList, OfferLists } from "./offer_lists.ts";
import { makePlace, type Taken } from "./offer_places.ts";
import type { BorrowedPool } from "../fetch/warm_pool.ts";
import { WorkerPool } from "../fetch/worker_pool.ts";

/** What receiving needs. */
export interface OfferReceiver {
  context: PeerContext;
  /** Our name, for the handshake. */
  name: () => string;
  /** Absolute path of the folder that files from this peer go to. */
  folderFor: (peer: string) => string;
  /** The sender's name, where the connection tells it better than the offer. */
  senderOf?: (exchange: Exchange, offer: MessageOf<"Offer">) => string | undefined;
  /** The hash of a file that is there, if the index knows it. */
  known?: (name: string, size: number, modified: number) => string | undefined;
  received: (file: FetchedFile, from: string) => void;
  /** Hears how far each content is, and when all is over. */
  receiving?: (from: string) => { progress: FetchListener["progress"]; end: () => void };
  signal: AbortSignal;
  /** What this process sends at most, bytes per second; told to who offers. */
  sendLimit?: number;
  /** Workers that wait for work; where there are none new ones are started, so many if told. */
  pool?: (count?: number) => BorrowedPool;
  /** Makes way for other traffic where a broadcast asks for that. */
  background?: Background;
  /** What a broadcast needs; without it broadcasts are refused. */
  broadcast?: Omit<BroadcastJob, "stripes" | "feed" | "multicast">;
  /** Hears that a broadcast was withdrawn, once nothing of it is being received any more. */
  withdrawn?: () => void;
  /** How many files may be offered at once; for tests. */
  lists?: ListLimits;
  /** In an open lab: take broadcasts, from whomever. */
  acceptOpenBroadcasts?: boolean;
}

/** Whoever offered hears at most so often how far we are, milliseconds: with 40 PCs each piece's news would be thousands. */
const TELL_EVERY = 200;

/** An offer, put together. */
interface Incoming {
  from: string;
  source: Holder;
  files: WantedFile[];
  total: number;
  stripes: Holder[][];
  depths: number[] | undefined;
  /** It comes late: from holders, like any file. */
  isLate: boolean;
  background: boolean;
  /** It is one file that is being hashed yet. */
  feed?: HashFeed;
  /** And comes by multicast, too. */
  multicast?: MulticastPlan;
}

/** How far the receiving of an offer is; heard by all who offered it. */
interface Progress extends Taken {
  /** Tells which broadcast it is. */
  id: string;
  /** Tells what it brings. */
  files: string;
  /** Where its files go, whatever the case of their names; undefined where it's no broadcast. */
  places: ReadonlySet<string> | undefined;
  /** It comes late: whatever runs now goes before it. */
  isLate: boolean;
  hashes: HashListener | undefined;
  listeners: Set<Exchange>;
  done: Promise<FetchedFile[]>;
}

/** Makes the handler of Offers, and of the Withdraw that ends a broadcast. */
export function offerHandler(
  receiver: OfferReceiver,
): (message: Message, exchange: Exchange) => Promise<void> {
  const running = new Map<string, Progress>();
  // Those of leads apart: nobody else is to keep them out.
  const lists = { send: new OfferLists(receiver.lists), broadcast: new OfferLists(receiver.lists) };
  return async (message, exchange) => {
    if (message.kind === "Withdraw") {
      demandLead(receiver, exchange);
      return await withdraw(running, message.id, receiver);
    }
    if (message.kind !== "Offer") throw new LabError("unsupported", `${message.kind} is not known here`);
    if (message.purpose === "broadcast") demandLead(receiver, exchange);
    const list = lists[message.purpose].begin(senderOf(exchange));
    try {
      const incoming = await gather(receiver, message, exchange, list);
      await take(receiver, running, { message, exchange, incoming });
    } finally {
      list.end();
    }
  };
}

/** Who counts as one: a member, or in an open lab an address. */
function senderOf({ connection: { member, remote } }: Exchange): string {
  return member?.id ?? remote.host;
}

/** Has what was offered received, and says what came of it. */
async function take(
  receiver: OfferReceiver,
  running: Map<string, Progress>,
  offered: { message: MessageOf<"Offer">; exchange: Exchange; incoming: Incoming },
): Promise<void> {
  const { message, exchange, incoming } = offered;
  const isBroadcast = message.purpose === "broadcast";
  const key = isBroadcast ? `broadcast ${placeOf(incoming)}` : receiver.context.random.id(8);
  let isBegun = false;
  const sent = isBroadcast ? undefined : { sender: senderOf(exchange), cancelled: exchange.signal };
  const start = () => {
    isBegun = true;
    const begun = begin(receiver, incoming, message.id, sent);
    begun.listeners.add(exchange);
    return begun;
  };
  const progress = isBroadcast
    ? await joinedOrBegun(running, key, { ...incoming, id: message.id }, start)
    : admit(running, key, sent?.sender, start);
  progress.listeners.add(exchange);
  // What comes from an offer that joined another broadcast is not needed.
  if (progress.id === message.id) void progress.hashes?.listen(exchange, incoming.source);
  try {
    if (isBroadcast && progress.id !== message.id) {
      shareParts(Root.open(receiver.folderFor(incoming.from), "write"), progress.id, message.id);
    }
    // Its own list lies here for as long as it runs; that of one who joined, for as long as it waits.
    await sendReceipt(await (isBegun ? progress.done : unlessOver(exchange, progress.done)), exchange);
  } catch (cause) {
    if (incoming.isLate) await tellAbsent(cause, exchange);
    // It made room for others: who sends it is told so.
    throw sent && progress.stop.signal.aborted ? progress.stop.signal.reason : cause;
  } finally {
    progress.listeners.delete(exchange);
  }
}

/** @throws {LabError} "interrupted" as soon as nobody waits for it on the other side. */
function unlessOver<T>(exchange: Exchange, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const forget = exchange.onEnd(() => reject(new LabError("interrupted", "Whoever offered it is gone")));
  return Promise.race([work, promise]).finally(forget);
}

/** Whoever offers late had better not name again who doesn't have it. */
async function tellAbsent(cause: unknown, exchange: Exchange): Promise<void> {
  if (!(cause instanceof Undelivered)) return;
  const without = cause.absent.filter((peer) => peer !== SOURCE && !peerNameFault(peer)).slice(0, 64);
  if (without.length > 0) await exchange.send({ kind: "OfferProgress", bytes: 0, total: 0, without });
}

/** Ends it here. Its part files go soon, unless somebody else wants them. */
async function withdraw(
  running: ReadonlyMap<string, Progress>,
  id: string,
  { withdrawn, folderFor }: OfferReceiver,
): Promise<void> {
  for (const progress of [...running.values()].filter((each) => each.id === id)) {
    progress.stop.abort(new LabError("interrupted", "it was withdrawn"));
    await progress.done.catch(() => {});
  }
  releaseParts(Root.open(folderFor(""), "write"), id);
  withdrawn?.();
}

/** Whoever may put a file on every PC commands the lab; in an open one that would be anybody. */
function demandLead(receiver: OfferReceiver, { connection }: Exchange): void {
  const { member } = connection;
  if (!receiver.broadcast) throw new LabError("unsupported", "Broadcasts are not taken here");
  if (member ? member.role === "lead" : receiver.acceptOpenBroadcasts) return;
  const why = member
    ? `${printable(member.name)} joined as a member, and that takes a lead`
    : "this lab is open to anybody; start peer serve with --accept-open-broadcasts to take them all the same";
  receiver.context.log.warn(
    `A broadcast from ${member ? printable(member.name) : connection.title} was refused: ${why}`,
  );
  throw new LabError("not_permitted", `Broadcasts are refused here: ${why}`);
}

/** @param sender undefined for a broadcast. */
function admit(
  running: Map<string, Progress>,
  key: string,
  sender: string | undefined,
  start: () => Progress,
): Progress {
  makePlace(running.values(), sender);
  const progress = start();
  running.set(key, progress);
  const forget = () => running.delete(key);
  progress.done.then(forget, forget);
  return progress;
}

/**
 * The same files are being received already. The same broadcast, offered again because a connection broke, goes on as it
 * is; so does another one, as long as the first one's sender is there. If it isn't, its plan may lead nowhere: that run
 * ends, and the new one goes on from its part files. What comes late makes way for a broadcast that runs: that one's plan
 * counts on this PC.
 */
async function joinedOrBegun(
  running: Map<string, Progress>,
  key: string,
  incoming: Incoming & { id: string },
  start: () => Progress,
): Promise<Progress> {
  while (true) {
    const progress = inTheWay(running, key, incoming);
    // Nothing may come between this look and the beginning, with somebody who listens: several may have waited for this.
    if (!progress) return admit(running, key, undefined, start);
    const isHeard = [...progress.listeners].some((exchange) => !exchange.signal.aborted);
    const isSame = progress.files === specOf(incoming.files);
    const makesWay = progress.isLate && !incoming.isLate;
    if (isSame && !makesWay && (progress.id === incoming.id || isHeard)) return progress;
    if (isHeard && !makesWay) {
      throw new LabError("busy", "A file of that name is being broadcast to this PC; try again in a moment");
    }
    const why = makesWay ? "a broadcast that runs now brings it" : "it is being sent again";
    progress.stop.abort(new LabError("interrupted", why));
    await progress.done.catch(() => {});
  }
}

/** The run that has this one's place; and where one of the two comes late, any that has the name of one of its files. */
function inTheWay(
  running: ReadonlyMap<string, Progress>,
  key: string,
  { files, isLate }: Incoming,
): Progress | undefined {
  const same = running.get(key);
  if (same) return same;
  return [...running.values()].find(({ places, isLate: isOtherLate }) =>
    places && isLate !== isOtherLate && files.some(({ name }) => places.has(nameKey(name)))
  );
}

/** What two broadcasts can't both bring at once: a large file has one part file, whichever its SHA-256 is. */
function placeOf(incoming: Incoming): string {
  const [file] = incoming.files;
  const isLone = incoming.files.length === 1 && incoming.total > LARGE;
  return isLone ? JSON.stringify([file!.name, file!.size]) : specOf(incoming.files);
}

async function gather(
  receiver: OfferReceiver,
  offer: MessageOf<"Offer">,
  exchange: Exchange,
  list: OfferList,
): Promise<Incoming> {
  const from = nameOf(exchange.connection.member) ?? receiver.senderOf?.(exchange, offer) ??
    (offer.peer === "rs" || !peerNameFault(offer.peer) ? offer.peer : cleanPeerName(offer.peer));
  const { remote, member, local } = exchange.connection;
  const feed = offer.provisional ? feedOf(offer) : undefined;
  // Anybody may send: what only a broadcast has must not make one of it, nor have us dial whomever it names.
  const plan: Partial<MessageOf<"Offer">> = offer.purpose === "broadcast" ? offer : {};
  const source: Holder = {
    peer: from,
    address: remote.host,
    port: offer.port,
    ...(member ? { id: member.id } : {}),
  };
  const stripes = (plan.stripes ?? []).map((list) => [
    ...list.map(toHolder),
    { ...source, peer: SOURCE },
  ]);
  const holders = (plan.holders ?? []).map(toHolder);
  const isLate = plan.holders !== undefined;
  const sources = isLate ? [...holders, { ...source, peer: SOURCE }] : [source];
  const files = wanted(await list.take(offer, exchange), sources);
  const background = plan.background === true;
  const total = files.reduce((sum, file) => sum + file.size, 0);
  return {
    from,
    source,
    files,
    stripes,
    depths: plan.depths,
    isLate,
    background,
    total,
    ...(feed ? { feed } : {}),
    ...(feed && plan.multicast && isUsableIpv4(local.host)
      ? { multicast: { ...plan.multicast, at: local.host, session: sessionOf(feed.id) } }
      : {}),
  };
}

/** A member offers under its own name; the registration server on behalf of others. */
function nameOf(member: Member | undefined): string | undefined {
  return member?.id === RS_NAME ? undefined : member?.name;
}

/** The source of a broadcast may be a peer that receives others; under this name it is told apart. */
const SOURCE = "(source)";

function begin(
  receiver: OfferReceiver,
  incoming: Incoming,
  id: string,
  sent: { sender: string; cancelled: AbortSignal } | undefined,
): Progress {
  const { from, files, total, isLate } = incoming;
  receiver.context.log.info(
    `${printable(from)} sends ${formatCount(files.length, "file")}, ${formatBytes(total)}`,
  );
  const listeners = new Set<Exchange>();
  const { sendLimit = Infinity } = receiver;
  const limit = Number.isFinite(sendLimit) ? { limit: Math.round(sendLimit) } : {};
  const { tell, end } = rarely<News>(receiver.context.clock, TELL_EVERY, ({ bytes, multicast }) => {
    const message: MessageOf<"OfferProgress"> = {
      ...{ kind: "OfferProgress", bytes: Math.min(bytes, total), total, ...limit },
      ...(multicast ? { multicast } : {}),
    };
    for (const exchange of listeners) exchange.send(message).catch(() => {});
  });
  const stop = new AbortController();
  const signals = [receiver.signal, stop.signal, ...sent ? [sent.cancelled] : []];
  const hashes = incoming.feed && new HashListener(incoming.feed, incoming.source, receiver.context.clock);
  const done = receive(receiver, { ...incoming, id }, tell, AbortSignal.any(signals)).finally(() => {
    end();
    hashes?.end();
  });
  done.catch((cause) => {
    const { log } = receiver.context;
    if (!stop.signal.aborted) {
      return log.warn(`What ${printable(from)} sends has not arrived: ${messageOf(cause)}`);
    }
    log.info(`What ${printable(from)} sends is given up here: ${messageOf(stop.signal.reason)}`);
  });
  const places = sent ? undefined : new Set(files.map(({ name }) => nameKey(name)));
  return {
    ...{ id, files: specOf(incoming.files), places, isLate, sender: sent?.sender },
    ...{ hashes, listeners, stop, done },
  };
}

/** What whoever offered hears of. */
interface News {
  bytes: number;
  /** How it goes with multicast; undefined where nobody listens. */
  multicast?: BlockTally | undefined;
}

async function receive(
  receiver: OfferReceiver,
  { id, from, files, stripes, depths, isLate, background, feed, multicast }: Incoming & { id: string },
  tell: (news: News) => void,
  signal: AbortSignal,
): Promise<FetchedFile[]> {
  const { context, broadcast } = receiver;
  const root = Root.open(receiver.folderFor(from), "write");
  const identity = toolIdentity(context, receiver.name());
  // Only where there is something to do: what is here already is said without a worker.
  let borrowed: BorrowedPool | undefined;
  const pool = () => {
    borrowed ??= receiver.pool?.(isLate ? 1 : undefined) ?? newPool(root.path, identity, context);
    return borrowed.pool;
  };
  const localHash: LocalHash = (name, size, modified) => {
    const known = receiver.known?.(name, size, modified);
    return known ? Promise.resolve(known) : unlessAborted(signal, pool().hash(name));
  };
  const isBroadcast = broadcast !== undefined && (stripes.length > 0 || isLate);
  const receiving = receiver.receiving?.(from);
  let clean = false;
  const stopExpecting = isBroadcast ? broadcast.relay.expect() : () => {};
  const endBackground = isBroadcast && background
    ? receiver.background?.begin(() => stripes.flat().map(({ address, port }) => ({ host: address, port })))
    : undefined;
  try {
    let now: News = { bytes: 0 };
    const done = new Map<string, number>();
    const { fetched, failed } = await fetchFiles({
      files,
      root,
      pool,
      identity,
      context,
      localHash,
      signal,
      listener: {
        progress(progress) {
          now = { ...now, bytes: now.bytes + progress.bytes - (done.get(progress.name) ?? 0) };
          done.set(progress.name, progress.bytes);
          tell(now);
          receiving?.progress(progress);
        },
        multicast: (tally) => tell(now = { ...now, multicast: tally }),
        fetched: (file) => receiver.received(file, from),
        failed: () => {},
      },
      ...(isBroadcast
        ? {
          broadcast: {
            ...{ ...broadcast, broadcastId: id, stripes, depths },
            ...(feed ? { feed } : {}),
            ...(multicast ? { multicast } : {}),
          },
        }
        : { sentBy: from }),
    });
    clean = true;
    if (failed.length > 0) throw failed[0]!.error;
    return fetched;
  } finally {
    receiving?.end();
    stopExpecting();
    endBackground?.();
    borrowed?.release(clean);
  }
}

/** To hash a large file takes long; whoever makes way does so at once. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(new LabError("interrupted", "Interrupted"));
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

function newPool(folder: string, identity: Identity, { security }: PeerContext): BorrowedPool {
  const pool = new WorkerPool({ folder, identity, security });
  return { pool, release: () => pool.close() };
}

function wanted(files: readonly WireFile[], holders: Holder[]): WantedFile[] {
  return files.map(([name, size, sha256]) => {
    const fault = nameFault(name);
    if (fault) throw new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${fault}`);
    return { name, size, sha256, modified: 0, holders };
  });
}

async function sendReceipt(files: readonly FetchedFile[], exchange: Exchange): Promise<void> {
  const all = files.map(({ name, path, sha256 }) => ({ name, path, sha256 }));
  const page = 500;
  for (let at = 0; at === 0 || at < all.length; at += page) {
    const more = at + page < all.length;
    await exchange.send({ kind: "Receipt", files: all.slice(at, at + page), ...(more ? { more } : {}) });
  }
}
