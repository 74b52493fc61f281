/**
 * Who held what, from when until when: history.sqlite in the data folder. Apart from the store, which knows what is held
 * now: nothing here is needed to serve, and a damaged file is set aside.
 *
 * Rules: changes are gathered and written together, a second later; a kill loses no more. What is away for less than a
 * minute was never away, for a peer that begins its index anew forgets all and tells it again. What ended is kept for a
 * year; of very much whoever has most loses first, and else the part that ended last stays; what goes on is never forgotten. The times are this server's, when it
 * heard of it; of what changed while it was off it hears at its start.
 */

import type { Clock } from "../base/clock.ts";
import { LabError, messageOf } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { PartTime } from "../base/part_time.ts";
import { searcher } from "../catalog/search.ts";
import { join } from "../deps/std_path.ts";
import type { ContentKey } from "./contents.ts";
import {
  type Columns,
  contentOf,
  type HistoryFile,
  keyOf,
  openFile,
  type Span,
  spanOf,
} from "./history_sql.ts";
import { isDamage, setAside } from "./sqlite_file.ts";

/** The file's name in the data folder. */
export const HISTORY_FILE = "history.sqlite";

/** Changes wait so long for others, milliseconds. */
const FLUSH_MS = 1_000;
/** Between two parts of very many changes, milliseconds. */
const BETWEEN_MS = 10;
/** Away for less than this isn't away, milliseconds: an index of 200,000 rows is told in some seconds. */
const AWAY_MS = 60_000;
/** What ended is kept so long, milliseconds: a school year. */
const KEPT_MS = 366 * 24 * 3600_000;
/** Rows looked at, or removed, before others get their turn: some 10 ms, removed some 50. */
const STEP = 5_000;
/** Changes written before others get theirs: some 20 ms. */
const WRITE_STEP = 1_000;
/** What comparing with what is held takes of the time: the server has just started, and all its peers register again. */
const ALIGN_PART = 0.25;
/** How often it is looked what may be forgotten, and the pause before more of it is, milliseconds. */
const CLEAN_EVERY = 600_000;
const CLEAN_MORE = 100;
/** Changes of a whole campus in one second: beyond, something runs wild, and the oldest are written at once. */
const WAITING_MAX = 100_000;

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
  #file: HistoryFile;
  /** Damage was met since the start: once a new file helps, but where the disk is at fault no number of them does. */
  #anew: Promise<void> | undefined;
  /** What it was compared with. */
  #aligned: Parameters<History["align"]> | undefined;
  /** The time that comparing takes. */
  #aligning: PartTime | undefined;
  #waiting = new Map<string, Change>();
  #stopFlush: (() => void) | undefined;
  #stopCleaning: () => void;
  #stopMore = () => {};
  /** Rows of what ended. */
  #ended: number;

  private constructor(
    private path: string,
    private clock: Clock,
    private log: Logger,
    private mostEnded: number,
  ) {
    this.#file = openFile(path);
    this.#ended = this.#file.ended;
    this.#clean();
    this.#stopCleaning = clock.every(CLEAN_EVERY, () => this.#clean());
  }

  /**
   * Opens the history of a data folder; begins anew where it is damaged.
   *
   * @param mostEnded how much is kept of what ended; for tests.
   */
  static open(
    { dataDir, clock, log, mostEnded = LIMITS.historyRows }: {
      dataDir: string;
      clock: Clock;
      log: Logger;
      mostEnded?: number;
    },
  ): History {
    const path = join(dataDir, HISTORY_FILE);
    try {
      return new History(path, clock, log, mostEnded);
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      log.warn(asideText(thrown, path, clock.now()));
      return new History(path, clock, log, mostEnded);
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
    if (this.#waiting.size >= WAITING_MAX) this.#write(WRITE_STEP);
    else this.#stopFlush ??= this.clock.after(FLUSH_MS, () => this.#flushSome());
  }

  /** Writes what waits. */
  flush(): void {
    this.#stopFlush?.();
    this.#stopFlush = undefined;
    this.#write(Infinity);
  }

  /** Writes some of what waits, the rest in a moment: 100,000 changes at once would hold everybody up for a second. */
  #flushSome(): void {
    this.#write(WRITE_STEP);
    this.#stopFlush = this.#waiting.size > 0
      ? this.clock.after(BETWEEN_MS, () => this.#flushSome())
      : undefined;
  }

  /** Writes all that waits now, and lets others have their turn in between. */
  async #written(time = new PartTime(this.clock, 1)): Promise<void> {
    for (let left = this.#waiting.size; left > 0 && this.#file.db.isOpen; left -= WRITE_STEP) {
      this.#write(WRITE_STEP);
      if (left > WRITE_STEP) await time.pause();
    }
  }

  #write(most: number): void {
    if (this.#waiting.size === 0 || !this.#file.db.isOpen) return;
    const changes: Change[] = [];
    for (const [key, change] of this.#waiting) {
      if (changes.length >= most) break;
      this.#waiting.delete(key);
      changes.push(change);
    }
    const ended = this.#ended;
    try {
      this.#file.db.exec("BEGIN");
      // What is no longer held first: a name has one content at a time.
      for (const change of changes) if (!change.isHeld) this.#end(change);
      for (const change of changes) if (change.isHeld) this.#begin(change);
      this.#file.db.exec("COMMIT");
      // Somebody makes entries by the million: the next look may be far too late.
      if (this.#ended > 1.1 * this.mostEnded) this.#clean();
    } catch (thrown) {
      if (this.#file.db.isTransaction) this.#file.db.exec("ROLLBACK");
      this.#ended = ended;
      if (this.#beginAnew(thrown)) return;
      this.log.error(
        `Cannot write ${HISTORY_FILE}: ${messageOf(thrown)}; what changed in this second is not in it`,
      );
    }
  }

  /**
   * Who held what, in the order in which it began. Others get their turn in between.
   *
   * @throws {LabError} "failed" when the file turns out to be damaged; the next time a new one is asked.
   */
  async *ask({ query, at }: HistoryQuery): AsyncGenerator<Span> {
    if (this.#anew) this.#aligning?.hurry();
    await this.#anew;
    await this.#written();
    const finds = searcher(query);
    for (let after = 0;;) {
      const rows = this.#page(after);
      for (const row of rows) {
        const isThen = at === undefined || (row.began <= at && (row.ended === null || row.ended > at));
        if (isThen && finds({ name: row.name, title: "" })) yield spanOf(row);
      }
      if (rows.length < STEP) return;
      after = rows.at(-1)!.id;
      await this.clock.sleep(0);
    }
  }

  #page(after: number): readonly Columns[] {
    try {
      const rows = this.#file.statements.page.all(after, STEP) as unknown as Columns[];
      if (rows.some(({ name }) => typeof name !== "string")) {
        throw new Error("malformed: a row without a name");
      }
      return rows;
    } catch (thrown) {
      this.#beginAnew(thrown);
      throw new LabError("failed", `Cannot read ${HISTORY_FILE}: ${messageOf(thrown)}`, { cause: thrown });
    }
  }

  /**
   * Compares with what is held now, peer by peer: what changed while nobody told, since the server was off or was killed,
   * counts as changed now. Others get most of the time.
   *
   * @param peerOf the name of a peer; undefined for who is known no more.
   */
  async align(held: HeldNow, peerOf: (cookie: string) => string | undefined): Promise<void> {
    this.#aligned = [held, peerOf];
    try {
      const time = this.#aligning = new PartTime(this.clock, ALIGN_PART);
      let looked = 0;
      for (const cookie of new Set([...this.#known(), ...held.holders()])) {
        if (looked > STEP) {
          await time.pause();
          looked = 0;
        }
        if (!this.#file.db.isOpen) return;
        await this.#written(time);
        const open = await this.#openOf(cookie, time);
        if (!this.#file.db.isOpen) return;
        looked += this.#alignPeer({ cookie, peer: peerOf(cookie) ?? "" }, open, held.heldBy(cookie));
      }
    } catch (thrown) {
      if (this.#beginAnew(thrown)) return;
      this.log.warn(`${HISTORY_FILE} may lack what changed while no rs serve ran: ${messageOf(thrown)}`);
    }
  }

  /**
   * What a peer holds by what is written here. Others get their turn in between: what they tell meanwhile is written too, and
   * to tell it once more changes nothing.
   */
  async #openOf(cookie: string, time: PartTime): Promise<Set<string>> {
    const open = new Set<string>();
    for (let [name, id] = ["", 0]; this.#file.db.isOpen;) {
      const rows = this.#file.statements.openOf.all(cookie, name, id, STEP);
      for (const { key } of rows) open.add(String(key));
      const last = rows.at(-1);
      if (rows.length < STEP || !last) break;
      [name, id] = [String(last.name), Number(last.id)];
      await time.pause();
    }
    return open;
  }

  /** @returns how many rows were looked at. */
  #alignPeer(holder: Holder, open: Set<string>, held: Iterable<ContentKey>): number {
    let looked = open.size;
    for (const content of held) {
      looked++;
      const { name, sha256, size } = content;
      if (!open.delete(`${sha256}${size}/${name}`)) this.note(holder, content, true);
    }
    for (const key of open) this.note(holder, contentOf(key), false);
    return looked;
  }

  /** Cookies of all that held something at last, each looked up in the index: there may be millions of rows. */
  *#known(): Generator<string> {
    for (let cookie = "";;) {
      const next = this.#file.statements.next.get(cookie)?.cookie;
      if (typeof next !== "string") return;
      yield cookie = next;
    }
  }

  close(): void {
    this.flush();
    this.#stopCleaning();
    this.#stopMore();
    if (this.#file.db.isOpen) this.#file.db.close();
  }

  /** The file is damaged where nobody had looked before: it is set aside. @returns false where that isn't so, or doesn't help. */
  #beginAnew(thrown: unknown): boolean {
    if (!isDamage(thrown) || this.#anew || !this.#file.db.isOpen) return false;
    this.#anew = Promise.resolve();
    this.#file.db.close();
    try {
      this.log.warn(asideText(thrown, this.path, this.clock.now()));
      this.#file = openFile(this.path);
    } catch (cause) {
      this.log.error(
        `Cannot begin ${HISTORY_FILE} anew: ${messageOf(cause)}; it is not kept on until the next start`,
      );
      return true;
    }
    this.#ended = this.#file.ended;
    if (this.#aligned) this.#anew = this.align(...this.#aligned);
    return true;
  }

  #end(change: Change): void {
    this.#ended += Number(this.#file.statements.end.run(change.at, ...keyOf(change)).changes);
  }

  #begin(change: Change): void {
    const { peer, at } = change;
    const key = keyOf(change);
    if (this.#file.statements.known.get(...key)) return;
    const reopened = Number(this.#file.statements.reopen.run(...key, at - AWAY_MS).changes);
    this.#ended -= reopened;
    if (reopened === 0) this.#file.statements.begin.run(...key, peer, at);
  }

  /** Forgets what ended too long ago, or before all that there is room for; in steps, with others in between. */
  #clean(): void {
    this.#stopMore();
    try {
      const tooMany = Math.min(STEP, this.#ended - this.mostEnded);
      const gone = this.#forget(this.clock.now() - KEPT_MS, STEP) || (tooMany > 0 ? this.#spare(tooMany) : 0);
      this.#ended -= gone;
      if (gone > 0 || tooMany > 0) this.#stopMore = this.clock.after(CLEAN_MORE, () => this.#clean());
    } catch (thrown) {
      if (this.#beginAnew(thrown)) return;
      this.log.warn(`Cannot clean ${HISTORY_FILE}: ${messageOf(thrown)}`);
    }
  }

  /** Whoever has most makes room; where nobody has much more than others, what ended first. */
  #spare(most: number): number {
    const cookie = this.#file.crowding.most();
    return cookie === undefined
      ? this.#forget(Number.MAX_SAFE_INTEGER, most)
      : this.#file.crowding.forget(cookie, most);
  }

  #forget(before: number, most: number): number {
    return Number(this.#file.statements.clean.run(before, most).changes);
  }
}

/** Sets a damaged file aside, and says so. */
function asideText(thrown: unknown, path: string, now: number): string {
  return `${HISTORY_FILE} is damaged (${messageOf(thrown)}): it was set aside as ${
    setAside(path, now)
  }, and a new one begun`;
}
