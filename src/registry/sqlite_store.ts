/**
 * The store in a file, rs.sqlite in the data folder.
 *
 * Rules: one process at a time (the file is locked as long as it's open). Write-ahead log with synchronous=NORMAL: what
 * was committed survives a kill of the process; a power cut may cost the last moments, which peers announce again. Changes
 * are committed in groups, each whole or not at all, and a promise is kept by its commit. A damaged file is set aside and a new one begun, for the peers bring most of it back; a file
 * of a newer version, or one that is merely locked, is left alone and the start fails.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { type Clock, shortly } from "../base/clock.ts";
import { LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { basename, join } from "../deps/std_path.ts";
import type { WireRow } from "../protocol/messages.ts";
import { GroupCommit } from "./group_commit.ts";
import type { KeptRecord } from "./rules.ts";
import { SqliteBroadcasts } from "./sqlite_broadcasts.ts";
import { REGISTRATIONS_SCHEMA, REGISTRATIONS_UPGRADE, SqliteRegistrations } from "./sqlite_registrations.ts";
import type { HoldingsChange, Store, StoredHolding } from "./store.ts";

/** The file's name in the data folder. */
export const STORE_FILE = "rs.sqlite";

/** How long changes wait for others to be committed with, milliseconds: at 10,000 peers a commit for each would cost more than all else. */
const GROUP_MS = 2;

/** Raised by one with each change to the tables. */
const SCHEMA_VERSION = 2;

const SCHEMA = `
  CREATE TABLE peers (
    id INTEGER PRIMARY KEY,
    cookie TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    active INTEGER NOT NULL,
    last_registered INTEGER NOT NULL
  ) STRICT;
  ${REGISTRATIONS_SCHEMA}
  CREATE TABLE holdings (
    peer INTEGER NOT NULL,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    modified TEXT NOT NULL,
    PRIMARY KEY (peer, name)
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** The columns of `peers` as they come back. */
interface PeerColumns {
  id: number;
  cookie: string;
  name: string;
  host: string;
  address: string;
  port: number;
  active: number;
  last_registered: number;
}

/** The columns of `holdings` as they come back, with the owner's cookie. */
type HoldingColumns = Omit<WireRow, "flag"> & { cookie: string };

/**
 * Opens the store of a data folder, and makes both if they're missing.
 *
 * @param options.dataDir the data folder.
 * @throws {LabError} "not_permitted" when the sandbox forbids the folder; "failed" when another process has the file, or
 *   a newer version of this program made it.
 */
export async function openSqliteStore(
  options: { dataDir: string; clock: Clock; log: Logger },
): Promise<Store> {
  const { dataDir, clock, log } = options;
  await demandAccess(dataDir);
  Deno.mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, STORE_FILE);
  try {
    return new SqliteStore(path);
  } catch (thrown) {
    if (!isDamage(thrown)) throw asOurs(thrown, "open");
    const aside = setAside(path, clock.now());
    log.warn(
      `The database ${STORE_FILE} is damaged (${
        messageOf(thrown)
      }): it was set aside as ${aside}, and a new one begun`,
    );
    return new SqliteStore(path);
  }
}

class SqliteStore implements Store {
  readonly broadcasts: SqliteBroadcasts;
  #db: DatabaseSync;
  #statements;
  #ids = new Map<string, number>();
  #registrations: SqliteRegistrations;
  #groups = new GroupCommit({
    begin: () => void this.#statements.begin.run(),
    commit: () => void this.#statements.commit.run(),
    rollback: () => {
      this.#ids.clear();
      this.#registrations.forgetAll();
      // A full disk may have ended the transaction already.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    },
  }, (callback) => shortly(GROUP_MS, callback));

  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    try {
      prepareFile(this.#db);
      this.#statements = prepareStatements(this.#db);
      this.#registrations = new SqliteRegistrations(this.#db);
      this.broadcasts = new SqliteBroadcasts(this.#db, {
        read: (work) => this.#read(work),
        write: (work) => this.#transaction(work),
      });
    } catch (thrown) {
      this.#db.close();
      throw thrown;
    }
  }

  loadPeers(): Promise<Iterable<KeptRecord>> {
    return this.#read(() => {
      const registered = this.#registrations.load();
      const rows = this.#statements.peers.all() as unknown as PeerColumns[];
      return rows.map((row) => {
        this.#ids.set(row.cookie, row.id);
        const { cookie, name, host, address, port } = row;
        const registrations = registered.get(row.id) ?? [];
        return {
          ...{ cookie, name, host, address, port, registrations },
          ...{ active: row.active === 1, lastRegistered: row.last_registered },
        };
      });
    });
  }

  loadHoldings(): Promise<Iterable<StoredHolding>> {
    return this.#read(() => asHoldings(this.#statements.holdings));
  }

  savePeers(records: readonly KeptRecord[]): Promise<void> {
    return this.#transaction(() => {
      for (const record of records) {
        const { cookie, name, host, address, port, active, lastRegistered } = record;
        this.#statements.savePeer.run(cookie, name, host, address, port, active ? 1 : 0, lastRegistered);
        this.#registrations.save(this.#id(cookie)!, record.registrations);
      }
    });
  }

  forgetPeer(cookie: string): Promise<void> {
    return this.#transaction(() => {
      const id = this.#id(cookie);
      if (id === undefined) return;
      this.#statements.clear.run(id);
      this.#registrations.forget(id);
      this.#statements.forgetPeer.run(id);
      this.#ids.delete(cookie);
    });
  }

  changeHoldings({ cookie, reset, rows, gone }: HoldingsChange): Promise<void> {
    return this.#transaction(() => {
      const id = this.#id(cookie);
      if (id === undefined) return;
      if (reset) this.#statements.clear.run(id);
      for (const name of gone) this.#statements.drop.run(id, name);
      for (const { name, title, size, sha256, modified } of rows) {
        this.#statements.put.run(id, name, title, size, sha256, modified);
      }
    });
  }

  close(): Promise<void> {
    if (!this.#db.isOpen) return Promise.resolve();
    this.#groups.flush();
    this.#db.close();
    return Promise.resolve();
  }

  #id(cookie: string): number | undefined {
    const known = this.#ids.get(cookie);
    if (known !== undefined) return known;
    const found = (this.#statements.id.get(cookie) as { id: number } | undefined)?.id;
    if (found !== undefined) this.#ids.set(cookie, found);
    return found;
  }

  #transaction(work: () => void): Promise<void> {
    return this.#groups.add(work).catch((thrown) => {
      throw asOurs(thrown, "write");
    });
  }

  /** What was asked for before is done before: calls keep their order. */
  #read<T>(work: () => T): Promise<T> {
    try {
      this.#groups.flush();
      return Promise.resolve(work());
    } catch (thrown) {
      return Promise.reject(asOurs(thrown, "read"));
    }
  }
}

function prepareFile(db: DatabaseSync): void {
  db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > SCHEMA_VERSION) {
    throw new LabError(
      "failed",
      `Cannot use ${STORE_FILE} of version ${version}: this program knows ${SCHEMA_VERSION}; use the newer program, or another data folder`,
    );
  }
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`);
  if (version === 1) db.exec(`BEGIN; ${REGISTRATIONS_UPGRADE} PRAGMA user_version = 2; COMMIT`);
  const { quick_check: found } = db.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
  if (found !== "ok") throw new Error(`malformed: ${found}`);
}

function prepareStatements(db: DatabaseSync) {
  return {
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    peers: db.prepare("SELECT * FROM peers"),
    id: db.prepare("SELECT id FROM peers WHERE cookie = ?"),
    savePeer: db.prepare(`
      INSERT INTO peers (cookie, name, host, address, port, active, last_registered) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (cookie) DO UPDATE SET name = excluded.name, host = excluded.host, address = excluded.address,
        port = excluded.port, active = excluded.active, last_registered = excluded.last_registered`),
    forgetPeer: db.prepare("DELETE FROM peers WHERE id = ?"),
    holdings: db.prepare(`
      SELECT cookie, holdings.name, title, size, sha256, modified FROM holdings JOIN peers ON peers.id = holdings.peer`),
    clear: db.prepare("DELETE FROM holdings WHERE peer = ?"),
    drop: db.prepare("DELETE FROM holdings WHERE peer = ? AND name = ?"),
    put: db.prepare("INSERT OR REPLACE INTO holdings VALUES (?, ?, ?, ?, ?, ?)"),
  };
}

function* asHoldings(statement: StatementSync): Generator<StoredHolding> {
  for (const columns of statement.iterate() as unknown as Iterable<HoldingColumns>) {
    const { cookie, name, title, size, sha256, modified } = columns;
    yield { cookie, row: { name, title, size, sha256, modified, flag: 1 } };
  }
}

/** Storage code never asks on the terminal: without access it says so. */
async function demandAccess(dataDir: string): Promise<void> {
  for (const name of ["read", "write"] as const) {
    const { state } = await Deno.permissions.query({ name, path: dataDir });
    if (state === "granted") continue;
    throw new LabError(
      "not_permitted",
      `Cannot keep data in ${dataDir}: the sandbox forbids it; ./rs-data is the folder that this program may use`,
    );
  }
}

/** SQLite gives its reasons as text only. */
function isDamage(thrown: unknown): boolean {
  return !(thrown instanceof LabError) &&
    /not a database|malformed|no such (?:table|column)/.test(messageOf(thrown));
}

function asOurs(thrown: unknown, what: string): LabError {
  if (thrown instanceof LabError) return thrown;
  const text = messageOf(thrown);
  if (/locked/.test(text)) {
    return new LabError("failed", `Cannot ${what} ${STORE_FILE}: another rs uses this data folder`, {
      cause: thrown,
    });
  }
  const code = /full/.test(text) ? "disk_full" : "failed";
  return new LabError(code, `Cannot ${what} ${STORE_FILE}: ${text}`, { cause: thrown });
}

/** Renames the file and what belongs to it, and says how the file is called now. */
function setAside(path: string, now: number): string {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d+/g, "");
  const first = `${path}.damaged-${time}`;
  let target = first;
  for (let n = 2; exists(target); n++) target = `${first}-${n}`;
  for (const part of ["", "-wal", "-shm", "-journal"]) {
    if (exists(path + part)) Deno.renameSync(path + part, target + part);
  }
  return basename(target);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}
