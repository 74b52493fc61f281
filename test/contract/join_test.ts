/** Joining over real sockets, newcomer and registration server in one process: a whole lab at once, and who is kept out. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { until } from "../../src/base/_patience.ts";
import { systemClock } from "../../src/base/clock.ts";
import { join } from "@std/path";
import type { Bytes } from "../../src/base/bytes.ts";
import { LabError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { systemRandom } from "../../src/base/random.ts";
import { parseCode } from "../../src/join/code.ts";
import { exportPublic, generateKeys, importPrivate } from "../../src/join/keys.ts";
import { LabSecurity } from "../../src/join/lab_security.ts";
import { Membership } from "../../src/join/membership.ts";
import { makeJoin } from "../../src/join/request.ts";
import type { PeerContext } from "../../src/peer/context.ts";
import { joinLab } from "../../src/peer/join.ts";
import { forgetJoining, joiningKeys } from "../../src/peer/joining_file.ts";
import { connectRs } from "../../src/peer/rs_client.ts";
import { SecuredLab } from "../../src/registry/lab.ts";
import { MemoryStore } from "../../src/registry/memory_store.ts";
import { startRegistry } from "../../src/registry/server.ts";
import type { Admission } from "../../src/transport/security.ts";
import { Watchdog } from "../../src/transport/watchdog.ts";

const clock = systemClock;
const quiet = () => {};
const context: PeerContext = {
  clock,
  random: systemRandom,
  log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  watchdog: new Watchdog(clock),
  agent: "test",
};
const signal = new AbortController().signal;

/** A registration server of a fresh lab. */
async function serve(
  warn: (line: string) => void = quiet,
  admissionOf: (lab: SecuredLab) => Admission = (lab) => lab,
) {
  const data = await Deno.makeTempDir({ prefix: "labswarm-" });
  const lab = await SecuredLab.open({ data, ...context, log: { ...context.log, warn } });
  const server = await startRegistry({
    ...context,
    host: "127.0.0.1",
    port: 0,
    data: { store: new MemoryStore() },
    ttlSeconds: 7200,
    security: lab.security,
    admission: admissionOf(lab),
  });
  const join = async (name: string, code: string) =>
    await LabSecurity.from(await joinLab({ rs: server.address, code, name, signal }, context));
  const link = (security: LabSecurity) =>
    connectRs(server.address, { role: "peer", name: "whoever", agent: "test" }, { ...context, security });
  return {
    lab,
    server,
    join,
    link,
    data,
    async [Symbol.asyncDispose]() {
      await server.close();
      await Deno.remove(data, { recursive: true });
    },
  };
}

Deno.test("32 PCs of one host name join at once; each has a name and an id of its own, kept on disk", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "member" });
  const members = await Promise.all(Array.from({ length: 32 }, () => rs.join("pc", code)));
  assertEquals(new Set(members.map(({ self }) => self.id)).size, 32);
  assertEquals(new Set(members.map(({ self }) => self.name)).size, 32);
  const again = await SecuredLab.open({ data: rs.data, ...context });
  assertEquals(again.isNew, false);
  assertEquals(again.membership.toJSON(), rs.lab.membership.toJSON());
  assertEquals(again.membership.members.length, 32);
  const link = await rs.link(members[0]!);
  const registered = await link.request(
    { kind: "Register", name: "other", host: "h", port: 1 },
    "Registered",
  );
  assertEquals([registered.peer, registered.cookie], [members[0]!.self.name, members[0]!.self.id]);
  link.close();
});

Deno.test("a PC whose answer got lost comes again with its key, though its code is used up; nobody else does", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "lead", uses: 1 });
  const data = await Deno.makeTempDir({ prefix: "labswarm-" });
  const attempt = async (name: string) => {
    const keys = () => joiningKeys(data, code, clock);
    return await joinLab({ rs: rs.server.address, code, name, keys, signal }, context);
  };
  // Cut between the server's word and the file.
  const lost = await attempt("pc");
  const again = await attempt("another");
  assertEquals([again.card.key, again.card.name, again.card.role], [lost.card.key, "pc", "lead"]);
  assertEquals(again.key, lost.key);
  assertEquals(rs.lab.membership.members.length, 1);
  (await rs.link(await LabSecurity.from(again))).close();
  await assertRejects(() => rs.join("other", code), LabError, "used up");
  // Another code is another invitation, and once the membership is kept the next join is somebody new.
  const { code: second } = await rs.lab.invite({ role: "member" });
  const fresh = await exportPublic((await joiningKeys(data, second, clock)).publicKey);
  assert(fresh !== lost.card.key);
  await forgetJoining(data);
  assert(fresh !== await exportPublic((await joiningKeys(data, second, clock)).publicKey));
  // Who was put out isn't let in by it.
  await rs.lab.revoke("pc");
  const wish = { name: "pc", key: lost.card.key };
  const at = { nonce: "0e".repeat(32), authority: rs.lab.authority };
  const own = await importPrivate(lost.key);
  const join = await makeJoin(wish, { secret: parseCode(code).secret, own }, at);
  const out = () => rs.lab.admit({ ...join, kind: "Join" }, at.nonce, "192.0.2.9");
  await assertRejects(out, LabError, "revoked");
  // Nor somebody who knows the key's public half only.
  const { privateKey: other } = await generateKeys();
  const false1 = await makeJoin(wish, { secret: parseCode(code).secret, own: other }, at);
  await assertRejects(
    () => rs.lab.admit({ ...false1, kind: "Join" }, at.nonce, "192.0.2.9"),
    LabError,
    "is wrong",
  );
  await Deno.remove(data, { recursive: true });
});

Deno.test("who comes again while it is being kept that it joined is told when it is; where it can't be, nobody has joined", async () => {
  const data = await Deno.makeTempDir({ prefix: "labswarm-" });
  const kept = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const membership = new Membership();
  let asks = 0;
  const lab = await SecuredLab.open({
    ...{ data, ...context },
    shared: () =>
      Promise.resolve({
        membership,
        invite: async (invite) => void await membership.invite(invite, clock.now()),
        async join(invite, who) {
          const isNew = membership.byId(who.id) === undefined;
          const member = membership.join(invite, who, clock.now());
          if (++asks === 2) asked.resolve();
          await kept.promise.catch((thrown) => {
            if (isNew) membership.undoJoin(member, invite!);
            throw thrown;
          });
          return member;
        },
        revoke: (who) => Promise.resolve(membership.revoke(who, clock.now())),
      }),
  });
  const { code } = await lab.invite({ role: "member", uses: 1 });
  const keys = await generateKeys();
  const at = { nonce: "0e".repeat(32), authority: lab.authority };
  const proofs = { secret: parseCode(code).secret, own: keys.privateKey };
  const join = await makeJoin({ name: "pc", key: await exportPublic(keys.publicKey) }, proofs, at);
  const ask = () => lab.admit({ ...join, kind: "Join" }, at.nonce, "192.0.2.9");
  const first = assertRejects(ask, LabError, "full");
  await until("it is counted", () => membership.members.length === 1);
  const second = ask();
  await Promise.race([asked.promise, second]);
  kept.reject(new LabError("disk_full", "The disk is full"));
  await first;
  await assertRejects(() => second, LabError, "full");
  assertEquals([membership.members, membership.open(clock.now()).length], [[], 1]);
  await Deno.remove(data, { recursive: true });
});

Deno.test("where the lab isn't reached, or is another than the code's, no keys are kept: that disk may be copied", async () => {
  await using rs = await serve();
  await using other = await serve();
  const { code } = await other.lab.invite({ role: "member" });
  const data = await Deno.makeTempDir({ prefix: "labswarm-" });
  const keys = () => joiningKeys(data, code, clock);
  const join = (at: typeof rs) => joinLab({ rs: at.server.address, code, name: "pc", keys, signal }, context);
  const left = () => [...Deno.readDirSync(data)].map(({ name }) => name);
  await assertRejects(() => join(rs), LabError);
  assertEquals(left(), []);
  await other.server.close();
  await assertRejects(() => join(other), LabError);
  assertEquals(left(), []);
  await Deno.remove(data, { recursive: true });
});

Deno.test("what was kept of a join is damaged: new keys, and no error", async () => {
  const data = await Deno.makeTempDir({ prefix: "labswarm-" });
  const code = "WESXK-T5D8V-2Q0M4-JH7RC-9AYB3";
  const publicOf = async () => await exportPublic((await joiningKeys(data, code, clock)).publicKey);
  const first = await publicOf();
  assertEquals(await publicOf(), first);
  const path = join(data, "joining.json");
  const kept = JSON.parse(await Deno.readTextFile(path));
  for (
    const text of ["", "{", JSON.stringify({ ...kept, key: "x" }), JSON.stringify({ ...kept, publicKey: "" })]
  ) {
    await Deno.writeTextFile(path, text);
    const next = await publicOf();
    assert(next !== first);
    assertEquals(await publicOf(), next);
  }
  await Deno.remove(data, { recursive: true });
});

Deno.test("many wrong codes at the same moment are no more tries than one after the other, and no flood of the log", async () => {
  const warned: string[] = [];
  await using rs = await serve((line) => warned.push(line));
  const { code } = await rs.lab.invite({ role: "member" });
  const { secret } = parseCode(code);
  const keys = await generateKeys();
  const wish = { name: "pc", key: await exportPublic(keys.publicKey) };
  const at = { nonce: "0f".repeat(32), authority: rs.lab.authority };
  const attempt = async (secret: Bytes) => ({
    ...await makeJoin(wish, { secret, own: keys.privateKey }, at),
    kind: "Join" as const,
  });
  const wrong = await Promise.all(
    Array.from({ length: 40 }, (_, i) => attempt(secret.map((byte) => byte ^ (i + 1)) as Bytes)),
  );
  const right = await attempt(secret);
  const end = (join: typeof right) =>
    rs.lab.admit(join, at.nonce, "192.0.2.7").then(() => "in", (thrown) => String(thrown.message));
  const ends = await Promise.all(wrong.map(end));
  const told = (word: string) => ends.filter((each) => each.includes(word)).length;
  assertEquals([told("is wrong"), told("too many")], [LIMITS.joinTries, 40 - LIMITS.joinTries]);
  // Whoever guesses at the same moment has no more tries either; base/tries_test.ts has them end in a known order.
  assertMatch(await end(right), /too many/);
  assertEquals(warned.length, LIMITS.joinTries);
  assertEquals((await rs.lab.admit(right, at.nonce, "192.0.2.8")).kind, "Joined");
});

Deno.test("a damaged authority is no reason to make a new lab, nor to open this one to anybody", async () => {
  await using rs = await serve();
  const path = join(rs.data, "authority.json");
  const whole = await Deno.readTextFile(path);
  for (const damaged of ["", whole.slice(0, -20), "{}", "\0\0\0"]) {
    await Deno.writeTextFile(path, damaged);
    assertEquals(await SecuredLab.isIn(rs.data), true);
    const e = await assertRejects(() => SecuredLab.open({ data: rs.data, ...context }), LabError, "damaged");
    assertEquals(e.message.includes(whole.slice(-80, -60)), false);
    assertEquals(await Deno.readTextFile(path), damaged);
  }
});

Deno.test("another's cookie is refused, whatever is asked with it", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "member" });
  const [alice, bob] = await Promise.all([rs.join("alice", code), rs.join("bob", code)]);
  const [a, b] = await Promise.all([rs.link(alice), rs.link(bob)]);
  for (const [link, name] of [[a, "alice"], [b, "bob"]] as const) {
    await link.request({ kind: "Register", name, host: "h", port: 1 }, "Registered");
  }
  const cookie = alice.self.id;
  const refused = (asking: Promise<unknown>) =>
    assertRejects(() => asking, LabError, "another peer's").then(({ code }) =>
      assertEquals(code, "not_permitted")
    );
  await refused(b.request({ kind: "KeepAlive", cookie }, "Alive"));
  await refused(b.request({ kind: "Leave", cookie }, "Left"));
  await refused(b.request({ kind: "PQuery", cookie }, "Peers"));
  await refused(b.request({ kind: "RFCQuery", cookie }, "RFCIndex"));
  await refused(b.request({ kind: "Announce", cookie, reset: true, rows: [], gone: [] }, "Announced"));
  await refused(
    (await rs.link(bob)).request({ kind: "Register", name: "x", host: "h", port: 1, cookie }, "Registered"),
  );
  assertEquals((await a.request({ kind: "KeepAlive", cookie }, "Alive")).ttl, 7200);
  const { peers } = await a.request({ kind: "PQuery", cookie }, "Peers");
  assertEquals(peers.map(({ name, id }) => [name, id]), [["bob", bob.self.id]]);
  a.close();
  b.close();
});

Deno.test("who was revoked is gone at once: from the list, from its connections, from the others' trust", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "member" });
  const [alice, bob] = await Promise.all([rs.join("alice", code), rs.join("bob", code)]);
  const heard = Promise.withResolvers<readonly string[]>();
  const identity = { role: "peer" as const, agent: "test" };
  const a = await connectRs(rs.server.address, identity, { ...context, security: alice }, {
    handler: (message, exchange) => {
      if (message.kind === "Revoked" && message.ids.length > 0) heard.resolve(message.ids);
      return exchange.send({ kind: "Heard" });
    },
  });
  const b = await rs.link(bob);
  for (const link of [a, b]) {
    await link.request({ kind: "Register", name: "n", host: "h", port: 1 }, "Registered");
  }
  await rs.lab.revoke("bob");
  await b.closed;
  assertEquals(await heard.promise, [bob.self.id]);
  assertEquals((await a.request({ kind: "PQuery" }, "Peers")).peers.map(({ name }) => name), ["alice"]);
  await assertRejects(() => rs.link(bob), LabError, "revoked");
  await assertRejects(() => rs.lab.revoke("rs"), LabError, "the registration server itself");
  a.close();
});

Deno.test("a broadcast whose lead was revoked before any PC had it whole says why it waits", async () => {
  await using rs = await serve();
  const [lead, member] = await Promise.all(
    (["lead", "member"] as const).map(async (role) =>
      await rs.join(role, (await rs.lab.invite({ role })).code)
    ),
  );
  const a = await rs.link(lead!);
  // It is offered the file, and gets on with it for ever.
  const handler = () => new Promise<void>(() => {});
  const b = await connectRs(rs.server.address, { role: "peer", agent: "test" }, {
    ...context,
    security: member,
  }, { handler });
  for (const link of [a, b]) {
    await link.request({ kind: "Register", name: "n", host: "h", port: 1 }, "Registered");
  }
  const told = { id: "b0", name: "a.iso", peer: "lead", cookie: lead!.self.id, lasts: 3600 };
  await a.request({ kind: "Broadcast", ...told, at: 0, files: [["a.iso", 1, "0f".repeat(32)]] }, "Noted");
  await a.request({ kind: "Receipts", id: "b0", peers: [], over: true }, "Noted");
  const row = async () => {
    const [one] = (await b.request({ kind: "BQuery" }, "Broadcasts")).broadcasts;
    return { state: one!.state, waiting: one!.waiting, reason: one!.reason };
  };
  assertEquals(await row(), { state: "waiting", waiting: 1, reason: undefined });
  await rs.lab.revoke("lead");
  const { reason, ...stands } = await row();
  assertEquals(stands, { state: "waiting", waiting: 1 });
  assertMatch(reason!, /^no PC has it whole, and lead, which sent it, was revoked; withdraw it, or/);

  const own = await rs.link(rs.lab.security);
  await own.request({ kind: "Receipts", id: "b0", peers: [{ name: "member", state: "done" }] }, "Noted");
  assertEquals(await row(), { state: "done", waiting: 0, reason: undefined });
  own.close();
  b.close();
});

Deno.test("who is revoked is out even where that can't be kept; and is told to be so only for now", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "member" });
  const bob = await rs.join("bob", code);
  const link = await rs.link(bob);
  // The file is written under this name first.
  const inTheWay = join(rs.data, "members.json.new");
  await Deno.mkdir(join(inTheWay, "full"), { recursive: true });
  await assertRejects(() => rs.lab.revoke("bob"), LabError, "bob is out for as long as this server runs");
  await link.closed;
  await assertRejects(() => rs.link(bob), LabError, "revoked");
  await Deno.remove(inTheWay, { recursive: true });
  assertEquals((await rs.lab.revoke(bob.self.id)).name, "bob");
  const kept = await SecuredLab.open({ data: rs.data, ...context });
  assertEquals(kept.membership.revoked, [bob.self.id]);
});

Deno.test("a code that is somebody's guess: nothing but a sentence, and soon not even a look at it", async () => {
  await using rs = await serve();
  const { code } = await rs.lab.invite({ role: "member" });
  const other = (await rs.lab.invite({ role: "lead", uses: 1 })).code;
  await rs.join("first", other);
  const guess = () => assertRejects(() => rs.join("x", other), LabError);
  for (let i = 0; i < 5; i++) assert((await guess()).message.includes("used up"));
  assert((await guess()).message.includes("too many"));
  await assertRejects(() => rs.join("x", code), LabError, "too many");
});

Deno.test("joining: a server that has lost the registry is asked again, by the same key, and the code is used once", async () => {
  const keys: string[] = [];
  // What the first attempt came to isn't known: its answer is lost.
  const losing = (lab: SecuredLab): Admission => ({
    authority: lab.authority,
    admit: async (asked, nonce, from) => {
      keys.push(asked.key);
      const answer = await lab.admit(asked, nonce, from);
      if (keys.length < 3) throw new LabError("unreachable", "NATS does not answer");
      return answer;
    },
  });
  const said: string[] = [];
  await using server = await serve(quiet, losing);
  const { code } = await server.lab.invite({ role: "member", uses: 2 });
  const impatient = {
    ...context,
    log: { ...context.log, warn: (line: string) => void said.push(line) },
    clock: { ...clock, sleep: () => Promise.resolve() },
  };
  const { card } = await joinLab({ rs: server.server.address, code, name: "pc", signal }, impatient);
  assertEquals([card.name, keys.length, new Set(keys).size], ["pc", 3, 1]);
  const { membership } = server.lab;
  assertEquals([membership.members.length, membership.open(clock.now())[0]?.invite.uses], [1, 1]);
  assertEquals(said.length, 1);
  assertMatch(said[0]!, /^Cannot join at 127\.0\.0\.1:\d+: NATS does not answer/);
});
