/** A lab's data folder that lost a file: what is left of the lab stays as it is. */

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { systemClock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import { silentLogger } from "../base/log.ts";
import { TempFolder } from "../storage/_testing.ts";
import { AUTHORITY_FILE, MEMBERS_FILE, SecuredLab } from "./lab.ts";

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
