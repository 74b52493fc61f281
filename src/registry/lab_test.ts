/** A lab's data folder that lost a file: what is left of the lab stays as it is. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { FakeClock, systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { silentLogger } from "../base/log.ts";
import { TempFolder } from "../storage/_testing.ts";
import { AUTHORITY_FILE, MEMBERS_FILE, SecuredLab } from "./lab.ts";
import { MemberFile } from "./member_file.ts";
import { STORE_FILE } from "./sqlite_file.ts";
import { openSqliteStore } from "./sqlite_store.ts";

const clock = systemClock;
const log = silentLogger;
const PC1 = "a".repeat(26);

Deno.test("a lab whose authority's file is gone isn't replaced by a new one, which would forget who was put out", async () => {
  using temp = new TempFolder();
  const data = temp.path;
  const lab = await SecuredLab.open({ data, clock, log });
  await lab.invite({ role: "member" });
  const invitation = lab.membership.open(clock.now())[0]!.invite;
  lab.membership.join(invitation, { id: PC1, name: "pc1", address: "10.0.0.1" }, clock.now());
  await lab.revoke("pc1");
  const kept = await Deno.readTextFile(join(data, AUTHORITY_FILE));
  await Deno.remove(join(data, AUTHORITY_FILE));

  const refused = await assertRejects(() => SecuredLab.open({ data, clock, log }), LabError);
  assertStringIncludes(refused.message, `${AUTHORITY_FILE} is missing or damaged`);
  assertEquals(await SecuredLab.isIn(data), true, "nor may an open lab take its place");

  await Deno.writeTextFile(join(data, AUTHORITY_FILE), kept);
  const again = await SecuredLab.open({ data, clock, log });
  assertEquals(again.authority, lab.authority);
  assertEquals(again.security.isRevoked(PC1), true);
});

Deno.test("a lab whose making was cut short is made anew", async () => {
  using temp = new TempFolder();
  const data = temp.path;
  await SecuredLab.open({ data, clock, log });
  await Deno.remove(join(data, AUTHORITY_FILE));
  assertEquals((await SecuredLab.open({ data, clock, log })).isNew, true);
  assertEquals(JSON.parse(await Deno.readTextFile(join(data, MEMBERS_FILE))), { invites: [], members: [] });
});

Deno.test("a lab that lost who its members are says which file is gone, and what to do", async () => {
  using temp = new TempFolder();
  const data = temp.path;
  await SecuredLab.open({ data, clock, log });
  const whole = temp.read(MEMBERS_FILE);
  for (const lose of [() => Deno.removeSync(temp.at(MEMBERS_FILE)), () => temp.file(MEMBERS_FILE, "{")]) {
    lose();
    const { message } = await assertRejects(() => SecuredLab.open({ data, clock, log }), LabError);
    assertStringIncludes(message, `${MEMBERS_FILE} is missing or damaged; put back a copy of it`);
    assertStringIncludes(message, "or move the folder away to begin a new lab");
  }
  temp.file(MEMBERS_FILE, whole);
  assertEquals((await SecuredLab.open({ data, clock, log })).isNew, false);
});

Deno.test("a lab of which only the database is left isn't replaced by a new one; an open lab's serves a secured one, too", async () => {
  using temp = new TempFolder();
  const data = temp.path;
  const registered = async (cookie: string) => {
    const store = await openSqliteStore({ dataDir: data, clock, log });
    await store.savePeers([{
      ...{ cookie, name: `pc-${cookie.length}`, host: "pc", address: "10.0.0.1", port: 23476 },
      ...{ registrations: [clock.now()], lastRegistered: clock.now(), active: true },
    }]);
    await store.close();
  };
  await registered("0f".repeat(16));
  assertEquals((await SecuredLab.open({ data, clock, log })).isNew, true);

  await registered(PC1);
  for (const name of [AUTHORITY_FILE, MEMBERS_FILE]) await Deno.remove(temp.at(name));
  const { message } = await assertRejects(() => SecuredLab.open({ data, clock, log }), LabError);
  assertStringIncludes(
    message,
    `${AUTHORITY_FILE} and ${MEMBERS_FILE} are missing or damaged; put back a copy of them`,
  );
  assertEquals(await SecuredLab.isIn(data), true, "nor may an open lab take its place");

  temp.file(STORE_FILE, "no database");
  assertEquals((await SecuredLab.open({ data, clock, log })).isNew, true, "of a damaged one nobody can tell");
});

Deno.test("a server whose authority.json was replaced by another server's is of that one's lab", async () => {
  using first = new TempFolder();
  using second = new TempFolder();
  const shared = () => MemberFile.open({ data: first.path, clock });
  const lab = await SecuredLab.open({ data: first.path, clock, log, shared });
  // It was started on the empty registry at the same moment, so it had made a lab of its own.
  await SecuredLab.open({ data: second.path, clock, log });
  await Deno.copyFile(join(first.path, AUTHORITY_FILE), join(second.path, AUTHORITY_FILE));
  const open = () => SecuredLab.open({ data: second.path, clock, log, shared });
  const [other, again] = [await open(), await open()];
  // What it shows its callers, and what it goes by itself.
  const { authority, certificate } = other.security.credentials;
  assertEquals([other.authority, authority], [lab.authority, lab.authority]);
  assertEquals(again.security.credentials.certificate, certificate, "it stays who it has become");
});

Deno.test("whoever has tried too often may try again a minute later, though the clock was set back meanwhile", async () => {
  using temp = new TempFolder();
  const clock = new FakeClock();
  const lab = await SecuredLab.open({ data: temp.path, clock, log });
  const join = { kind: "Join", name: "pc1", key: "AAAA", proof: "", possession: "" } as const;
  const refused = (why: string) =>
    assertRejects(() => lab.admit(join, "0e".repeat(32), "192.0.2.9"), LabError, why);
  for (let tries = 0; tries < LIMITS.joinTries; tries++) await refused("is wrong");
  await refused("too many");
  clock.set(-3 * 3600_000);
  clock.advance(60_000);
  await refused("is wrong");
});
