/**
 * The store in a file, rs.sqlite in the data folder.
 *
 * Rules: one process at a time (the file is locked as long as it's open). Write-ahead log with synchronous=NORMAL: what
 * was committed survives a kill of the process; a power cut may cost the last moments, which peers announce again. Changes
 * are committed in groups, each whole or not at all, and a promise is kept by its commit. A damaged file is set aside and a new one begun, for the peers bring most of it back; a file
 * of a newer version, or one that is merely locked, is left alone and the start fails.
 */

import { backup, type DatabaseSync, type StatementSync } from "node:sqlite";
import { afterThisTurn, type Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { join } from "../deps/std_path.ts";
import { GroupCommit } from "./group_commit.ts";
import type { KeptRecord } from "./rules.ts";
import {
  asOurs,
  demandAccess,
  demandSound,
  demandVersion,
  isDamage,
  openAlone,
  SCHEMA_VERSION,
  setAside,
  STORE_FILE,
} from "./sqlite_file.ts";
import { SqliteBroadcasts } from "./sqlite_broadcasts.ts";
import { REGISTRATIONS_SCHEMA, REGISTRATIONS_UPGRADE, SqliteRegistrations } from "./sqlite_registrations.ts";
import type { HoldingsChange, Store, StoredHolding } from "./store.ts";

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

/** The columns of one peer's `holdings` as they come back: name, title, size, sha256, modified. */
type HoldingColumns = [string, string, number, string, string];

/**
 * Opens the store of a data folder, and makes both if they're missing.
 *
 * @param options.dataDir the data folder.
 * @throws {LabError} "not_permitted" when the sandbox forbids the folder; "failed" when another process has the file, or
 *   a newer version of this program made it.
 */
export async function openSqliteStore(
  options: { dataDir: string; clock: Clock; log: Logger },
): Promise<FileStore> {
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

/** A store whose file can be copied while it is in use. */
export interface FileStore extends Store {
  /**
   * Writes a consistent copy of everything that was promised so far. The process does nothing else meanwhile.
   *
   * @param path of a file that isn't there yet.
   */
  copyTo(path: string): Promise<void>;
  /** What the database takes on the disk, bytes. */
  readonly bytes: number;
  tryAgain(): Promise<void>;
}

/** Tells whether a store is one file that can be copied. */
export function isFileStore(store: Store): store is FileStore {
  return store instanceof SqliteStore;
}

class SqliteStore implements FileStore {
  readonly broadcasts: SqliteBroadcasts;
  fault: string | undefined;
  #db: DatabaseSync;
  #statements;
  /** By cookie, the peer's id, and where the file says that it is, once that was written. */
  #kept = new Map<string, { id: number; place?: Place }>();
  #registrations: SqliteRegistrations;
  #groups = new GroupCommit({
    begin: () => void this.#statements.begin.run(),
    commit: () => void this.#statements.commit.run(),
    rollback: () => {
      this.#kept.clear();
      this.#registrations.forgetAll();
      // A full disk may have ended the transaction already.
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    },
  }, afterThisTurn);

  constructor(path: string) {
    this.#db = openAlone(path);
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
        this.#kept.set(row.cookie, { id: row.id });
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
    return this.#read(() => asHoldings(this.#statements));
  }

  savePeers(records: readonly KeptRecord[]): Promise<void> {
    return this.#transaction(() => {
      for (const record of records) this.#registrations.save(this.#save(record), record.registrations);
    });
  }

  /** Most come back as they were: that takes no look at the index of cookies. */
  #save(record: KeptRecord): number {
    const { cookie, name, host, address, port, lastRegistered } = record;
    const active = record.active ? 1 : 0;
    const kept = this.#kept.get(cookie);
    if (kept?.place && isSamePlace(kept.place, record)) {
      this.#statements.renewPeer.run(active, lastRegistered, kept.id);
      return kept.id;
    }
    this.#statements.savePeer.run(cookie, name, host, address, port, active, lastRegistered);
    const id = this.#id(cookie)!;
    this.#kept.set(cookie, { id, place: { name, host, address, port } });
    return id;
  }

  forgetPeer(cookie: string): Promise<void> {
    return this.#transaction(() => {
      const id = this.#id(cookie);
      if (id === undefined) return;
      this.#statements.clear.run(id);
      this.#registrations.forget(id);
      this.#statements.forgetPeer.run(id);
      this.#kept.delete(cookie);
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

  async copyTo(path: string): Promise<void> {
    try {
      this.#groups.flush();
      await backup(this.#db, path);
    } catch (thrown) {
      throw asOurs(thrown, "copy");
    }
  }

  get bytes(): number {
    const { page_count: pages } = this.#db.prepare("PRAGMA page_count").get() as { page_count: number };
    const { page_size: size } = this.#db.prepare("PRAGMA page_size").get() as { page_size: number };
    return pages * size;
  }

  close(): Promise<void> {
    if (!this.#db.isOpen) return Promise.resolve();
    this.#groups.flush();
    this.#db.close();
    return Promise.resolve();
  }

  #id(cookie: string): number | undefined {
    const known = this.#kept.get(cookie);
    if (known !== undefined) return known.id;
    const found = (this.#statements.id.get(cookie) as { id: number } | undefined)?.id;
    if (found !== undefined) this.#kept.set(cookie, { id: found });
    return found;
  }

  /** A transaction that changes nothing succeeds on a full disk: this changes a page. */
  async tryAgain(): Promise<void> {
    await this.#transaction(() => this.#db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`));
    this.fault = undefined;
  }

  #transaction(work: () => void): Promise<void> {
    return this.#groups.add(work).catch((thrown) => {
      const fault = asOurs(thrown, "write");
      this.fault = fault.message;
      throw fault;
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

/** What of a peer hardly ever changes. */
type Place = Pick<KeptRecord, "name" | "host" | "address" | "port">;

function isSamePlace(a: Place, b: Place): boolean {
  return a.name === b.name && a.host === b.host && a.address === b.address && a.port === b.port;
}

function prepareFile(db: DatabaseSync): void {
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
  const version = demandVersion(db);
  if (version === 0) db.exec(`BEGIN; ${SCHEMA} COMMIT`);
  if (version === 1) db.exec(`BEGIN; ${REGISTRATIONS_UPGRADE} PRAGMA user_version = 2; COMMIT`);
  // What version 3 has more of is added by those whose tables they are.
  if (version === 1 || version === 2) db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  demandSound(db);
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
    renewPeer: db.prepare("UPDATE peers SET active = ?, last_registered = ? WHERE id = ?"),
    forgetPeer: db.prepare("DELETE FROM peers WHERE id = ?"),
    owners: db.prepare("SELECT id, cookie FROM peers"),
    holdings: asArrays(db.prepare("SELECT name, title, size, sha256, modified FROM holdings WHERE peer = ?")),
    clear: db.prepare("DELETE FROM holdings WHERE peer = ?"),
    drop: db.prepare("DELETE FROM holdings WHERE peer = ? AND name = ?"),
    put: db.prepare("INSERT OR REPLACE INTO holdings VALUES (?, ?, ?, ?, ?, ?)"),
  };
}

/** The runtime has it, its types don't say so yet. */
type WithArrays = StatementSync & { setReturnArrays(enabled: boolean): void };

/** A million rows one by one, as objects and each with its owner, take 2.2 s; a peer's at once and as arrays 0.7. */
function asArrays(statement: StatementSync): StatementSync {
  (statement as WithArrays).setReturnArrays(true);
  return statement;
}

function* asHoldings(
  { owners, holdings }: { owners: StatementSync; holdings: StatementSync },
): Generator<StoredHolding> {
  for (const { id, cookie } of owners.all() as unknown as { id: number; cookie: string }[]) {
    for (const columns of holdings.all(id) as unknown as HoldingColumns[]) {
      const [name, title, size, sha256, modified] = columns;
      yield { cookie, row: { name, title, size, sha256, modified, flag: 1 } };
    }
  }
}
