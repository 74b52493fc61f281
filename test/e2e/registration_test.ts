/** Registering over its whole life: the record, the index that follows the share, restarts, kills, the course's scenario. */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import type { JsonLine, Lab } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, sha256, textUntil } from "./files.ts";
import { assertCode, jsonLines, labTest, sentence, whileStopped } from "./lab.ts";

async function peersAt(lab: Lab): Promise<JsonLine[]> {
  return jsonLines(assertCode(await lab.run("rs", "rs", ["peers", "--json"]), 0).stdout);
}

labTest(
  "index.csv: its columns; a deleted file has flag 0 within an interval, and 1 when it is back",
  async (lab) => {
    const { address, running: rs } = await lab.rs();
    const folder = lab.pc("bob");
    const a = put(folder, "share/a.txt", "content of a");
    put(folder, 'share/x,y/=1+1, "quoted".txt'.replaceAll('"', "'"), "b");
    await lab.peer("bob", address, "--index-interval", "1");
    const csv = join(folder, "peer-data/index.csv");
    const first = (await textUntil(csv, (text) => text.includes("a.txt"))).split("\r\n");
    assertEquals(first[0]!.replace("\ufeff", ""), "name,title,size,sha256,modified,flag");
    const rowOfA = (flag: number) =>
      new RegExp(`^a\\.txt,,12,${sha256("content of a")},\\d{4}-.*Z,${flag}\r?$`, "m");
    assertMatch(first.join("\n"), rowOfA(1));
    assertMatch(first.join("\n"), /^"x,y\/=1\+1, 'quoted'\.txt",,1,/m);

    const deleted = performance.now();
    Deno.removeSync(a);
    await textUntil(csv, (text) => rowOfA(0).test(text));
    // An interval is a second here; the ordinary one would be half a minute.
    assert(performance.now() - deleted < 15_000, `flag 0 after ${performance.now() - deleted} ms`);
    // The registration server knows it, too.
    await rs.said(/Announce +bob: 0 files, 1 gone/);
    assertMatch(
      sentence(assertCode(await lab.run("peer", "tool", ["fetch", "a.txt", "--rs", address]), 1)),
      /no active peer holds it/,
    );
    put(folder, "share/a.txt", "content of a");
    await textUntil(csv, (text) => rowOfA(1).test(text));
    assert(!rowOfA(0).test(Deno.readTextFileSync(csv)), "one row only");
  },
);

labTest("a damaged index.csv doesn't stop a peer", async (lab) => {
  const { address } = await lab.rs();
  const folder = lab.pc("bob");
  put(folder, "share/a.txt", "content");
  put(folder, "peer-data/index.csv", bytesOf(3000, 7));
  const bob = await lab.peer("bob", address);
  await bob.said(/index\.csv/);
  assertMatch(
    await textUntil(join(folder, "peer-data/index.csv"), (t) => t.includes("a.txt")),
    /^\ufeff?name,title/,
  );
});

labTest("the record is kept over restarts of peer and server; kill -9 of the server", async (lab) => {
  const { address, port, running: rs } = await lab.rs();
  const bob = await lab.peer("bob", address);
  const { cookie } = await bob.event("registered");
  const alice = await lab.peer("alice", address);

  // The peer restarts, by a kill: without the name, which it knows.
  await bob.kill();
  const again = lab.start("peer", "bob", ["serve", "--json", "--port", "0"]);
  assertEquals((await again.event("registered")).cookie, cookie);
  const [, second] = await peersAt(lab);
  assertEquals([second?.name, second?.active, second?.registrations30d], ["bob", true, 2]);

  // The server is killed and comes back on its port; both peers come back by themselves.
  await rs.kill();
  const restarted = await lab.rs("rs", "--port", String(port));
  await again.events("registered", 2);
  await alice.events("registered", 2);
  assertEquals((await again.events("registered", 2))[1]?.cookie, cookie);
  const after = await peersAt(lab);
  assertEquals(after.map((p) => [p.name, p.active, p.registrations30d]), [["alice", true, 2], [
    "bob",
    true,
    3,
  ]]);

  // Both restart, in order.
  await again.kill("SIGTERM");
  await restarted.running.kill("SIGTERM");
  await lab.rs("rs", "--port", String(port));
  const last = await lab.peer("bob", address);
  assertEquals((await last.event("registered")).cookie, cookie);
  assertEquals((await peersAt(lab)).find((p) => p.name === "bob")?.registrations30d, 4);
});

labTest("a taken name gets -2; a peer that is killed is inactive after the grace", async (lab) => {
  const { address, running: rs } = await lab.rs();
  const first = await lab.peer("bob", address);
  const second = lab.start("peer", "other", [
    "serve",
    "--json",
    "--rs",
    address,
    "--name",
    "bob",
    "--port",
    "0",
  ]);
  const registered = await second.event("registered");
  assertEquals(registered.peer, "bob-2");
  assertNotEquals(registered.cookie, (await first.event("registered")).cookie);
  // Who dials it finds whom it looked for.
  put(lab.pc("bob"), "share/a.txt", "a");
  assertCode(await lab.run("peer", "bob", ["send", "share/a.txt", "--to", "bob-2"]), 0);
  await second.kill();
  await rs.said(/Lost +bob-2/);
  const before = await peersAt(lab);
  assertEquals(before.map((p) => [p.name, p.active]), [["bob", true], ["bob-2", true]]);
  await rs.said(/Inactive +bob-2/);
  const after = await peersAt(lab);
  assertEquals(after.map((p) => [p.name, p.active, Number(p.ttl) > 0]), [["bob", true, true], [
    "bob-2",
    false,
    false,
  ]]);
});

labTest("a TTL that runs out", async (lab) => {
  const { address, running: rs } = await lab.rs("rs", "--ttl", "1");
  const bob = await lab.peer("bob", address);
  assertEquals((await bob.event("registered")).ttl, 1);
  // Stopped, it can't keep itself alive; its connection stays.
  await whileStopped(bob, () => rs.said(/Inactive +bob: its TTL ran out/));
  await bob.events("registered", 2);
});

labTest(
  "the course's scenario: B holds two, A none; A fetches one; B leaves; A's list is empty",
  async (lab) => {
    const { address } = await lab.rs();
    const one = bytesOf(2 * MB, 1);
    put(lab.pc("B"), "share/rfc1.txt", one);
    put(lab.pc("B"), "share/rfc2.txt", bytesOf(MB, 2));
    const b = await lab.peer("B", address);
    await lab.peer("A", address);
    const peers = async () =>
      jsonLines(assertCode(await lab.run("peer", "A", ["peers", "--json"]), 0).stdout);
    assertEquals((await peers()).map((p) => p.name), ["B"]);
    assertCode(await lab.run("peer", "A", ["fetch", "rfc1.txt"]), 0);
    assertFile(join(lab.pc("A"), "share/rfc1.txt"), one);
    assertCode(await lab.run("peer", "B", ["leave"]), 0);
    assertEquals((await b.ended).code, 0);
    assertEquals(await peers(), []);
    const last = await lab.run("peer", "A", ["fetch", "rfc2.txt"]);
    assert(last.code === 1 || last.code === 3, `exit ${last.code}`);
    assertMatch(sentence(last), /rfc2\.txt: no other peer is active/);
  },
);

labTest("peer serve waits for a registration server that isn't there yet", async (lab) => {
  const { port, address, running } = await lab.rs();
  await running.kill();
  const bob = lab.start("peer", "bob", ["serve", "--json", "--rs", address, "--name", "bob", "--port", "0"]);
  await bob.event("listening");
  await bob.said(/Trying again/);
  await lab.rs("rs", "--port", String(port));
  await bob.event("registered");
});
