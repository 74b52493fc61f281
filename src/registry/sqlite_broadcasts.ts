/** Broadcasts in the registration server's SQLite file. Tables of their own, made where they're missing. */

import type { DatabaseSync } from "node:sqlite";
import type { BroadcastFile, BroadcastHead, BroadcastStore, Receipt } from "./broadcast_store.ts";

/** The tables; a broadcast's head is one JSON object, for nothing is ever looked up by its parts. */
export const BROADCAST_SCHEMA = `
  CREATE TABLE IF NOT EXISTS broadcasts (id TEXT PRIMARY KEY, head TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS broadcast_files (
    broadcast TEXT NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    here TEXT,
    modified TEXT,
    PRIMARY KEY (broadcast, place)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS broadcast_receipts (
    broadcast TEXT NOT NULL,
    peer TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    code TEXT,
    reason TEXT,
    cookie TEXT,
    PRIMARY KEY (broadcast, peer)
  ) STRICT, WITHOUT ROWID;
`;

/** How the store carries work out: all or nothing, errors in our words. */
export interface Work {
  read<T>(work: () => T): Promise<T>;
  write(work: () => void): Promise<void>;
}

interface FileColumns {
  name: string;
  size: number;
  sha256: string;
  here: string | null;
  modified: string | null;
}

interface ReceiptColumns {
  broadcast: string;
  peer: string;
  state: string;
  at: number;
  code: string | null;
  reason: string | null;
  cookie: string | null;
}

/** Keeps broadcasts in SQLite. */
export class SqliteBroadcasts implements BroadcastStore {
  #statements;

  constructor(db: DatabaseSync, private work: Work) {
    db.exec(BROADCAST_SCHEMA);
    addCookies(db);
    this.#statements = prepare(db);
  }

  load(): Promise<{ heads: BroadcastHead[]; receipts: Receipt[] }> {
    return this.work.read(() => {
      const heads = (this.#statements.heads.all() as { head: string }[]).flatMap(({ head }) => headOf(head));
      const rows = this.#statements.receipts.all() as unknown as ReceiptColumns[];
      return { heads, receipts: rows.map(receiptOf) };
    });
  }

  save(head: BroadcastHead): Promise<void> {
    return this.work.write(() => void this.#statements.save.run(head.id, JSON.stringify(head)));
  }

  saveFiles(id: string, at: number, files: readonly BroadcastFile[]): Promise<void> {
    return this.work.write(() => {
      this.#statements.dropFiles.run(id, at);
      files.forEach(({ name, size, sha256, here }, i) =>
        this.#statements.putFile.run(
          ...[id, at + i, name, size, sha256],
          here?.name ?? null,
          here?.modified ?? null,
        )
      );
    });
  }

  files(id: string): Promise<BroadcastFile[]> {
    return this.work.read(() => {
      const rows = this.#statements.files.all(id) as unknown as FileColumns[];
      return rows.map(({ name, size, sha256, here, modified }) => ({
        ...{ name, size, sha256 },
        ...(here === null || modified === null ? {} : { here: { name: here, modified } }),
      }));
    });
  }

  saveReceipts(receipts: readonly Receipt[]): Promise<void> {
    return this.work.write(() => {
      for (const { id, peer, cookie, state, at, code, reason } of receipts) {
        const why = [code ?? null, reason ?? null] as const;
        this.#statements.saveReceipt.run(id, peer, state, at, ...why, cookie ?? null);
      }
    });
  }

  forget(id: string): Promise<void> {
    return this.work.write(() => {
      const { forget, dropFiles, forgetReceipts } = this.#statements;
      forget.run(id);
      dropFiles.run(id, 0);
      forgetReceipts.run(id);
    });
  }
}

/** Up to version 2 receipts were kept by name alone. */
function addCookies(db: DatabaseSync): void {
  const columns = db.prepare("PRAGMA table_info(broadcast_receipts)").all() as { name: string }[];
  if (columns.some(({ name }) => name === "cookie")) return;
  db.exec("ALTER TABLE broadcast_receipts ADD COLUMN cookie TEXT");
}

function prepare(db: DatabaseSync) {
  return {
    heads: db.prepare("SELECT head FROM broadcasts"),
    save: db.prepare("INSERT OR REPLACE INTO broadcasts VALUES (?, ?)"),
    forget: db.prepare("DELETE FROM broadcasts WHERE id = ?"),
    files: db.prepare(
      "SELECT name, size, sha256, here, modified FROM broadcast_files WHERE broadcast = ? ORDER BY place",
    ),
    putFile: db.prepare("INSERT INTO broadcast_files VALUES (?, ?, ?, ?, ?, ?, ?)"),
    dropFiles: db.prepare("DELETE FROM broadcast_files WHERE broadcast = ? AND place >= ?"),
    receipts: db.prepare("SELECT * FROM broadcast_receipts"),
    saveReceipt: db.prepare("INSERT OR REPLACE INTO broadcast_receipts VALUES (?, ?, ?, ?, ?, ?, ?)"),
    forgetReceipts: db.prepare("DELETE FROM broadcast_receipts WHERE broadcast = ?"),
  };
}

/** Our own JSON comes back as it was; what somebody else wrote there is no broadcast. */
function headOf(json: string): BroadcastHead[] {
  try {
    const head = JSON.parse(json) as BroadcastHead;
    return typeof head.id === "string" && typeof head.expires === "number"
      ? [{ ...head, to: head.to, cookie: head.cookie }]
      : [];
  } catch {
    return [];
  }
}

function receiptOf({ broadcast, peer, cookie, state, at, code, reason }: ReceiptColumns): Receipt {
  return {
    ...{ id: broadcast, peer, at },
    ...(cookie === null ? {} : { cookie }),
    state: state === "done" || state === "failed" ? state : "waiting",
    ...(code === null ? {} : { code }),
    ...(reason === null ? {} : { reason }),
  };
}
