/**
 * Finding files in the network: at the registration server, at one peer directly, or, when the server can't be reached,
 * in what was learnt before and has not expired.
 */

import { codeOf, LabError, messageOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import { formatSeconds } from "../base/units.ts";
import type { Holder, MergedIndex } from "../catalog/merge.ts";
import { isNamed, printable } from "../catalog/names.ts";
import type { IndexRow } from "../catalog/row.ts";
import { matcher, patternBatches, searcher } from "../catalog/search.ts";
import type { WirePeer } from "../protocol/messages.ts";
import { connect } from "../transport/connect.ts";
import type { Identity } from "../transport/handshake.ts";
import type { Connection } from "../transport/connection.ts";
import type { PeerContext } from "./context.ts";
import type { NetworkRow } from "./fetch/select.ts";
import { loadMergedIndex, saveMergedIndex } from "./peer_state.ts";
import { connectRs, type IndexQuery, queryIndex, queryPeers, toHolder } from "./rs_client.ts";

/** How long an index learnt from others is believed: as long as a registration lasts without KeepAlive. */
const LEARNT_TTL = 7200_000;

/** What a search in the network needs. */
export interface NetworkAccess {
  rs: HostPort;
  identity: Identity;
  context: PeerContext;
  /** Our own cookie, which leaves us out of the answers. */
  cookie: string | undefined;
  /** Data folder in which learnt indexes are kept; undefined for a program that has none. */
  data: string | undefined;
  signal: AbortSignal;
}

/** What was found, and from where it's known. */
export interface Found {
  rows: NetworkRow[];
  /** Active peers other than the asker; undefined when the registration server could not be asked. */
  peers: number | undefined;
}

/**
 * Looks files up.
 *
 * @throws {LabError} "unreachable" when neither the registration server nor an index learnt before helps; "usage" when the
 *   words are too many.
 */
export async function findFiles(access: NetworkAccess, query: Omit<IndexQuery, "cookie">): Promise<Found> {
  const cookie = access.cookie === undefined ? {} : { cookie: access.cookie };
  let rs: Connection;
  try {
    rs = await connectRs(access.rs, access.identity, access.context, { signal: access.signal });
  } catch (cause) {
    return await fromLearnt(access, query, cause);
  }
  try {
    if (query.from !== undefined) return { rows: await fromPeer(access, rs, query), peers: 1 };
    const rows = await queryIndex(rs, { ...query, ...cookie });
    if (query.patterns === undefined && query.query === undefined) await learn(access, rows);
    const peers = rows.length > 0 ? undefined : (await queryPeers(rs, cookie)).length;
    return { rows, peers };
  } finally {
    rs.close();
  }
}

/** Asks the peer itself: nobody knows its files better. */
async function fromPeer(access: NetworkAccess, rs: Connection, query: IndexQuery): Promise<NetworkRow[]> {
  const peers = await queryPeers(rs, access.cookie === undefined ? {} : { cookie: access.cookie });
  const peer = peers.find((each) => isNamed(each.name, query.from!) && each.active);
  if (!peer) {
    const own = access.identity.name;
    if (own !== undefined && isNamed(own, query.from!)) {
      throw new LabError(
        "usage",
        `Cannot fetch from ${printable(own)}: that is this PC; leave --from out, or name another peer`,
      );
    }
    throw new LabError(
      "unreachable",
      `Cannot reach ${printable(query.from!)}: no active peer has that name; see peer peers or rs peers`,
    );
  }
  const { from: _, ...rest } = query;
  return await askPeer(access, peer, rest);
}

/**
 * What one peer holds, as it says itself.
 *
 * @throws {LabError} "unreachable" and the like, with its name.
 */
export async function askPeer(
  access: Pick<NetworkAccess, "context" | "identity" | "signal">,
  peer: WirePeer,
  query: Omit<IndexQuery, "cookie" | "from">,
): Promise<NetworkRow[]> {
  const at = { host: peer.address, port: peer.port, id: peer.id };
  let connection: Connection;
  try {
    const options = { ...access.context, signal: access.signal };
    ({ connection } = await connect(at, access.identity, options));
  } catch (cause) {
    throw new LabError(codeOf(cause), `Cannot reach ${printable(peer.name)}: ${messageOf(cause)}`, { cause });
  }
  try {
    const holder = toHolder(peer);
    const rows = await queryIndex(connection, query, LIMITS.rowsPerPeer);
    return rows.map((row) => ({ ...row, holders: [holder] }));
  } finally {
    connection.close();
  }
}

async function fromLearnt(access: NetworkAccess, query: IndexQuery, cause: unknown): Promise<Found> {
  const { clock, log } = access.context;
  if (codeOf(cause) !== "unreachable" || access.data === undefined) throw cause;
  const learnt = (await loadMergedIndex(access.data, clock)).rows(clock.now());
  const matches = rowFilter(query);
  const rows = networkRows(learnt.filter((row) => row.flag === 1 && matches(row, row.holder.peer)));
  if (rows.length === 0) throw cause;
  const oldest = Math.max(...learnt.map((row) => LEARNT_TTL - (row.expires - clock.now()))) / 1000;
  log.warn(`The registration server cannot be reached; using the index learnt ${formatSeconds(oldest)} ago`);
  return { rows, peers: undefined };
}

function rowFilter({ from, patterns, query }: IndexQuery): (row: IndexRow, peer: string) => boolean {
  const named = patterns && patternBatches(patterns).map(matcher);
  const found = query === undefined ? () => true : searcher(query);
  return (row, peer) =>
    (from === undefined || isNamed(peer, from)) &&
    (named === undefined || named.some((matches) => matches(row.name))) &&
    found(row);
}

/** Brings rows of single holders together: one row for each content under each name. */
function networkRows(learnt: readonly (IndexRow & { holder: Holder })[]): NetworkRow[] {
  const rows = new Map<string, NetworkRow>();
  for (const { holder, flag: _, ...row } of learnt) {
    const key = `${row.name}\n${row.sha256}`;
    const known = rows.get(key);
    if (known) known.holders.push(holder);
    else rows.set(key, { ...row, holders: [holder] });
  }
  return [...rows.values()];
}

/** Keeps a whole index for the time when the registration server can't be asked. */
async function learn(access: NetworkAccess, rows: readonly NetworkRow[]): Promise<void> {
  if (access.data === undefined) return;
  const { clock, log } = access.context;
  try {
    const index: MergedIndex = await loadMergedIndex(access.data, clock);
    const byPeer = new Map<string, { holder: Holder; rows: IndexRow[] }>();
    for (const { holders, ...row } of rows) {
      for (const holder of holders) {
        const of = byPeer.get(holder.peer) ?? { holder, rows: [] };
        byPeer.set(holder.peer, of);
        of.rows.push({ ...row, flag: 1 });
      }
    }
    for (const { holder, rows } of byPeer.values()) index.learn(holder, rows, clock.now(), LEARNT_TTL);
    await saveMergedIndex(access.data, index, clock);
  } catch (cause) {
    log.debug(`Cannot keep the network's index: ${messageOf(cause)}`);
  }
}
