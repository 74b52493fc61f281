/** Backups made while the store is in use, and put back; what is damaged or in the way is refused. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import {
  BACKUP_FILE,
  checkBackup,
  copyKeys,
  finishBackup,
  lastBackup,
  makeBackupFolder,
  noteBackup,
} from "./backup.ts";
import { History, HISTORY_FILE } from "./history.ts";
import { AUTHORITY_FILE, SecuredLab } from "./lab.ts";
import { demandNoHalfRestore, restore } from "./restore.ts";
import { copyFile, demandGoodFile, knowsMembers, STORE_FILE } from "./sqlite_file.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const clock = systemClock;
const log = silentLogger;

function record(name: string) {
  return {
    ...{ cookie: `cookie-of-${name}`, name, host: name, address: "127.0.0.1", port: 1, active: true },
    ...{ lastRegistered: 5, registrations: [5] },
  };
}

async function namesIn(dataDir: string): Promise<string[]> {
  const store = await openSqliteStore({ dataDir, clock, log });
  const names = [...await store.loadPeers()].map(({ name }) => name);
  await store.close();
  return names;
}

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A secured lab with pc1 in its database, and a backup of it that was made while pc2 came. */
async function prepared(folder: string): Promise<{ data: string; backup: string; authority: string }> {
  const [data, stage, backup] = ["data", "stage", "backup"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const { authority } = await SecuredLab.open({ data, clock, log });
  const store = await openSqliteStore({ dataDir: data, clock, log });
  await store.savePeers([record("pc1")]);
  makeBackupFolder(stage);
  const saved = store.savePeers([record("pc2")]);
  const copied = store.copyTo(join(stage, STORE_FILE));
  const later = store.savePeers([record("pc3")]);
  await Promise.all([saved, copied, later]);
  assert(await copyKeys(data, stage));
  makeBackupFolder(backup);
  const { secured } = await finishBackup(stage, backup, { made: clock.now(), version: "1", clock });
  assert(secured);
  await store.close();
  return { data, backup, authority };
}

Deno.test("a backup holds what was asked for before it, and nothing of later; restored, it is as it was", () =>
  inFolder(async (folder) => {
    const { data, backup, authority } = await prepared(folder);
    assertEquals(await namesIn(data), ["pc1", "pc2", "pc3"]);
    if (Deno.build.os !== "windows") {
      assertEquals((await Deno.stat(join(backup, AUTHORITY_FILE))).mode! & 0o777, 0o600);
      assertEquals((await Deno.stat(backup)).mode! & 0o777, 0o700);
    }
    const { replaced } = await restore(data, backup, clock);
    assertEquals(await namesIn(data), ["pc1", "pc2"]);
    assertEquals((await SecuredLab.open({ data, clock, log })).authority, authority);
    assertEquals(await namesIn(replaced!), ["pc1", "pc2", "pc3"]);
    demandNoHalfRestore(data);
    // Into a folder where nothing was.
    const fresh = join(folder, "fresh");
    await Deno.mkdir(fresh);
    assertEquals((await restore(fresh, backup, clock)).replaced, undefined);
    assertEquals(await namesIn(fresh), ["pc1", "pc2"]);
  }));

Deno.test("a damaged, an unfinished and a foreign backup are refused, and nothing is touched", () =>
  inFolder(async (folder) => {
    const { data, backup, authority } = await prepared(folder);
    const refused = async (code: string) => {
      const error = await assertRejects(() => restore(data, backup, clock), LabError);
      assertEquals(error.code, code, error.message);
      assertEquals(await namesIn(data), ["pc1", "pc2", "pc3"]);
      assertEquals((await SecuredLab.open({ data, clock, log })).authority, authority);
      demandNoHalfRestore(data);
    };
    const said = await Deno.readTextFile(join(backup, BACKUP_FILE));
    const kept = await Deno.readFile(join(backup, STORE_FILE));
    await Deno.writeFile(join(backup, STORE_FILE), kept.with(5000, kept[5000]! ^ 1));
    await refused("integrity");
    await Deno.remove(join(backup, STORE_FILE));
    await refused("integrity");
    await Deno.writeFile(join(backup, STORE_FILE), kept);
    for (
      const wrong of [said.replace('"rs.sqlite"', '"../x"'), said.replace('"format": 1', '"format": 2'), "{"]
    ) {
      await Deno.writeTextFile(join(backup, BACKUP_FILE), wrong);
      await refused("failed");
    }
    await Deno.remove(join(backup, BACKUP_FILE));
    await refused("failed");
    await Deno.writeTextFile(join(backup, BACKUP_FILE), said);
    await checkBackup(backup);
  }));

Deno.test("after a restore that was broken off rs doesn't serve; run again, it is whole", () =>
  inFolder(async (folder) => {
    const { data, backup, authority } = await prepared(folder);
    // As a kill between the two halves leaves it: the old files are away, the new ones not in their place.
    await Deno.mkdir(join(data, ".restore"));
    await Deno.remove(join(data, AUTHORITY_FILE));
    const error = await assertRejects(async () => await Promise.try(demandNoHalfRestore, data), LabError);
    assertEquals(error.code, "failed");
    await restore(data, backup, clock);
    demandNoHalfRestore(data);
    assertEquals((await SecuredLab.open({ data, clock, log })).authority, authority);
  }));

Deno.test("a backup never goes where something is", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "x"), "");
    const error = await assertRejects(async () => await Promise.try(makeBackupFolder, folder), LabError);
    assertEquals(error.code, "failed");
    makeBackupFolder(join(folder, "a", "b"));
  }));

Deno.test("without a server the file itself is copied; a damaged one isn't", () =>
  inFolder(async (folder) => {
    const { data } = await prepared(folder);
    const copy = join(folder, "copy");
    await Deno.mkdir(copy);
    await copyFile(data, join(copy, STORE_FILE));
    assertEquals(await namesIn(copy), ["pc1", "pc2", "pc3"]);
    await Deno.writeTextFile(join(data, STORE_FILE), "no database".repeat(1000));
    await assertRejects(() => copyFile(data, join(copy, "again")), LabError);
    await assertRejects(() => copyFile(join(folder, "nowhere"), join(copy, "again")), LabError);
  }));

Deno.test("the last backup is remembered; a damaged note is none", () =>
  inFolder(async (folder) => {
    assertEquals(lastBackup(folder), undefined);
    const last = { made: "2026-01-01T00:00:00.000Z", path: "/x" };
    const said: string[] = [];
    const setting = { clock, log: { warn: (line: string) => said.push(line) } };
    await noteBackup(folder, last, setting);
    assertEquals([lastBackup(folder), said], [last, []]);
    await Deno.writeTextFile(join(folder, "last-backup.json"), '{"made":5}');
    assertEquals(lastBackup(folder), undefined);
    // As on a full disk: what was backed up stays so.
    await noteBackup(join(folder, "nowhere"), last, setting);
    assertEquals(said.length, 1);
    assertStringIncludes(said[0]!, "rs status won't tell of this backup");
  }));

Deno.test("where a full disk has no room for SQLite's shared memory all is opened, looked into and copied as ever", () =>
  inFolder(async (folder) => {
    const store = await openSqliteStore({ dataDir: folder, clock, log });
    await store.savePeers([{ ...record("pc1"), cookie: "m".repeat(26) }]);
    await store.close();
    History.open({ dataDir: folder, clock, log }).close();
    // Whoever wants it can't have it.
    for (const name of [STORE_FILE, HISTORY_FILE]) Deno.symlinkSync("nowhere", join(folder, `${name}-shm`));
    assert(knowsMembers(folder));
    await copyFile(folder, join(folder, "copy"));
    demandGoodFile(join(folder, STORE_FILE));
    assertEquals(await namesIn(folder), ["pc1"]);
    History.open({ dataDir: folder, clock, log }).close();
  }));
