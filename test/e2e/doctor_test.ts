/** The doctors: of one PC, of a lab, and of the sandbox. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { put, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, WINDOWS } from "./lab.ts";
import { wineReady } from "../../scripts/wine/wine.ts";
import { noSegments, type Pc, Segments } from "./segments.ts";

const noNetwork = await noSegments();

labTest("peer doctor --sandbox: every way out is closed", async (lab) => {
  put(lab.pc("outside"), "hostname", "secret");
  put(lab.pc("pc"), "peer-data/peer.json", "{}");
  Deno.symlinkSync(lab.pc("outside"), join(lab.pc("pc"), "share", "out"));
  Deno.symlinkSync("/etc/hostname", join(lab.pc("pc"), "share", "hostname.txt"));
  const before = await tree(lab.pc("pc"));
  const ended = assertCode(await lab.run("peer", "pc", ["doctor", "--sandbox", "--json"]), 0);
  const tried = eventsOf(ended, "escape");
  assertEquals(eventsOf(ended, "sandbox")[0], {
    event: "sandbox",
    tried: tried.length,
    refused: tried.length,
  });
  assert(tried.length >= 9 && tried.every(({ refused }) => refused === true), JSON.stringify(tried, null, 1));
  assertMatch(
    String(tried.find(({ name }) => name === "follow a link out of the share")?.seen),
    /not followed/,
  );
  assertEquals(await tree(lab.pc("pc")), before);
  const text = assertCode(await lab.run("peer", "pc", ["doctor", "--sandbox"]), 0);
  assertMatch(text.stdout, /run a program +refused/);
});

labTest("the same under Wine", async (lab) => {
  const ended = assertCode(await lab.run("peer", "pc", ["doctor", "--sandbox", "--json"]), 0);
  const tried = eventsOf(ended, "escape");
  assert(tried.length >= 9 && tried.every(({ refused }) => refused === true), JSON.stringify(tried, null, 1));
}, { programs: WINDOWS, inheritEnv: true, skip: await wineReady() ? undefined : "no Wine here" });

labTest("peer doctor: all is well, or says what isn't", async (lab) => {
  const { address, running } = await lab.rs();
  await lab.peer("alice", address);
  await lab.peer("bob", address);
  const ended = assertCode(await lab.run("peer", "alice", ["doctor", "--json"]), 0);
  const checks = eventsOf(ended, "check");
  const health = Object.fromEntries(checks.map(({ check, health }) => [check, health]));
  for (
    const check of [
      "name",
      "share",
      "data folder",
      "server",
      "clock",
      "port from server",
      "port from bob",
      "from bob",
      "to bob",
    ]
  ) {
    assertEquals(health[check], "ok", `${check}: ${JSON.stringify(checks)}`);
  }
  assertEquals(eventsOf(ended, "doctor").map(({ faults }) => faults), [0]);
  // Without a serve it listens itself meanwhile.
  const guest = await lab.run("peer", "guest", ["doctor", "--rs", address]);
  assertCode(guest, 0);
  assertMatch(guest.stdout, /port from server +ok/);
  await running.kill();
  const alone = await lab.run("peer", "guest", ["doctor", "--rs", address]);
  assertCode(alone, 3);
  assertMatch(alone.stdout, /server +WRONG/);
});

labTest("rs doctor: everybody against everybody", async (lab) => {
  const { address } = await lab.rs();
  for (const name of ["a", "b", "c", "d"]) await lab.peer(name, address);
  const ended = await lab.run("rs", "rs", ["doctor", "--json"]);
  const ways = eventsOf(ended, "way");
  assertEquals(new Set(ways.map(({ from, to }) => `${from}>${to}`)).size, 12);
  assert(ways.every(({ rate }) => Number(rate) > 0), JSON.stringify(ways));
  const table = await lab.run("rs", "rs", ["doctor"]);
  assertMatch(table.stdout, /FROM +TO a +TO b +TO c +TO d/);
  assertCode(await lab.run("rs", "elsewhere", ["doctor"]), 3);
});

labTest("a slow cable and a closed port are found, also in a secured lab", async (lab) => {
  await using lan = await Segments.make(["a"]);
  const server = await lan.pc("s", ["a", "10.1.0.2/24"]);
  const rs = lab.start("rs", "rs", ["serve", "--json"], server.rs);
  const { code } = await rs.event("invite") as unknown as { code: string };
  const pcs = new Map<string, Pc>();
  for (const [i, name] of ["a", "b", "c", "slow"].entries()) {
    const pc = await lan.pc(name, ["a", `10.1.0.${10 + i}/24`]);
    pcs.set(name, pc);
    await lan.limit(pc, "eth0", name === "slow" ? "10mbit" : "100mbit");
    const peer = lab.start("peer", name, ["serve", "--json", "--join", code, "--name", name], pc.peer);
    await peer.event("registered");
    if (name !== "a") continue;
    const own = assertCode(await lab.run("peer", "a", ["doctor", "--json"], pc.peer), 0);
    assertEquals(eventsOf(own, "check").find(({ check }) => check === "port from server")?.health, "ok");
  }
  // It listens where others can't get at it, as behind a firewall.
  const shut = await lan.pc("shut", ["a", "10.1.0.20/24"]);
  const args = ["serve", "--json", "--join", code, "--name", "shut", "--host", "127.0.0.1"];
  await lab.start("peer", "shut", args, shut.peer).event("registered");
  const own = assertCode(await lab.run("peer", "shut", ["doctor"], shut.peer), 1);
  assertMatch(own.stdout, /port from server +WRONG[^]*ufw allow 23476\/tcp/);
  assertEquals(own.stdout.match(/ufw allow 23476/g)?.length, 1, own.stdout);
  // It takes bytes quickly; that it sends slowly shows in what others get of it.
  const slow = assertCode(await lab.run("peer", "slow", ["doctor", "--json"], pcs.get("slow")!.peer), 0);
  const rates = eventsOf(slow, "check").filter(({ check }) => /^(from|to) [abc]$/.test(String(check)));
  assertEquals(
    rates.map(({ check, health }) => `${check} ${health}`).toSorted(),
    ["from a ok", "from b ok", "from c ok", "to a warning", "to b warning", "to c warning"],
  );
  const ended = assertCode(await lab.run("rs", "rs", ["doctor", "--json"], server.rs), 1);
  const verdicts = eventsOf(ended, "verdict").map(({ kind, peer }) => [kind, peer]);
  assertEquals(verdicts, [["unreachable", "shut"], ["sends", "slow"]]);
}, { skip: noNetwork });
