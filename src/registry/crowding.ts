/**
 * Whose part of the history goes first when there is no more room: of one who has so much of it that little is left for the
 * others, by mistake or on purpose. Nobody is counted: a look at some places of the file, far apart, tells who has most.
 */

import type { DatabaseSync } from "node:sqlite";

/** Places looked at, and entries at each: 2,048 tell a tenth from a twelfth, and take 4 ms of a million. */
const PLACES = 256;
const AT_A_PLACE = 8;
/** Who has this part of all has too much; where nobody has, all are alike, and what is oldest goes, whose it may be. */
const TOO_MANY = 1 / 16;
/** Entries looked at in one step: where half of them go, 45 ms. */
const LOOKED_AT = 2_500;

interface Entry {
  id: number;
  cookie: string;
  ended: number | null;
}

const STATEMENTS = {
  bounds: "SELECT (SELECT min(id) FROM spans) AS low, (SELECT max(id) FROM spans) AS high",
  from: "SELECT id, cookie, ended FROM spans WHERE id >= ? ORDER BY id LIMIT ?",
  /** The first and the last of those of whom something ended: is there another one at all? */
  ends: "SELECT (SELECT min(cookie) FROM spans WHERE ended IS NOT NULL) AS first, " +
    "(SELECT max(cookie) FROM spans WHERE ended IS NOT NULL) AS last",
  forget: "DELETE FROM spans WHERE id = ?",
} as const;

/** Looks for who has too much, and forgets some of it. */
export class Crowding {
  #bounds;
  #from;
  #ends;
  #forget;
  /** The next entry to look at. */
  #at = 0;

  constructor(private db: DatabaseSync) {
    this.#bounds = db.prepare(STATEMENTS.bounds);
    this.#from = db.prepare(STATEMENTS.from);
    this.#ends = db.prepare(STATEMENTS.ends);
    this.#forget = db.prepare(STATEMENTS.forget);
  }

  /** The cookie of who has most of what ended; undefined where nobody has much more than others. */
  most(): string | undefined {
    const { first, last } = this.#ends.get()!;
    if (first === last) return undefined;
    const { low, high } = this.#bounds.get() as { low: number; high: number };
    const found = new Map<string, number>();
    let all = 0;
    for (let place = 0; place < PLACES; place++) {
      const id = low + Math.floor((high - low) * place / PLACES);
      const entries = this.#entries(id, AT_A_PLACE);
      // Where few are left they stand far apart, and count for less.
      const weight = 1 / ((entries.at(-1)?.id ?? high) - id + 1);
      for (const { cookie, ended } of entries) {
        if (ended === null) continue;
        found.set(cookie, (found.get(cookie) ?? 0) + weight);
        all += weight;
      }
    }
    const [most] = [...found].sort(([, a], [, b]) => b - a);
    return most && most[1] >= TOO_MANY * all ? most[0] : undefined;
  }

  /**
   * Forgets some of what ended of one, roughly what is oldest first.
   *
   * @returns how many entries, perhaps none yet: a step looks at a part of the file.
   */
  forget(cookie: string, most: number): number {
    const entries = this.#entries(this.#at, LOOKED_AT);
    let gone = 0;
    this.#at = entries.length < LOOKED_AT ? 0 : entries.at(-1)!.id + 1;
    this.db.exec("BEGIN");
    try {
      for (const entry of entries) {
        if (entry.ended === null || entry.cookie !== cookie) continue;
        this.#forget.run(entry.id);
        if (++gone < most) continue;
        this.#at = entry.id + 1;
        break;
      }
      this.db.exec("COMMIT");
    } catch (thrown) {
      if (this.db.isTransaction) this.db.exec("ROLLBACK");
      throw thrown;
    }
    return gone;
  }

  #entries(from: number, count: number): Entry[] {
    return this.#from.all(from, count) as unknown as Entry[];
  }
}
