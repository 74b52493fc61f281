/**
 * Receiving what somebody sends: an Offer comes in, we dial back, fetch the files, and answer with a Receipt. Used by
 * peers for their share and by the registration server for its inbox.
 */

import { LabError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { formatBytes, formatCount } from "../../base/units.ts";
import { cleanPeerName, nameFault, peerNameFault, printable } from "../../catalog/names.ts";
import type { Message, MessageOf, WireFile } from "../../protocol/messages.ts";
import { Root } from "../../storage/root.ts";
import type { Exchange } from "../../transport/exchange.ts";
import { type PeerContext, toolIdentity } from "../context.ts";
import type { FetchedFile } from "../fetch/content_run.ts";
import { fetchFiles } from "../fetch/fetch.ts";
import type { LocalHash } from "../fetch/place.ts";
import type { WantedFile } from "../fetch/select.ts";
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
  signal: AbortSignal;
}

/** Offers being received at once; more are told to come back. */
const OFFERS_AT_ONCE = 8;

/** Makes the handler of Offers. */
export function offerHandler(
  receiver: OfferReceiver,
): (message: Message, exchange: Exchange) => Promise<void> {
  let running = 0;
  return async (message, exchange) => {
    if (message.kind !== "Offer") throw new LabError("unsupported", `${message.kind} is not known here`);
    if (message.purpose !== "send") throw new LabError("unsupported", "Broadcasts are not known here yet");
    if (running >= OFFERS_AT_ONCE) {
      throw new LabError("busy", `${running} transfers to this PC are under way; try again in a moment`);
    }
    running++;
    try {
      await receive(receiver, message, exchange);
    } finally {
      running--;
    }
  };
}

async function receive(
  receiver: OfferReceiver,
  offer: MessageOf<"Offer">,
  exchange: Exchange,
): Promise<void> {
  const { context } = receiver;
  const from = receiver.senderOf?.(exchange, offer) ??
    (peerNameFault(offer.peer) ? cleanPeerName(offer.peer) : offer.peer);
  const address = exchange.connection.remote.host;
  const holder = { peer: from, address, port: offer.port };
  const files = wanted(await allFiles(offer, exchange), holder);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  context.log.info(`${printable(from)} sends ${formatCount(files.length, "file")}, ${formatBytes(total)}`);
  const folder = receiver.folderFor(from);
  const root = Root.open(folder, "write");
  const identity = toolIdentity(context, receiver.name());
  const pool = new WorkerPool({ folder: root.path, identity });
  const signal = AbortSignal.any([receiver.signal, exchange.signal]);
  const localHash: LocalHash = (name, size, modified) => {
    const known = receiver.known?.(name, size, modified);
    return known ? Promise.resolve(known) : pool.hash(name);
  };
  try {
    let bytes = 0;
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
          bytes += progress.bytes - (done.get(progress.name) ?? 0);
          done.set(progress.name, progress.bytes);
          exchange.send({ kind: "OfferProgress", bytes: Math.min(bytes, total), total }).catch(() => {});
        },
        fetched: (file) => receiver.received(file, from),
        failed: () => {},
      },
    });
    if (failed.length > 0) throw failed[0]!.error;
    await sendReceipt(fetched, exchange);
  } finally {
    pool.close();
  }
}

/** An offer of many files comes in several messages. */
async function allFiles(offer: MessageOf<"Offer">, exchange: Exchange): Promise<WireFile[]> {
  const files = [...offer.files];
  let last = offer;
  while (last.more) {
    if (files.length > LIMITS.rowsPerPeer) {
      throw new LabError("failed", `Too many files in one offer: ${files.length}`);
    }
    await exchange.send({ kind: "OfferNext" });
    last = await exchange.expect("Offer");
    files.push(...last.files);
  }
  return files;
}

function wanted(files: readonly WireFile[], holder: WantedFile["holders"][number]): WantedFile[] {
  return files.map(([name, size, sha256]) => {
    const fault = nameFault(name);
    if (fault) throw new LabError("name_refused", `Cannot accept the name ${printable(name)}: ${fault}`);
    return { name, size, sha256, modified: 0, holders: [holder] };
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
