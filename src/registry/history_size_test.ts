/** The history over years: which rows a statement reads, what is forgotten when, in how large steps, and files of before. */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { FakeClock } from "../base/clock.ts";
import { silentLogger } from "../base/log.ts";
import { History, HISTORY_FILE } from "./history.ts";
import { SCHEMA, STATEMENTS } from "./history_sql.ts";

const START = Date.UTC(2026, 0, 1);
const DAY = 24 * 3600_000;
const key = (name: string) => ({ name, sha256: "ab".repeat(32), size: 5 });
const pc1 = { cookie: "c1", peer: "pc1" };

/** A data folder, and a history in it that can be opened again and again. */
class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync();
  readonly clock = Object.assign(new FakeClock(START), { sleep: () => Promise.resolve() });
  #open: History[] = [];

  history(mostEnded?: number): History {
    const options = { dataDir: this.path, clock: this.clock, log: silentLogger };
    const history = History.open({ ...options, ...(mostEnded === undefined ? {} : { mostEnded }) });
    this.#open.push(history);
    return history;
  }

  /** Works on the file as another program would. */
  sql<T>(work: (db: DatabaseSync) => T): T {
    const db = new DatabaseSync(join(this.path, HISTORY_FILE));
    try {
      return work(db);
    } finally {
      db.close();
    }
  }

  /** Rows of what ended and of what goes on. */
  get rows(): { ended: number; open: number } {
    const count = (where: string) =>
      this.sql((db) => Number(db.prepare(`SELECT count(*) AS n FROM spans WHERE ${where}`).get()!.n));
    return { ended: count("ended IS NOT NULL"), open: count("ended IS NULL") };
  }

  /** So many rows of pc1 that ended, one a second before a time, and so many that go on. */
  fill({ ended, open, until = START }: { ended: number; open: number; until?: number }): void {
    this.sql((db) => {
      db.exec("BEGIN");
      const insert = db.prepare("INSERT INTO spans VALUES (NULL, 'c1', 'pc1', ?, ?, 5, 0, ?)");
      const hash = new Uint8Array(32).fill(0xab);
      for (let n = 0; n < ended; n++) insert.run(`was ${n}`, hash, until - 1_000 * n);
      for (let n = 0; n < open; n++) insert.run(`is ${n}`, hash, null);
      db.exec("COMMIT");
    });
  }

  [Symbol.dispose](): void {
    for (const history of this.#open) history.close();
    Deno.removeSync(this.path, { recursive: true });
  }
}

const namesOf = async (history: History, at?: number) =>
  (await Array.fromAsync(history.ask({ query: "", at }))).map(({ name }) => name);

Deno.test("what goes on is found without reading what ended, and the other way round", () => {
  const db = new DatabaseSync(":memory:");
  db.exec(SCHEMA);
  const plans = Object.entries(STATEMENTS).map(([name, sql]) => {
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => String(detail));
    return [name, steps.filter((step) => /SEARCH|SCAN|TEMP/.test(step)).join("; ")];
  });
  db.close();
  assertEquals(Object.fromEntries(plans), {
    page: "SEARCH spans USING INTEGER PRIMARY KEY (rowid>?)",
    next: "SEARCH spans USING INDEX open (cookie>?)",
    openOf: "SEARCH spans USING INDEX open (cookie=? AND name>?)",
    known: "SEARCH spans USING INDEX open (cookie=? AND name=?)",
    end: "SEARCH spans USING INDEX open (cookie=? AND name=?)",
    reopen: "SEARCH spans USING INDEX closed (cookie=? AND name=? AND ended>?)",
    begin: "",
    clean:
      "SEARCH spans USING INTEGER PRIMARY KEY (rowid=?); SEARCH spans USING COVERING INDEX over (ended<?)",
    countEnded: "SEARCH spans USING COVERING INDEX over (ended>?)",
  });
});

Deno.test("a file of an earlier version keeps its rows and gets the indexes of this one", async () => {
  using folder = new Folder();
  folder.sql((db) =>
    db.exec(`
      CREATE TABLE spans (id INTEGER PRIMARY KEY, cookie TEXT NOT NULL, peer TEXT NOT NULL, name TEXT NOT NULL,
        sha256 BLOB NOT NULL, size INTEGER NOT NULL, began INTEGER NOT NULL, ended INTEGER) STRICT;
      CREATE INDEX held ON spans (cookie, name);
      CREATE INDEX over ON spans (ended) WHERE ended IS NOT NULL;
    `)
  );
  folder.fill({ ended: 3, open: 2 });
  const history = folder.history();
  assertEquals(await namesOf(history), ["was 0", "was 1", "was 2", "is 0", "is 1"]);
  history.note(pc1, key("is 0"), false);
  history.flush();
  assertEquals(folder.rows, { ended: 4, open: 1 });
  const indexes = folder.sql((db) =>
    db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name").all()
  );
  assertEquals(indexes.map(({ name }) => name), ["closed", "open", "over"]);
});

Deno.test("of very much the part that ended last is kept, and all that goes on; after a restart, too", async () => {
  using folder = new Folder();
  let history = folder.history(100);
  for (let n = 0; n < 300; n++) history.note(pc1, key(`is ${n}`), true);
  for (let n = 0; n < 250; n++) {
    history.note(pc1, key(`n${n}`), true);
    history.flush();
    history.note(pc1, key(`n${n}`), false);
    folder.clock.advance(2_000);
    assert(folder.rows.ended <= 110, "a flood doesn't wait for the next look");
  }
  folder.clock.advance(DAY / 24);
  assertEquals(folder.rows, { ended: 100, open: 300 });
  const kept = (await namesOf(history)).filter((name) => name.startsWith("n"));
  assertEquals(kept, Array.from({ length: 100 }, (_, n) => `n${n + 150}`));
  history.close();
  history = folder.history(60);
  folder.clock.advance(DAY / 24);
  assertEquals(folder.rows, { ended: 60, open: 300 });
  // What came back has not ended.
  history.note(pc1, key("is 0"), false);
  history.flush();
  history.note(pc1, key("is 0"), true);
  history.flush();
  folder.clock.advance(DAY / 24);
  assertEquals(folder.rows, { ended: 60, open: 300 });
});

Deno.test("what is too old goes in steps, with time for others in between", () => {
  using folder = new Folder();
  folder.history().close();
  folder.fill({ ended: 12_000, open: 3, until: START - 400 * DAY });
  folder.fill({ ended: 7, open: 0 });
  folder.history();
  const left = [folder.rows.ended];
  while (left.at(-1)! > 7 && left.length < 50) {
    folder.clock.advance(100);
    left.push(folder.rows.ended);
  }
  assertEquals(left, [7_007, 2_007, 7]);
  assertEquals(folder.rows, { ended: 7, open: 3 });
});

Deno.test("very many changes in one second are written in parts; who asks is told of all", async () => {
  using folder = new Folder();
  const history = folder.history();
  for (let n = 0; n < 12_000; n++) history.note(pc1, key(`n${n}`), true);
  folder.clock.advance(1_000);
  assertEquals(folder.rows.open, 1_000);
  folder.clock.advance(10);
  assertEquals(folder.rows.open, 2_000);
  assertEquals((await namesOf(history)).length, 12_000);
  folder.clock.advance(10_000);
  assertEquals(folder.rows.open, 12_000);
});

Deno.test("a PC that holds more than one step reads is compared as a whole", async () => {
  using folder = new Folder();
  folder.history().close();
  folder.fill({ ended: 6_000, open: 12_000 });
  const history = folder.history();
  const held = Array.from({ length: 11_000 }, (_, n) => key(`is ${n + 1_000}`));
  held.push(key("new"));
  await history.align({ holders: () => ["c1"], heldBy: () => held }, () => "pc1");
  history.flush();
  assertEquals(folder.rows, { ended: 7_000, open: 11_001 });
  const now = new Set(await namesOf(history, folder.clock.now() + 1));
  assert(now.has("new") && now.has("is 1000") && !now.has("is 999"));
});

/** Adds entries that ended: of these peers, by name and number, mixed as they came. */
function crowd(folder: Folder, shares: Record<string, number>, until = START): void {
  folder.sql((db) => {
    db.exec("BEGIN");
    const insert = db.prepare("INSERT INTO spans VALUES (NULL, ?, ?, ?, ?, 5, 0, ?)");
    const hash = new Uint8Array(32).fill(0xcd);
    const most = Math.max(...Object.values(shares));
    for (let n = 0; n < most; n++) {
      for (const [peer, count] of Object.entries(shares)) {
        if (Math.floor(n * count / most) === Math.floor((n + 1) * count / most)) continue;
        insert.run(peer, peer, `${peer} ${n}`, hash, until - 1_000 * (most - n));
      }
    }
    db.exec("COMMIT");
  });
}

const sharesOf = (folder: Folder) =>
  folder.sql((db) => {
    const rows = db.prepare("SELECT cookie, count(*) AS n FROM spans GROUP BY cookie ORDER BY cookie").all();
    return Object.fromEntries(rows.map(({ cookie, n }) => [String(cookie), Number(n)]));
  });

/** Until all that is too much has gone. */
function cleaned(folder: Folder, mostEnded: number): void {
  const history = folder.history(mostEnded);
  for (let i = 0; i < 100; i++) folder.clock.advance(100);
  history.close();
  assertEquals(folder.rows.ended, mostEnded);
}

Deno.test("one who makes up entries loses its own, not those of the others, however old", () => {
  using folder = new Folder();
  folder.history().close();
  crowd(folder, { a: 300, b: 20, honest: 3 }, START - 100 * DAY);
  crowd(folder, { hostile: 40_000, "late": 10 });
  cleaned(folder, 10_000);
  assertEquals(sharesOf(folder), { a: 300, b: 20, honest: 3, hostile: 9_667, late: 10 });
});

Deno.test("where much has gone already, who has little there isn't taken for who has most", () => {
  using folder = new Folder();
  folder.history().close();
  crowd(folder, { honest: 1_000, h: 40_000 }, START - 10 * DAY);
  folder.sql((db) => db.exec("DELETE FROM spans WHERE cookie = 'h'"));
  crowd(folder, { h: 20_000 });
  cleaned(folder, 5_000);
  assertEquals(sharesOf(folder), { h: 4_000, honest: 1_000 });
});

Deno.test("a removal that fails costs nothing that is written later", async () => {
  using folder = new Folder();
  folder.history().close();
  crowd(folder, { hostile: 4_000, honest: 10 });
  folder.sql((db) =>
    db.exec("CREATE TRIGGER broken BEFORE DELETE ON spans BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
  );
  const history = folder.history(1_000);
  assertEquals(folder.rows.ended, 4_010);
  history.note(pc1, key("later"), true);
  history.flush();
  assert((await namesOf(history)).includes("later"));
  folder.sql((db) => db.exec("DROP TRIGGER broken"));
  folder.clock.advance(DAY / 24);
  for (let i = 0; i < 100; i++) folder.clock.advance(100);
  assertEquals(folder.rows, { ended: 1_000, open: 1 });
});

Deno.test("several who do that lose alike; in a lab of equals what ended first goes", () => {
  using folder = new Folder();
  folder.history().close();
  crowd(folder, { h1: 15_000, h2: 12_000, h3: 9_000, honest: 100 });
  cleaned(folder, 12_000);
  const { honest, ...hostile } = sharesOf(folder);
  assertEquals(honest, 100);
  assert(Object.values(hostile).every((count) => count > 2_000 && count < 6_000), JSON.stringify(hostile));
  using equals = new Folder();
  equals.history().close();
  const peers = Array.from({ length: 40 }, (_, i) => [`pc${i}`, 100] as const);
  crowd(equals, Object.fromEntries(peers));
  cleaned(equals, 2_000);
  assertEquals(new Set(Object.values(sharesOf(equals))), new Set([50]));
  const first = equals.sql((db) => Number(db.prepare("SELECT min(ended) AS t FROM spans").get()!.t));
  assertEquals(first, START - 1_000 * 50);
});
