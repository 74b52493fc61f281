/**
 * Who held what, from when until when: history.sqlite in the data folder. Apart from the store, which knows what is held
 * now: nothing here is needed to serve, and a damaged file is set aside.
 *
 * Rules: changes are gathered and written together, a second later; a kill loses no more. What is away for less than a
 * minute was never away, for a peer that begins its index anew forgets all and tells it again. What ended is kept for a
 * year. The times are this server's, when it heard of it; of what changed while it was off it hears at its start.
 */

import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { fromHex, toHex } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { searcher } from "../catalog/search.ts";
import { join } from "../deps/std_path.ts";
import type { ContentKey } from "./contents.ts";
import { isDamage, setAside } from "./sqlite_file.ts";

/** The file's name in the data folder. */
export const HISTORY_FILE = "history.sqlite";

/** Changes wait so long for others, milliseconds. */
const FLUSH_MS = 1_000;
/** Away for less than this isn't away, milliseconds: an index of 200,000 rows is told in some seconds. */
const AWAY_MS = 60_000;
/** What ended is kept so long, milliseconds: a school year. */
const KEPT_MS = 366 * 24 * 3600_000;
/** Rows looked at before others get their turn: some 10 ms. */
const STEP = 5_000;
/** Changes of a whole campus in one second: beyond, something runs wild, and the oldest are written at once. */
const WAITING_MAX = 100_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS spans (
    id INTEGER PRIMARY KEY,
    cookie TEXT NOT NULL,
    peer TEXT NOT NULL,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS held ON spans (cookie, name);
  CREATE INDEX IF NOT EXISTS over ON spans (ended) WHERE ended IS NOT NULL;
`;

/** Somebody held something for some time. */
export interface Span extends ContentKey {
  /** The peer's name. */
  peer: string;
  /** Milliseconds since 1970. */
  began: number;
  /** undefined: it still does. */
  ended: number | undefined;
}

/** What is asked for. */
export interface HistoryQuery {
  /** Words of the name, or a glob; everything when empty. */
  query: string;
  /** Only what was held at this moment, milliseconds since 1970. */
  at?: number | undefined;
}

/** A peer, under the name that it has now. */
export interface Holder {
  cookie: string;
  peer: string;
}

/** What is held now. */
export interface HeldNow {
  /** Cookies of those who hold something. */
  holders(): Iterable<string>;
  heldBy(cookie: string): Iterable<ContentKey>;
}

interface Change extends ContentKey, Holder {
  isHeld: boolean;
  at: number;
}

/** Who held what. */
export class History {
  #db: DatabaseSync;
  #statements;
  #waiting = new Map<string, Change>();
  #stopFlush: (() => void) | undefined;
  #stopCleaning: () => void;

  private constructor(path: string, private clock: Clock, private log: Logger) {
    this.#db = new DatabaseSync(path);
    try {
      this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
      this.#db.exec(SCHEMA);
      this.#statements = prepare(this.#db);
    } catch (thrown) {
      this.#db.close();
      throw thrown;
    }
    this.#clean();
    this.#stopCleaning = clock.every(3600_000, () => this.#clean());
  }

  /** Opens the history of a data folder; begins anew where it is damaged. */
  static open({ dataDir, clock, log }: { dataDir: string; clock: Clock; log: Logger }): History {
    const path = join(dataDir, HISTORY_FILE);
    try {
      return new History(path, clock, log);
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      log.warn(
        `${HISTORY_FILE} is damaged (${messageOf(thrown)}): it was set aside as ${
          setAside(path, clock.now())
        }`,
      );
      return new History(path, clock, log);
    }
  }

  /**
   * A peer holds something from now on, or no longer.
   *
   * @param holder cookie and name of the peer.
   */
  note({ cookie, peer }: Holder, { name, sha256, size }: ContentKey, isHeld: boolean): void {
    const key = `${cookie}/${sha256}${size}/${name}`;
    const before = this.#waiting.get(key);
    // There and back within a second is no change.
    if (before && before.isHeld !== isHeld) this.#waiting.delete(key);
    else {this.#waiting.set(key, {
        ...{ cookie, peer, name, sha256, size, isHeld },
        at: this.clock.now(),
      });}
    if (this.#waiting.size >= WAITING_MAX) this.flush();
    else this.#stopFlush ??= this.clock.after(FLUSH_MS, () => this.flush());
  }

  /** Writes what waits. */
  flush(): void {
    this.#stopFlush?.();
    this.#stopFlush = undefined;
    if (this.#waiting.size === 0 || !this.#db.isOpen) return;
    const changes = [...this.#waiting.values()];
    this.#waiting.clear();
    try {
      this.#db.exec("BEGIN");
      // What is no longer held first: a name has one content at a time.
      for (const change of changes) if (!change.isHeld) this.#end(change);
      for (const change of changes) if (change.isHeld) this.#begin(change);
      this.#db.exec("COMMIT");
    } catch (thrown) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.log.error(
        `Cannot write ${HISTORY_FILE}: ${messageOf(thrown)}; what changed in this second is not in it`,
      );
    }
  }

  /** Who held what, in the order in which it began. Others get their turn in between. */
  async *ask({ query, at }: HistoryQuery): AsyncGenerator<Span> {
    this.flush();
    const finds = searcher(query);
    for (let after = 0;;) {
      const rows = this.#statements.page.all(after, STEP) as unknown as Columns[];
      for (const row of rows) {
        const isThen = at === undefined || (row.began <= at && (row.ended === null || row.ended > at));
        if (isThen && finds({ name: row.name, title: "" })) yield spanOf(row);
      }
      if (rows.length < STEP) return;
      after = rows.at(-1)!.id;
      await this.clock.sleep(0);
    }
  }

  /**
   * Compares with what is held now, peer by peer: what changed while nobody told, since the server was off or was killed,
   * counts as changed now. Others get their turn in between.
   *
   * @param peerOf the name of a peer; undefined for who is known no more.
   */
  async align(held: HeldNow, peerOf: (cookie: string) => string | undefined): Promise<void> {
    try {
      let looked = 0;
      for (const cookie of new Set([...this.#known(), ...held.holders()])) {
        if (looked > STEP) {
          await this.clock.sleep(0);
          looked = 0;
        }
        if (!this.#db.isOpen) return;
        looked += this.#alignPeer({ cookie, peer: peerOf(cookie) ?? "" }, held.heldBy(cookie));
      }
    } catch (thrown) {
      this.log.warn(`${HISTORY_FILE} may lack what changed while no rs serve ran: ${messageOf(thrown)}`);
    }
  }

  /** @returns how many rows were looked at. */
  #alignPeer(holder: Holder, held: Iterable<ContentKey>): number {
    this.flush();
    const open = new Set(this.#statements.openOf.all(holder.cookie).map(({ key }) => String(key)));
    let looked = open.size;
    for (const content of held) {
      looked++;
      const { name, sha256, size } = content;
      if (!open.delete(`${sha256}${size}/${name}`)) this.note(holder, content, true);
    }
    for (const key of open) this.note(holder, contentOf(key), false);
    return looked;
  }

  /** Cookies of all that are told of, each looked up in the index: a year has millions of rows. */
  *#known(): Generator<string> {
    for (let cookie = "";;) {
      const next = this.#statements.next.get(cookie)?.cookie;
      if (typeof next !== "string") return;
      yield cookie = next;
    }
  }

  close(): void {
    this.flush();
    this.#stopCleaning();
    if (this.#db.isOpen) this.#db.close();
  }

  #end(change: Change): void {
    this.#statements.end.run(change.at, ...keyOf(change));
  }

  #begin(change: Change): void {
    const { peer, at } = change;
    const key = keyOf(change);
    if (this.#statements.known.get(...key)) return;
    if (this.#statements.reopen.run(...key, at - AWAY_MS).changes === 0) {
      this.#statements.begin.run(...key, peer, at);
    }
  }

  #clean(): void {
    try {
      this.#statements.clean.run(this.clock.now() - KEPT_MS);
    } catch (thrown) {
      this.log.warn(`Cannot clean ${HISTORY_FILE}: ${messageOf(thrown)}`);
    }
  }
}

interface Columns {
  id: number;
  peer: string;
  name: string;
  sha256: Uint8Array;
  size: number;
  began: number;
  ended: number | null;
}

function spanOf({ peer, name, sha256, size, began, ended }: Columns): Span {
  return { peer, name, sha256: toHex(sha256), size, began, ended: ended ?? undefined };
}

/** @param key hash, size, slash and name, as SQLite puts them together: quicker than a row of columns. */
function contentOf(key: string): ContentKey {
  const at = key.indexOf("/");
  return { sha256: key.slice(0, 64), size: Number(key.slice(64, at)), name: key.slice(at + 1) };
}

function keyOf({ cookie, name, sha256, size }: Change): SQLInputValue[] {
  return [cookie, name, fromHex(sha256), size];
}

function prepare(db: DatabaseSync) {
  const same = "cookie = ? AND name = ? AND sha256 = ? AND size = ?";
  return {
    page: db.prepare("SELECT * FROM spans WHERE id > ? ORDER BY id LIMIT ?"),
    next: db.prepare("SELECT min(cookie) AS cookie FROM spans WHERE cookie > ?"),
    openOf: db.prepare(
      "SELECT lower(hex(sha256)) || size || '/' || name AS key FROM spans WHERE cookie = ? AND ended IS NULL",
    ),
    known: db.prepare(`SELECT 1 FROM spans WHERE ${same} AND ended IS NULL`),
    end: db.prepare(`UPDATE spans SET ended = ? WHERE ${same} AND ended IS NULL`),
    reopen: db.prepare(`UPDATE spans SET ended = NULL WHERE ${same} AND ended > ?`),
    begin: db.prepare(
      "INSERT INTO spans (cookie, name, sha256, size, peer, began) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    clean: db.prepare("DELETE FROM spans WHERE ended < ?"),
  };
}
