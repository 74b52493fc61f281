/** Asking a registration server: who is there, who has what. Lists come in pages; these functions put them together. */

import { codeOf, type ErrorCode, LabError, messageOf, RemoteError } from "../base/errors.ts";
import { formatCount, formatHostPort, type HostPort } from "../base/units.ts";
import { LIMITS, TIMEOUTS } from "../base/limits.ts";
import type { WireBroadcast, WireBroadcastPeer, WireHolder, WirePeer } from "../protocol/messages.ts";
import { RS_NAME } from "../protocol/secured.ts";
import type { Holder } from "../catalog/merge.ts";
import { demandSearchable, patternBatches } from "../catalog/search.ts";
import { filterOf } from "../catalog/search_work.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import { connect } from "../transport/connect.ts";
import { closeAtAbort, type Identity } from "../transport/handshake.ts";
import type { PeerContext } from "./context.ts";
import type { NetworkRow } from "./fetch/select.ts";
import { allOf, type RsAddress } from "./rs_address.ts";

/** Most pages of one list: a server that never ends its list is not believed for ever. */
const MOST_PAGES = 10_000;

/** A registration server that has others beside it has to answer within this time, milliseconds: in a lab it takes one. */
const DIAL_ONE_OF_SEVERAL = 1_500;

/** Faults of a server after which the next one is asked. */
const NEXT = new Set<ErrorCode>(["unreachable", "timeout", "busy"]);

/** How to connect to a registration server. */
export interface RsConnectOptions {
  /** Ends the attempt, and the connection with whatever is asked on it. */
  signal?: AbortSignal;
  handler?: Handler;
  /** Milliseconds that it may be silent. */
  idle?: number;
}

/**
 * Connects to a registration server; when it isn't there, to one of the others that share its registry.
 *
 * @throws {LabError} "unreachable" with what to do about it; "unsupported" when something else listens there.
 */
export async function connectRs(
  rs: RsAddress,
  identity: Identity,
  context: PeerContext,
  options: RsConnectOptions = {},
): Promise<Connection> {
  const all = allOf(rs);
  for (const [i, at] of all.entries()) {
    try {
      const connection = await connectOne(at, all.length, identity, context, options);
      closeAtAbort(connection, options.signal);
      return connection;
    } catch (cause) {
      if (i < all.length - 1 && NEXT.has(codeOf(cause)) && !options.signal?.aborted) continue;
      throw cause;
    }
  }
  throw new LabError("failed", "Cannot connect to a registration server: none was named");
}

/** @param among how many there are to choose from. */
export async function connectOne(
  rs: HostPort,
  among: number,
  identity: Identity,
  context: PeerContext,
  options: RsConnectOptions = {},
): Promise<Connection> {
  try {
    const { clock, watchdog, security } = context;
    const at = { ...rs, id: RS_NAME };
    const dialTimeout = among > 1 ? DIAL_ONE_OF_SEVERAL : undefined;
    const { connection, welcome } = await connect(at, identity, {
      ...{ clock, watchdog, security, dialTimeout },
      ...options,
    });
    if (welcome.role === "rs") return connection;
    connection.close();
    throw new LabError(
      "usage",
      `Cannot use ${formatHostPort(rs)} as registration server: a peer answers there`,
    );
  } catch (cause) {
    if (cause instanceof LabError && (cause.code === "unreachable" || cause.code === "timeout")) {
      const more = among > 1 ? ` and ${formatCount(among - 1, "other server")} of this lab` : "";
      throw new LabError(
        "unreachable",
        `Cannot reach the registration server${more}: ${cause.message}${
          // Who answers is there.
          cause instanceof RemoteError ? "" : "; is rs serve running there, and is --rs right?"}`,
        { cause },
      );
    }
    if (codeOf(cause) === "protocol") {
      throw new LabError(
        "protocol",
        `Cannot use ${formatHostPort(rs)} as registration server: ${messageOf(cause)}; is --rs right?`,
        { cause },
      );
    }
    throw cause;
  }
}

/**
 * The peers that a registration server knows.
 *
 * @param options.cookie the asker's, which leaves it out of the list.
 * @param options.all inactive ones too.
 * @param options.classic the course's own programs too.
 */
export async function queryPeers(
  rs: Connection,
  options: { cookie?: string; all?: boolean; classic?: boolean } = {},
): Promise<WirePeer[]> {
  const peers: WirePeer[] = [];
  let after: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await rs.request(
      { kind: "PQuery", ...options, ...(after === undefined ? {} : { after }) },
      "Peers",
    );
    peers.push(...answer.peers);
    if (answer.next === undefined || answer.peers.length === 0) return peers;
    after = answer.next;
  }
  throw new LabError("protocol", "Cannot list the peers: the registration server's list does not end");
}

/** What to look for in an index. */
export interface IndexQuery {
  /** Names, folders, globs; everything when absent. */
  patterns?: string[];
  /** Words of name or title. */
  query?: string;
  /** One peer's files only. */
  from?: string;
  /** The asker's, which leaves it out of the holders. */
  cookie?: string;
}

/** So many holders may be told for each row that there may be: a lab of 400 has some files on every PC, most on a few. */
const HOLDERS_PER_ROW = 20;

/**
 * The network's index: who has what; works with a registration server and with a single peer. Whoever answers is believed
 * neither that a row is what was asked for, nor that there is ever one more.
 *
 * @param most rows that there may be.
 * @throws {LabError} "protocol" when there are more, "timeout"; "usage" when the words are too many.
 */
export async function queryIndex(
  connection: Connection,
  query: IndexQuery,
  most: number = LIMITS.rowsInAll,
): Promise<NetworkRow[]> {
  if (query.query !== undefined) demandSearchable(query.query);
  const [first, ...more] = patternBatches(query.patterns ?? []);
  if (first === undefined || more.length === 0) return await queryPages(connection, query, most);
  // What several of them match comes as often.
  const rows = new Map<string, NetworkRow>();
  for (const patterns of [first, ...more]) {
    for (const row of await queryPages(connection, { ...query, patterns }, most)) {
      rows.set(`${row.name}\n${row.sha256}`, row);
    }
  }
  return [...rows.values()];
}

async function queryPages(connection: Connection, query: IndexQuery, most: number): Promise<NetworkRow[]> {
  const wants = filterOf(query);
  const { clock, title } = connection;
  const end = clock.monotonic() + TIMEOUTS.wholeIndex;
  const rows: NetworkRow[] = [];
  const left = { rows: most, holders: HOLDERS_PER_ROW * most };
  let after: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await connection.request({
      kind: "RFCQuery",
      ...query,
      ...(after === undefined ? {} : { after }),
    }, "RFCIndex");
    const told = answer.holders.map(toHolder);
    for (const { name, title, size, sha256, modified, holders } of answer.rows) {
      left.rows--;
      left.holders -= holders.length;
      if (!wants({ name, title })) continue;
      const known = holders.map((i) => told[i]).filter((holder) => holder !== undefined);
      rows.push({ name, title, size, sha256, modified, holders: known });
    }
    if (answer.next === undefined) return rows;
    if (left.rows < 0 || left.holders < 0) break;
    if (clock.monotonic() > end) {
      const within = `within ${TIMEOUTS.wholeIndex / 1000} s`;
      throw new LabError("timeout", `Cannot read the index: ${title} did not come to its end ${within}`);
    }
    after = answer.next;
  }
  throw new LabError("protocol", "Cannot read the index: the list does not end");
}

/**
 * The broadcasts that a registration server remembers.
 *
 * @param options.id that one alone, with its PCs.
 * @param options.all those that are withdrawn or have expired, too.
 */
export async function queryBroadcasts(
  rs: Connection,
  options: { id?: string; all?: boolean } = {},
): Promise<{ broadcasts: WireBroadcast[]; peers: WireBroadcastPeer[] }> {
  const broadcasts: WireBroadcast[] = [];
  const peers: WireBroadcastPeer[] = [];
  let after: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await rs.request(
      { kind: "BQuery", ...options, ...(after === undefined ? {} : { after }) },
      "Broadcasts",
    );
    // Each page of PCs begins with the broadcast that they are of.
    if (options.id === undefined || page === 0) broadcasts.push(...answer.broadcasts);
    peers.push(...answer.peers);
    if (answer.next === undefined) return { broadcasts, peers };
    after = answer.next;
  }
  throw new LabError("protocol", "Cannot list the broadcasts: the registration server's list does not end");
}

/** A holder, or a peer, as it came over the wire. */
export function toHolder({ name, address, port, id }: WireHolder): Holder {
  return { peer: name, address, port, ...(id === undefined ? {} : { id }) };
}
