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

/** Which of a peer's registrations are in the file: from `first` to `last`, the `nth` of that millisecond. */
interface Kept {
  first: number;
  last: number;
  nth: number;
}

/** Keeps registrations. Works within the transactions of its caller. */
export class SqliteRegistrations {
  #kept = new Map<number, Kept>();
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
      const { peer, at, nth } = row as { peer: number; at: number; nth: number };
      const list = all.get(peer);
      if (list) list.push(at);
      else all.set(peer, [at]);
      this.#kept.set(peer, { first: all.get(peer)![0]!, last: at, nth });
    }
    return all;
  }

  /** @param times ascending. */
  save(peer: number, times: readonly number[]): void {
    const { put, cut } = this.#statements;
    const [first] = times;
    let kept = this.#kept.get(peer);
    if (first === undefined || !kept || kept.last > times.at(-1)!) {
      this.forget(peer);
      kept = undefined;
    }
    if (first === undefined) return;
    for (let at = times.length - 1; at >= 0; at--) {
      const time = times[at]!;
      const nth = nthAt(times, at);
      if (kept && (time < kept.last || (time === kept.last && nth <= kept.nth))) break;
      put.run(peer, time, nth);
    }
    if (kept && kept.first < first) cut.run(peer, first);
    const last = times.at(-1)!;
    this.#kept.set(peer, { first, last, nth: nthAt(times, times.length - 1) });
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
