/** The suite for memory and SQLite (for NATS: nats/nats_store_test.ts), then what only SQLite's file has to stand. */

import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { within } from "../base/_patience.ts";
import { FakeClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { type Logger, silentLogger } from "../base/log.ts";
import { join } from "../deps/std_path.ts";
import { contract, heldIn, peer, peersOf, receipt, row } from "./_store_contract.ts";
import { MemoryStore } from "./memory_store.ts";
import { STORE_FILE } from "./sqlite_file.ts";
import { openSqliteStore } from "./sqlite_store.ts";
import type { Store } from "./store.ts";

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

Deno.test("SQLite store: why it couldn't be written stands until it can be, whatever changes nothing", () =>
  inFolder(async (dataDir) => {
    const store = await openSqliteStore(options(dataDir));
    await store.savePeers([peer(1)]);
    assertEquals(store.fault, undefined);
    const thrown = await assertRejects(() => store.savePeers([{ ...peer(2), port: 0.5 }]), LabError);
    assertEquals(store.fault, thrown.message);
    await store.forgetPeer("nobody");
    assertEquals(store.fault, thrown.message);
    await store.tryAgain();
    assertEquals(store.fault, undefined);
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

Deno.test("SQLite store: a database of version 2 is taken over with its receipts, which are anybody's of that name", () =>
  inFolder(async (dataDir) => {
    await (await openSqliteStore(options(dataDir))).close();
    const old = new DatabaseSync(join(dataDir, STORE_FILE));
    old.exec(`
      ALTER TABLE broadcast_receipts DROP COLUMN cookie;
      INSERT INTO broadcast_receipts VALUES ('b1', 'pc1', 'done', 5, NULL, NULL);
      PRAGMA user_version = 2`);
    old.close();
    const later = receipt("b1", "pc2", { cookie: "c2" });
    for (const more of [[], [later]]) {
      const store = await openSqliteStore(options(dataDir));
      const kept = await store.broadcasts.load();
      assertEquals(kept.receipts, [receipt("b1", "pc1", { state: "done", at: 5 }), ...more]);
      await store.broadcasts.saveReceipts([later]);
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
    const listen = async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (said.length > 2000) break;
      }
    };
    try {
      await within("five hundred promises", listen());
    } finally {
      try {
        child.kill("SIGKILL");
      } catch { /* it has ended by itself, which what it promised shows */ }
      await child.status;
    }
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
