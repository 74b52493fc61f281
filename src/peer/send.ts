/**
 * `send`: offers files to one peer or to the registration server's inbox. We listen, they dial back and fetch, they say
 * what they have got. The files are read by this process, so they may lie outside the share: see send_files.ts.
 */

import { codeOf, LabError, messageOf, RemoteProtocolError } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import { isNamed, printable } from "../catalog/names.ts";
import type { MessageOf, WireFile } from "../protocol/messages.ts";
import { type Address, connect } from "../transport/connect.ts";
import type { Connection } from "../transport/connection.ts";
import type { Identity } from "../transport/handshake.ts";
import { RateLimiter } from "../transport/rate.ts";
import { serve, type Server } from "../transport/server.ts";
import { Askers } from "./broadcast/askers.ts";
import type { Background } from "./broadcast/background.ts";
import type { HashedFile } from "./broadcast/hashed_file.ts";
import type { PeerContext } from "./context.ts";
import type { RsAddress } from "./rs_address.ts";
import { connectRs, queryPeers, type RsConnectOptions } from "./rs_client.ts";
import { contentsOf, type SendFile } from "./send_files.ts";
import type { ContentStore } from "./serve/content_store.ts";
import { peerHandler } from "./serve/handlers.ts";
import { inPages } from "../base/pages.ts";

/** What a send needs. */
export interface SendSetting {
  rs: RsAddress;
  identity: Identity;
  context: PeerContext;
  cookie: string | undefined;
  /** Name to send under. */
  name: string;
  progress: (progress: { bytes: number; total: number }) => void;
  /** Hears why it has to wait; once for each reason. */
  waits?: (why: string) => void;
  signal: AbortSignal;
  rate?: number;
}

/** A receiver that has no room is asked again for so long, milliseconds: a whole class may hand in large files at once. */
const PATIENCE = 30 * 60_000;
/** The pause until then, milliseconds, at least; and as much again by chance, so that no class comes in step. */
const AGAIN = 500;

/** A file that has arrived, as its receiver says. */
export interface Delivered {
  name: string;
  path: string;
  sha256: string;
}

/**
 * Sends files.
 *
 * @param to name of a peer, or "rs".
 * @returns the receiver's receipt.
 * @throws {LabError} "unreachable" when the receiver isn't there; else what it answered.
 */
export async function send(
  files: readonly SendFile[],
  to: string,
  setting: SendSetting,
): Promise<Delivered[]> {
  const { context, signal } = setting;
  const receiver = await findReceiver(to, setting);
  const contents = contentsOf(files, context);
  const server = offerServer(contents, setting);
  const end = () => server.close();
  signal.addEventListener("abort", end, { once: true });
  try {
    return await onceThereIsRoom(to, setting, async () => {
      const connection = await receiver({ signal, idle: TIMEOUTS.manifest });
      const end = () => connection.close(new LabError("interrupted", "Interrupted"));
      signal.addEventListener("abort", end, { once: true });
      try {
        server.reachedAt(connection.local);
        return await offer(files, connection, server.address.port, setting);
      } finally {
        signal.removeEventListener("abort", end);
        await connection.finish();
      }
    });
  } catch (cause) {
    if (signal.aborted) {
      throw new LabError("interrupted", "Interrupted: nothing is lost, run it again", { cause });
    }
    throw new LabError(codeOf(cause), `Cannot send to ${printable(to)}: ${messageOf(cause)}`, { cause });
  } finally {
    signal.removeEventListener("abort", end);
    server.close();
    contents.close();
  }
}

/** Tries again while the receiver has too much to do; what had come goes on where it was. */
async function onceThereIsRoom<T>(
  to: string,
  { context: { clock, random }, signal, waits }: SendSetting,
  attempt: () => Promise<T>,
): Promise<T> {
  const end = clock.monotonic() + PATIENCE;
  const told = new Set<string>();
  while (true) {
    try {
      return await attempt();
    } catch (cause) {
      if (codeOf(cause) !== "busy" || signal.aborted || clock.monotonic() >= end) throw cause;
      const why = `${printable(to)} takes no more just now: ${messageOf(cause)}`;
      if (!told.has(why)) waits?.(why);
      told.add(why);
      await clock.sleep(AGAIN * (1 + random.next()), signal);
    }
  }
}

/** Finds out where it is. @returns what connects to it. */
async function findReceiver(
  to: string,
  setting: SendSetting,
): Promise<(options: RsConnectOptions) => Promise<Connection>> {
  const { rs, identity, context } = setting;
  if (isNamed("rs", to)) return (options) => connectRs(rs, identity, context, options);
  const at = await addressOf(to, setting);
  return async (options) => (await connect(at, identity, { ...context, ...options })).connection;
}

async function addressOf(to: string, setting: SendSetting): Promise<Address> {
  const rs = await connectRs(setting.rs, setting.identity, setting.context, { signal: setting.signal });
  try {
    const peers = await queryPeers(rs, setting.cookie === undefined ? {} : { cookie: setting.cookie });
    const peer = peers.find((each) => isNamed(each.name, to) && each.active);
    if (!peer) {
      if (setting.cookie !== undefined && isNamed(setting.name, to)) {
        throw new LabError("usage", `Cannot send to ${printable(to)}: that is this PC; name another --to`);
      }
      throw new LabError(
        "unreachable",
        `Cannot send to ${printable(to)}: no active peer has that name; see peer peers or rs peers`,
      );
    }
    const { address: host, port, id } = peer;
    const others = new Set([setting.name, ...peers.map(({ name }) => name)]);
    others.delete(peer.name);
    return { host, port, id, isAnother: (name) => others.has(name) };
  } finally {
    rs.close();
  }
}

/** Where an offer's files can be had. */
export interface OfferServer extends Pick<Server, "address" | "close" | "connections"> {
  /**
   * Listens where a receiver will dial back: at the address of ours that it was told of the offer from. IPv4 is listened to
   * anyway.
   */
  reachedAt(local: HostPort): void;
}

/**
 * Listens on a free port for as long as the command runs; only the files of this offer can be had there.
 *
 * @param most connections at once.
 */
export function offerServer(
  contents: ContentStore,
  setting: {
    context: PeerContext;
    name: string;
    rate?: number;
    limiter?: RateLimiter;
    background?: Background | undefined;
    /** Is asked before the others. */
    hashing?: HashedFile | undefined;
    /** Hears that a file isn't what it was when it was asked for. */
    changed?: (fault: LabError) => void;
  },
  most = 64,
): OfferServer {
  const { context } = setting;
  const rate = setting.limiter ?? new RateLimiter(context.clock, setting.rate ?? Infinity);
  const handler = peerHandler({
    rows: () => [],
    contents,
    askers: new Askers(context.clock),
    ...(setting.hashing ? { relay: setting.hashing } : {}),
    rate,
    giveWay: () => setting.background?.pace(rate),
    self: () => ({ name: setting.name, port: server.address.port }),
    offer: () => {
      throw new LabError("unreachable", "No peer serves here: this program only sends");
    },
    sent: () => {},
    ...(setting.changed ? { changed: setting.changed } : {}),
  });
  const identity = { role: "peer" as const, name: setting.name, agent: context.agent };
  const listen = (at: HostPort): Server =>
    serve(
      at,
      { identity, security: context.security, handlerFor: () => handler },
      context,
      { connections: most, handshakes: Math.max(32, most / 2) },
    );
  const server = listen({ host: "0.0.0.0", port: 0 });
  // One listener for both kinds of addresses isn't to be had on Windows.
  const more = new Map<string, Server>();
  return {
    address: server.address,
    get connections() {
      return new Set([server, ...more.values()].flatMap(({ connections }) => [...connections]));
    },
    reachedAt({ host }) {
      if (!host.includes(":") || more.has(host)) return;
      more.set(host, listen({ host, port: server.address.port }));
    },
    close() {
      for (const each of [server, ...more.values()]) each.close();
    },
  };
}

async function offer(
  files: readonly SendFile[],
  connection: Connection,
  port: number,
  setting: SendSetting,
): Promise<Delivered[]> {
  const wire = files.map((file): WireFile => [file.offered, file.size, file.sha256]);
  const pages = [...inPages(wire, ([name]) => 120 + 3 * name.length)];
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const id = setting.context.random.id(8);
  const message = (page: WireFile[], more: boolean): MessageOf<"Offer"> => ({
    kind: "Offer",
    purpose: "send",
    id,
    peer: setting.name,
    port,
    files: page,
    bytes,
    ...(setting.cookie === undefined ? {} : { cookie: setting.cookie }),
    ...(more ? { more } : {}),
  });
  const exchange = connection.open(message(pages[0]!, pages.length > 1));
  for (let i = 1; i < pages.length; i++) {
    await exchange.expect("OfferNext");
    await exchange.send(message(pages[i]!, i < pages.length - 1));
  }
  const delivered: Delivered[] = [];
  while (true) {
    const incoming = await exchange.next(TIMEOUTS.manifest);
    if (incoming.kind === "OfferProgress") setting.progress({ bytes: incoming.bytes, total: incoming.total });
    if (incoming.kind !== "Receipt") continue;
    delivered.push(...incoming.files);
    if (delivered.length > files.length) {
      throw new RemoteProtocolError("the receiver says that it has got more files than were sent");
    }
    if (!incoming.more) return delivered;
  }
}
