/**
 * Indexes learnt from others, merged, each with a time to live. Invariants: what a peer told last replaces all that it
 * told before; nothing is told after it expired; all peers together hold at most `maxRows` rows, and when that is not
 * enough the peers with the most rows give way, so that nobody can crowd out the others.
 */
import { peerNameFault } from "./names.ts";
import { byName, type IndexRow, rowFault } from "./row.ts";

/** Who holds a file, and where it answers. */
export interface Holder {
  peer: string;
  /** IP address or host name. */
  address: string;
  /** TCP port of the peer's server. */
  port: number;
  /** In a secured lab: who must be found there. */
  id?: string;
}

/** A row with its holder. */
export interface LearntRow extends IndexRow {
  holder: Holder;
  /** Milliseconds since 1970. */
  expires: number;
}

/** Most rows of all peers together by default: 1,000 peers with 1,000 files; about 1 GB in memory. */
const MAX_MERGED_ROWS = 1_000_000;
/** Longest time to live, 30 days: a damaged file must not make a row immortal. */
export const MAX_TTL_MS = 30 * 24 * 60 * 60 * 1000;

interface Learnt {
  holder: Holder;
  rows: readonly IndexRow[];
  expires: number;
}

type RowCells = [name: string, title: string, size: number, sha256: string, modified: string, flag: 0 | 1];

function isHolder(holder: Holder): boolean {
  return typeof holder.peer === "string" &&
    (holder.peer === "rs" || peerNameFault(holder.peer) === undefined) &&
    typeof holder.address === "string" && /^[\w.:%-]{1,255}$/.test(holder.address) &&
    Number.isInteger(holder.port) && holder.port >= 1 && holder.port <= 65535 &&
    (holder.id === undefined || typeof holder.id === "string" && /^[0-9a-z]{1,32}$/.test(holder.id));
}

/** Good rows only, as objects of our own; of those with one name the last. */
function cleanRows(rows: readonly IndexRow[]): IndexRow[] {
  const clean = new Map<string, IndexRow>();
  for (const row of rows) {
    if (rowFault(row) !== undefined) continue;
    const { name, title, size, sha256, modified, flag } = row;
    clean.set(name, { name, title, size, sha256, modified, flag });
  }
  return [...clean.values()];
}

function toCells(row: IndexRow): RowCells {
  return [row.name, row.title, row.size, row.sha256, row.modified, row.flag];
}

function fromCells(cells: unknown): IndexRow[] {
  if (!Array.isArray(cells)) return [];
  const [name, title, size, sha256, modified, flag] = cells as RowCells;
  return [{ name, title, size, sha256, modified, flag }];
}

/** The most rows that each peer may keep so that all fit: the large are cut to one level, the small stay whole. */
function fairShare(counts: readonly number[], room: number): number {
  const rising = counts.toSorted((a, b) => a - b);
  let left = room;
  for (const [i, count] of rising.entries()) {
    const share = Math.floor(left / (rising.length - i));
    if (count > share) return share;
    left -= count;
  }
  return Infinity;
}

/**
 * What the other peers hold, as far as they told.
 *
 * @example
 * ```ts
 * import { MergedIndex } from "./merge.ts";
 * const merged = new MergedIndex();
 * const row = {
 *   name: "a.txt", title: "", size: 3, sha256: "0".repeat(64), modified: "2026-01-02T03:04:05Z", flag: 1,
 * } as const;
 * merged.learn({ peer: "pc7", address: "10.0.0.7", port: 23476 }, [row], 1000, 500);
 * if (merged.rows(1499)[0]?.holder.peer !== "pc7" || merged.rows(1500).length !== 0) throw new Error("expired");
 * ```
 */
export class MergedIndex {
  readonly #maxRows: number;
  readonly #peers = new Map<string, Learnt>();

  /** @param limits maxRows: most rows of all peers together. */
  constructor(limits: { maxRows?: number } = {}) {
    this.#maxRows = limits.maxRows ?? MAX_MERGED_ROWS;
  }

  /**
   * Takes a peer's whole index in place of what it told before. Rows that break the rules are left out.
   *
   * @param now milliseconds since 1970.
   * @param ttlMs how long it holds, milliseconds; at most {@linkcode MAX_TTL_MS}.
   */
  learn(holder: Holder, rows: readonly IndexRow[], now: number, ttlMs: number): void {
    const { peer, address, port, id } = holder;
    const known = { peer, address, port, ...(id === undefined ? {} : { id }) };
    const expires = now + Math.min(Math.max(ttlMs || 0, 0), MAX_TTL_MS);
    this.#peers.set(peer, { holder: known, rows: cleanRows(rows), expires });
    this.#makeFit();
  }

  /** Drops all that a peer told. */
  forget(peer: string): void {
    this.#peers.delete(peer);
  }

  /**
   * Drops what has expired.
   *
   * @param now milliseconds since 1970.
   * @returns the number of rows dropped.
   */
  expire(now: number): number {
    let dropped = 0;
    for (const [peer, { rows, expires }] of this.#peers) {
      if (expires > now) continue;
      dropped += rows.length;
      this.#peers.delete(peer);
    }
    return dropped;
  }

  /**
   * All rows that hold, those with flag 0 too, sorted by name, then by peer.
   *
   * @param now milliseconds since 1970.
   */
  rows(now: number): LearntRow[] {
    const all: LearntRow[] = [];
    for (const { holder, rows, expires } of this.#peers.values()) {
      if (expires > now) { for (const row of rows) all.push({ ...row, holder, expires }); }
    }
    const byPeer = (a: LearntRow, b: LearntRow) => byName({ name: a.holder.peer }, { name: b.holder.peer });
    return all.sort((a, b) => byName(a, b) || byPeer(a, b));
  }

  /** What {@linkcode MergedIndex.fromJSON} reads: `{version, peers: [{peer, address, port, expires, rows: [[...]]}]}`. */
  toJSON(): unknown {
    const peers = [...this.#peers.values()].map(({ holder, rows, expires }) => ({
      ...holder,
      expires,
      rows: rows.map(toCells),
    }));
    return { version: 1, peers };
  }

  /**
   * Reads what {@linkcode MergedIndex.toJSON} made; never fails. What is damaged, expired or against the rules is
   * dropped, and a time to live that is too long is cut.
   *
   * @param value from JSON.parse, whoever wrote it.
   * @param now milliseconds since 1970.
   */
  static fromJSON(value: unknown, now: number, limits: { maxRows?: number } = {}): MergedIndex {
    const merged = new MergedIndex(limits);
    const { version, peers } = (value ?? {}) as { version?: unknown; peers?: unknown };
    if (version !== 1 || !Array.isArray(peers)) return merged;
    for (const entry of peers as unknown[]) {
      const { expires, rows, ...holder } = (entry ?? {}) as Holder & { expires: unknown; rows: unknown };
      if (!isHolder(holder) || !Array.isArray(rows)) continue;
      if (typeof expires !== "number" || !(expires > now)) continue;
      merged.learn(holder, rows.flatMap(fromCells), now, expires - now);
    }
    return merged;
  }

  #makeFit(): void {
    const learnt = [...this.#peers.values()];
    if (learnt.reduce((sum, { rows }) => sum + rows.length, 0) <= this.#maxRows) return;
    const share = fairShare(learnt.map(({ rows }) => rows.length), this.#maxRows);
    for (const entry of learnt) {
      if (entry.rows.length > share) entry.rows = entry.rows.slice(0, share);
    }
  }
}
