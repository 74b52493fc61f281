/**
 * The file of the history, in SQL. Rules: what goes on and what ended have indexes apart, and every statement finds its rows
 * by one of them: a PC may have a million of the one and a few of the other.
 */

import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { fromHex, toHex } from "../base/bytes.ts";
import type { ContentKey } from "./contents.ts";
import { Crowding } from "./crowding.ts";
import { isDamage, openAlone } from "./sqlite_file.ts";

/** Makes the file what it is now; of an earlier version there may be an index of both together. */
export const SCHEMA = `
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
  DROP INDEX IF EXISTS held;
  CREATE INDEX IF NOT EXISTS open ON spans (cookie, name) WHERE ended IS NULL;
  CREATE INDEX IF NOT EXISTS closed ON spans (cookie, name, ended) WHERE ended IS NOT NULL;
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

/** A row as it is in the file. */
export interface Columns {
  id: number;
  peer: string;
  name: string;
  sha256: Uint8Array;
  size: number;
  began: number;
  ended: number | null;
}

/** What a row tells. */
export function spanOf({ peer, name, sha256, size, began, ended }: Columns): Span {
  return { peer, name, sha256: toHex(sha256), size, began, ended: ended ?? undefined };
}

/**
 * The content of a row of `openOf`.
 *
 * @param key hash, size, slash and name, as SQLite puts them together: quicker than a row of columns.
 */
export function contentOf(key: string): ContentKey {
  const at = key.indexOf("/");
  return { sha256: key.slice(0, 64), size: Number(key.slice(64, at)), name: key.slice(at + 1) };
}

const SAME = "cookie = ? AND name = ? AND sha256 = ? AND size = ?";

/** Every statement. */
export const STATEMENTS = {
  page: "SELECT * FROM spans WHERE id > ? ORDER BY id LIMIT ?",
  /** The next cookie of those that hold something. */
  next: "SELECT min(cookie) AS cookie FROM spans WHERE cookie > ? AND ended IS NULL",
  openOf: "SELECT lower(hex(sha256)) || size || '/' || name AS key, name, id FROM spans " +
    "WHERE cookie = ? AND ended IS NULL AND (name, id) > (?, ?) ORDER BY name, id LIMIT ?",
  known: `SELECT 1 FROM spans WHERE ${SAME} AND ended IS NULL`,
  end: `UPDATE spans SET ended = ? WHERE ${SAME} AND ended IS NULL`,
  reopen: `UPDATE spans SET ended = NULL WHERE ${SAME} AND ended > ?`,
  begin: "INSERT INTO spans (cookie, name, sha256, size, peer, began) VALUES (?, ?, ?, ?, ?, ?)",
  /** Forgets what ended before a time, so many rows at most, those that ended first. */
  clean: "DELETE FROM spans WHERE id IN (SELECT id FROM spans WHERE ended < ? ORDER BY ended LIMIT ?)",
  countEnded: "SELECT count(*) AS rows FROM spans WHERE ended IS NOT NULL",
} as const;

/** Prepares every statement. */
export function prepare(db: DatabaseSync): Record<keyof typeof STATEMENTS, StatementSync> {
  const all = Object.entries(STATEMENTS).map(([name, sql]) => [name, db.prepare(sql)]);
  return Object.fromEntries(all) as Record<keyof typeof STATEMENTS, StatementSync>;
}

/** The values of `SAME`. */
export function keyOf({ cookie, name, sha256, size }: ContentKey & { cookie: string }): SQLInputValue[] {
  return [cookie, name, fromHex(sha256), size];
}

/** The file, open. */
export interface HistoryFile {
  db: DatabaseSync;
  statements: Record<keyof typeof STATEMENTS, StatementSync>;
  crowding: Crowding;
  /** Rows of what had ended when it was opened. */
  ended: number;
}

/**
 * Opens the file, and makes it if it's missing. Others may look into it meanwhile, unless a full disk has no room for the
 * memory that they would share.
 *
 * @throws what SQLite throws.
 */
export function openFile(path: string): HistoryFile {
  try {
    return prepared(new DatabaseSync(path));
  } catch (thrown) {
    if (isDamage(thrown)) throw thrown;
    return prepared(openAlone(path));
  }
}

function prepared(db: DatabaseSync): HistoryFile {
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    db.exec(SCHEMA);
    const statements = prepare(db);
    const ended = Number(statements.countEnded.get()?.rows ?? 0);
    return { db, statements, crowding: new Crowding(db), ended };
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}
