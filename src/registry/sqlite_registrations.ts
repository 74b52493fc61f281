/**
 * When peers registered, in the registration server's SQLite file: a row each, so that a registration costs the same
 * whether it is a peer's first or its thousandth. A list in one column had to be written anew each time.
 *
 * Rules: a peer's list is ascending; it grows at its end and is cut at its beginning, and only then are rows touched. Where
 * it has changed in another way, since somebody set the PC's clock, all of its rows are written anew.
 */

import type { DatabaseSync } from "node:sqlite";

/** `nth` tells registrations of one millisecond apart. */
export const REGISTRATIONS_SCHEMA = `
  CREATE TABLE registrations (
    peer INTEGER NOT NULL,
    at INTEGER NOT NULL,
    nth INTEGER NOT NULL,
    PRIMARY KEY (peer, at, nth)
  ) STRICT, WITHOUT ROWID;
`;

/** From version 1, which kept a list in JSON. A list that can't be read is no reason not to start. */
export const REGISTRATIONS_UPGRADE = `${REGISTRATIONS_SCHEMA}
  INSERT INTO registrations SELECT peers.id, each.value, each.key
    FROM peers, json_each(iif(json_valid(peers.registrations), peers.registrations, '[]')) AS each
    WHERE typeof(each.value) = 'integer';
  ALTER TABLE peers DROP COLUMN registrations;
`;

/** Keeps registrations. Works within the transactions of its caller. */
export class SqliteRegistrations {
  /** What is in the file, by peer: the lists of its records, which nobody changes. */
  #kept = new Map<number, readonly number[]>();
  #statements;

  constructor(db: DatabaseSync) {
    this.#statements = {
      all: db.prepare("SELECT peer, at, nth FROM registrations ORDER BY peer, at, nth"),
      put: db.prepare("INSERT OR IGNORE INTO registrations VALUES (?, ?, ?)"),
      cut: db.prepare("DELETE FROM registrations WHERE peer = ? AND at < ?"),
      forget: db.prepare("DELETE FROM registrations WHERE peer = ?"),
    };
  }

  /** All of them, ascending, by the peer's id. */
  load(): Map<number, number[]> {
    const all = new Map<number, number[]>();
    for (const row of this.#statements.all.iterate()) {
      const { peer, at } = row as { peer: number; at: number };
      const list = all.get(peer);
      if (list) list.push(at);
      else all.set(peer, [at]);
    }
    for (const [peer, list] of all) this.#kept.set(peer, list);
    return all;
  }

  /** @param times ascending. */
  save(peer: number, times: readonly number[]): void {
    const { put, cut } = this.#statements;
    const [first = Infinity] = times;
    const kept = this.#kept.get(peer);
    if (kept === times) return;
    const over = kept?.findIndex((at) => at >= first) ?? -1;
    const left = over < 0 ? [] : kept!.slice(over);
    const goesOn = left.length > 0 && left.every((at, i) => at === times[i]);
    if (!goesOn) this.forget(peer);
    else if (over > 0) cut.run(peer, first);
    for (let at = goesOn ? left.length : 0; at < times.length; at++) {
      put.run(peer, times[at]!, nthAt(times, at));
    }
    this.#kept.set(peer, times);
  }

  forget(peer: number): void {
    this.#statements.forget.run(peer);
    this.#kept.delete(peer);
  }

  /** A transaction was undone: what is in the file isn't known any more. */
  forgetAll(): void {
    this.#kept.clear();
  }
}

/** How many before it are of the same millisecond. */
function nthAt(times: readonly number[], at: number): number {
  let nth = 0;
  while (times[at - nth - 1] === times[at]) nth++;
  return nth;
}
