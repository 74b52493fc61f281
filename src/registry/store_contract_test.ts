/** One suite for every store, then what only SQLite's file has to stand. */

import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { type Logger, silentLogger } from "../base/log.ts";
import { join } from "../deps/std_path.ts";
import type { WireRow } from "../protocol/messages.ts";
import { MemoryStore } from "./memory_store.ts";
import type { KeptRecord } from "./rules.ts";
import { STORE_FILE } from "./sqlite_file.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import type { BroadcastHead, Receipt } from "./broadcast_store.ts";
import type { Store } from "./store.ts";

const peer = (n: number, more: Partial<KeptRecord> = {}): KeptRecord => ({
  ...{ name: `pc${n}`, cookie: `c${n}`, host: `PC${n}`, address: "192.168.1.7", port: 23476 },
  ...{
    active: true,
    registrations: [1_700_000_000_000, 1_700_000_000_001],
    lastRegistered: 1_700_000_000_001,
  },
  ...more,
});

const row = (name: string, more: Partial<WireRow> = {}): WireRow => ({
  ...{ name, title: "", size: 5, sha256: "a".repeat(64), modified: "2026-01-02T03:04:05Z", flag: 1 as const },
  ...more,
});

const head = (id: string, more: Partial<BroadcastHead> = {}): BroadcastHead => ({
  ...{ id, name: "é 😀.iso", peer: "rs", cookie: undefined, bytes: 5, files: 1, to: undefined },
  ...{ began: 1_700_000_000_000, expires: 1_700_000_086_400, whole: true, withdrawn: false },
  ...more,
});

const receipt = (id: string, peer: string, more: Partial<Receipt> = {}): Receipt => ({
  ...{ id, peer, state: "waiting", at: 1_700_000_000_001 },
  ...more,
});

/** A place where stores live; `reopen` is what a restart does. */
interface Place {
  open(): Promise<Store>;
  reopen(store: Store): Promise<Store>;
}

async function peersOf(store: Store): Promise<KeptRecord[]> {
  return [...await store.loadPeers()].sort((a, b) => a.name < b.name ? -1 : 1);
}

async function heldIn(store: Store): Promise<string[]> {
  return [...await store.loadHoldings()].map(({ cookie, row }) => `${cookie} ${row.name} ${row.size}`).sort();
}

const contract: Record<string, (place: Place) => Promise<void>> = {
  async "registrations are kept as the list grows, is cut, and changes in other ways"(place) {
    let store = await place.open();
    const lists = [[1, 2], [1, 2, 3], [1, 2, 3, 3], [2, 3, 3, 3, 4], [4, 9], [4, 6], [6, 7], [], [8], [
      8,
      8,
    ]];
    for (const registrations of lists) {
      await store.savePeers([peer(1, { registrations }), peer(2)]);
      store = await place.reopen(store);
      assertEquals(await peersOf(store), [peer(1, { registrations }), peer(2)]);
    }
    // Without anything being read in between.
    for (const registrations of lists) await store.savePeers([peer(1, { registrations })]);
    for (const registrations of lists.slice(0, 4)) await store.savePeers([peer(1, { registrations })]);
    store = await place.reopen(store);
    assertEquals(await peersOf(store), [peer(1, { registrations: lists[3]! }), peer(2)]);
    await store.forgetPeer("c1");
    await store.savePeers([peer(1, { registrations: [1] })]);
    store = await place.reopen(store);
    assertEquals((await peersOf(store))[0]!.registrations, [1]);
    await store.close();
  },
  async "members are kept over a restart, and changed in place"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2, { name: "é 😀", registrations: [] })]);
    await store.savePeers([peer(1, { active: false, host: "NEW", lastRegistered: 2 })]);
    store = await place.reopen(store);
    const expected = [
      peer(1, { active: false, host: "NEW", lastRegistered: 2 }),
      peer(2, { name: "é 😀", registrations: [] }),
    ];
    assertEquals(await peersOf(store), expected);
    await store.close();
  },
  async "what only holds while a process runs is not kept"(place) {
    let store = await place.open();
    await store.savePeers([{ ...peer(1), expires: 5, comeBackBy: 6 } as KeptRecord]);
    store = await place.reopen(store);
    assertEquals(await peersOf(store), [peer(1)]);
    await store.close();
  },
  async "holdings change by name, begin anew, and outlive a restart"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2)]);
    const none = { reset: false, rows: [], gone: [] };
    await store.changeHoldings({ ...none, cookie: "c1", rows: [row("a"), row("b"), row("c")] });
    await store.changeHoldings({ ...none, cookie: "c2", rows: [row("a")] });
    await store.changeHoldings({
      ...none,
      cookie: "c1",
      rows: [row("b", { size: 6 })],
      gone: ["a", "b", "zzz"],
    });
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 b 6", "c1 c 5", "c2 a 5"]);
    await store.changeHoldings({ cookie: "c1", reset: true, rows: [row("d")], gone: [] });
    await store.savePeers([peer(1, { active: false })]);
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 d 5", "c2 a 5"]);
    await store.close();
  },
  async "rows come back as they were"(place) {
    let store = await place.open();
    await store.savePeers([peer(1)]);
    const odd = row("ordner/ü '\"; DROP TABLE peers.txt", {
      title: "Größe 😀",
      size: 2 ** 52 + 1,
      sha256: "0f".repeat(32),
    });
    await store.changeHoldings({ cookie: "c1", reset: true, rows: [odd], gone: [] });
    store = await place.reopen(store);
    assertEquals([...await store.loadHoldings()], [{ cookie: "c1", row: odd }]);
    await store.close();
  },
  async "a forgotten peer takes its holdings along; an unknown one holds nothing"(place) {
    let store = await place.open();
    await store.savePeers([peer(1), peer(2)]);
    for (const cookie of ["c1", "c2", "c3"]) {
      await store.changeHoldings({ cookie, reset: false, rows: [row("a")], gone: [] });
    }
    await store.forgetPeer("c1");
    await store.forgetPeer("c3");
    store = await place.reopen(store);
    assertEquals((await peersOf(store)).map(({ name }) => name), ["pc2"]);
    assertEquals(await heldIn(store), ["c2 a 5"]);
    await store.savePeers([peer(1)]);
    assertEquals(await heldIn(store), ["c2 a 5"]);
    await store.close();
  },
  async "broadcasts, their files and receipts are kept over a restart, and changed in place"(place) {
    let store = await place.open();
    const { broadcasts } = store;
    await broadcasts.save(head("b1"));
    await broadcasts.save(head("b2", { to: ["pc1"], cookie: "c1" }));
    await broadcasts.save(head("b1", { withdrawn: true, files: 3 }));
    const files = ["a", "b", "c"].map((name) => ({ name, size: 2 ** 40, sha256: "0f".repeat(32) }));
    await broadcasts.saveFiles("b1", 0, files);
    await broadcasts.saveFiles("b1", 1, files.slice(2));
    const here = { name: "folder/b", modified: "2026-01-02T03:04:05.000Z" };
    await broadcasts.saveFiles("b2", 0, [{ ...files[1]!, here }]);
    await broadcasts.saveReceipts([receipt("b1", "pc1"), receipt("b1", "pc2", { state: "done" })]);
    await broadcasts.saveReceipts([
      receipt("b1", "pc1", { state: "failed", code: "disk_full", reason: "no room" }),
    ]);
    store = await place.reopen(store);
    const { heads, receipts } = await store.broadcasts.load();
    assertEquals(heads.toSorted((a, b) => a.id < b.id ? -1 : 1), [
      head("b1", { withdrawn: true, files: 3 }),
      head("b2", { to: ["pc1"], cookie: "c1" }),
    ]);
    assertEquals(receipts.toSorted((a, b) => a.peer < b.peer ? -1 : 1), [
      receipt("b1", "pc1", { state: "failed", code: "disk_full", reason: "no room" }),
      receipt("b1", "pc2", { state: "done" }),
    ]);
    assertEquals((await store.broadcasts.files("b1")).map(({ name }) => name), ["a", "c"]);
    assertEquals(await store.broadcasts.files("b2"), [{ ...files[1]!, here }]);
    assertEquals(await store.broadcasts.files("b3"), []);
    await store.close();
  },
  async "a forgotten broadcast takes its files and receipts along"(place) {
    let store = await place.open();
    for (const id of ["b1", "b2"]) {
      await store.broadcasts.save(head(id));
      await store.broadcasts.saveFiles(id, 0, [{ name: "a", size: 1, sha256: "0f".repeat(32) }]);
      await store.broadcasts.saveReceipts([receipt(id, "pc1")]);
    }
    await store.broadcasts.forget("b1");
    store = await place.reopen(store);
    assertEquals(await store.broadcasts.load(), { heads: [head("b2")], receipts: [receipt("b2", "pc1")] });
    assertEquals(await store.broadcasts.files("b1"), []);
    await store.close();
  },
  async "calls take effect in their order without being waited for"(place) {
    let store = await place.open();
    const change = (rows: WireRow[], gone: string[]) =>
      store.changeHoldings({ cookie: "c1", reset: false, rows, gone });
    await Promise.all([
      store.savePeers([peer(1)]),
      change([row("a")], []),
      change([], ["a"]),
      change([row("b")], []),
    ]);
    store = await place.reopen(store);
    assertEquals(await heldIn(store), ["c1 b 5"]);
    await store.close();
  },
};

for (const [name, test] of Object.entries(contract)) {
  Deno.test(`memory store: ${name}`, () => {
    const store = new MemoryStore();
    return test({ open: () => Promise.resolve(store), reopen: () => Promise.resolve(store) });
  });
  Deno.test(`SQLite store: ${name}`, () =>
    inFolder(async (dataDir) => {
      const open = () => openSqliteStore({ dataDir, clock: new FakeClock(), log: silentLogger });
      const reopen = async (store: Store) => {
        await store.close();
        return await open();
      };
      await test({ open, reopen });
    }));
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(join(dir, "rs-data"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const options = (dataDir: string, log: Logger = silentLogger) => ({ dataDir, clock: new FakeClock(), log });

Deno.test("SQLite store: one process at a time, and the second is told", () =>
  inFolder(async (dataDir) => {
    const store = await openSqliteStore(options(dataDir));
    const thrown = await assertRejects(() => openSqliteStore(options(dataDir)), LabError, "another rs");
    assertEquals((thrown as LabError).code, "failed");
    await store.close();
  }));

for (
  const damage of [
    "garbage from the start",
    "garbage in the middle",
    "tables of another program",
    "cut",
  ] as const
) {
  Deno.test(`SQLite store: a damaged database is set aside (${damage})`, () =>
    inFolder(async (dataDir) => {
      await fill(dataDir);
      spoil(join(dataDir, STORE_FILE), damage);
      const warnings: string[] = [];
      const log = { ...silentLogger, warn: (text: string) => warnings.push(text) };
      const store = await openSqliteStore(options(dataDir, log));
      assertEquals(await peersOf(store), []);
      await store.savePeers([peer(1)]);
      await store.close();
      const names = Array.from(Deno.readDirSync(dataDir), ({ name }) => name).sort();
      assertEquals(names, [STORE_FILE, `${STORE_FILE}.damaged-20260101T000000Z`]);
      assertEquals(warnings.length, 1);
      assertStringIncludes(warnings[0]!, `${STORE_FILE}.damaged-20260101T000000Z`);
    }));
}

Deno.test("SQLite store: a second damaged database doesn't replace the first", () =>
  inFolder(async (dataDir) => {
    for (let i = 0; i < 3; i++) {
      await fill(dataDir);
      spoil(join(dataDir, STORE_FILE), "garbage from the start");
    }
    await (await openSqliteStore(options(dataDir))).close();
    assertEquals([...Deno.readDirSync(dataDir)].length, 4);
  }));

Deno.test("SQLite store: a database of version 1 is taken over with its registrations", () =>
  inFolder(async (dataDir) => {
    Deno.mkdirSync(dataDir);
    const old = new DatabaseSync(join(dataDir, STORE_FILE));
    old.exec(`
      CREATE TABLE peers (id INTEGER PRIMARY KEY, cookie TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        host TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL, active INTEGER NOT NULL,
        last_registered INTEGER NOT NULL, registrations TEXT NOT NULL) STRICT;
      CREATE TABLE holdings (peer INTEGER NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 TEXT NOT NULL, modified TEXT NOT NULL, PRIMARY KEY (peer, name)) STRICT, WITHOUT ROWID;
      INSERT INTO peers VALUES (7, 'c1', 'pc1', 'PC1', '192.168.1.7', 23476, 1, 5, '[3,5,5]');
      INSERT INTO peers VALUES (8, 'c2', 'pc2', 'PC2', '192.168.1.7', 23476, 0, 5, 'spoiled');
      INSERT INTO holdings VALUES (7, 'a', '', 1, '${"a".repeat(64)}', '2026-01-02T03:04:05Z');
      PRAGMA user_version = 1`);
    old.close();
    for (let times = 0; times < 2; times++) {
      const store = await openSqliteStore(options(dataDir));
      assertEquals((await peersOf(store)).map(({ registrations }) => registrations), [[3, 5, 5], []]);
      assertEquals(await heldIn(store), ["c1 a 1"]);
      await store.close();
    }
  }));

Deno.test("SQLite store: a database of a newer version is left alone", () =>
  inFolder(async (dataDir) => {
    await fill(dataDir);
    const db = new DatabaseSync(join(dataDir, STORE_FILE));
    db.exec("PRAGMA user_version = 99");
    db.close();
    await assertRejects(() => openSqliteStore(options(dataDir)), LabError, "version 99");
    assertEquals(Array.from(Deno.readDirSync(dataDir), ({ name }) => name), [STORE_FILE]);
  }));

Deno.test({
  name: "SQLite store: without permission it says so and asks nothing",
  permissions: { read: false, write: false },
  async fn() {
    const thrown = await assertRejects(() => openSqliteStore(options("elsewhere")), LabError, "./rs-data");
    assertEquals((thrown as LabError).code, "not_permitted");
  },
});

Deno.test("SQLite store: what was promised survives a kill", () =>
  inFolder(async (dataDir) => {
    const script = `
      import { openSqliteStore } from ${JSON.stringify(import.meta.resolve("./sqlite_store.ts"))};
      import { systemClock } from ${JSON.stringify(import.meta.resolve("../base/clock.ts"))};
      import { silentLogger } from ${JSON.stringify(import.meta.resolve("../base/log.ts"))};
      const store = await openSqliteStore({ dataDir: Deno.args[0], clock: systemClock, log: silentLogger });
      const peer = ${JSON.stringify(peer(1))};
      for (let n = 0; ; n++) {
        await store.savePeers([{ ...peer, cookie: "c" + n, name: "pc" + n }]);
        console.log(n);
      }`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", `data:application/typescript,${encodeURIComponent(script)}`, dataDir],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    let said = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (said.length > 2000) {
        child.kill("SIGKILL");
        break;
      }
    }
    await child.status;
    const promised = Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
    const store = await openSqliteStore(options(dataDir));
    assert(promised > 100);
    const kept = new Set((await peersOf(store)).map(({ cookie }) => cookie));
    for (let n = 0; n <= promised; n++) assert(kept.has(`c${n}`), `c${n} was promised`);
    await store.close();
  }));

async function fill(dataDir: string): Promise<void> {
  const store = await openSqliteStore(options(dataDir));
  await store.savePeers([peer(1)]);
  const rows = Array.from({ length: 2000 }, (_, n) => row(`file-${n}.txt`));
  await store.changeHoldings({ cookie: "c1", reset: true, rows, gone: [] });
  await store.close();
}

function spoil(path: string, how: string): void {
  const bytes = Deno.readFileSync(path);
  if (how === "garbage from the start") bytes.fill(0x41);
  if (how === "garbage in the middle") bytes.fill(0x41, 8192, bytes.length - 4096);
  if (how === "tables of another program") {
    Deno.writeFileSync(path, bytes);
    const text = new TextDecoder("latin1").decode(bytes).replace("CREATE TABLE peers", "CREATE TABLE xeers");
    return Deno.writeFileSync(path, Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }
  Deno.writeFileSync(path, how === "cut" ? bytes.subarray(0, 8192) : bytes);
}
