/** Finding the registration server without being told where it is, on PCs with network cards of their own. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Lab, Launcher, Running } from "../../scripts/programs.ts";
import { assertCode, DIST, eventsOf, labTest, sentence } from "./lab.ts";
import { noSegments, Segments } from "./segments.ts";
import { QUESTION, shows } from "./terminal.ts";

const skip = await noSegments();

/** Starts a registration server that can be found; gives the line `listening`. */
async function rsServe(lab: Lab, name: string, launcher: Launcher, ...flags: string[]): Promise<Running> {
  const rs = lab.start("rs", name, ["serve", "--json", ...flags], launcher);
  await rs.event("listening");
  return rs;
}

labTest("a peer finds its server through the right one of several cards", async (lab) => {
  await using lan = await Segments.make(["a"]);
  // The same virtual adapter on both, first in the list: its address is each PC's own.
  const server = await lan.pc("s", ["-", "192.168.56.1/24"], ["a", "10.1.0.2/24"]);
  const pc = await lan.pc("p", ["-", "192.168.56.1/24"], ["a", "10.1.0.7/24"]);
  await rsServe(lab, "rs", server.rs, "--open", "--port", "4321");
  const peer = lab.start("peer", "alice", ["serve", "--json", "--name", "alice"], pc.peer);
  await peer.event("registered");
  assertMatch(peer.stderr, /Found the lab .* at 10\.1\.0\.2:4321/);

  // A PC that has never served asks for itself; one that has, remembers.
  const other = await lan.pc("q", ["a", "10.1.0.8/24"]);
  const peers = assertCode(await lab.run("peer", "bob", ["peers", "--json"], other.peer), 0);
  assertEquals(eventsOf(peers, "peer").map(({ name, address }) => [name, address]), [["alice", "10.1.0.7"]]);
  const fromAway = assertCode(await lab.run("rs", "desk", ["peers", "--json"], other.rs), 0);
  assertEquals(eventsOf(fromAway, "peer").length, 1);
  const here = assertCode(await lab.run("peer", "carol", ["peers", "--json"], server.peer), 0);
  assertEquals(eventsOf(here, "peer").length, 1);
}, { skip });

labTest("nothing is found within 2 s; a server may hide", async (lab) => {
  await using lan = await Segments.make(["a"]);
  const server = await lan.pc("s", ["a", "10.1.0.2/24"]);
  const pc = await lan.pc("p", ["a", "10.1.0.7/24"]);
  await rsServe(lab, "rs", server.rs, "--open", "--no-discovery");
  const timed = async (code: number, ...args: string[]) => {
    const began = performance.now();
    const ended = assertCode(await lab.run("peer", "alice", ["peers", ...args], pc.peer), code);
    return { ended, ms: performance.now() - began };
  };
  const { ended, ms } = await timed(3);
  assertMatch(sentence(ended), /none is known on this PC yet, and none answered.*--rs HOST/);
  // 1.7 s for the search, and what starting a program takes: on a busy machine it takes long, and not always as long.
  const told = await timed(0, "--rs", "10.1.0.2");
  assert(ms > 1_600 && ms < 1_700 + 5 * told.ms, `${ms} ms; ${told.ms} ms where the server was named`);
}, { skip });

labTest(
  "two labs: the person chooses; --rs always wins; a PC without anybody at it gets a list",
  async (lab) => {
    await using lan = await Segments.make(["a", "b"]);
    const one = await lan.pc("s1", ["a", "10.1.0.2/24"]);
    const two = await lan.pc("s2", ["b", "10.2.0.2/24"]);
    const pc = await lan.pc("p", ["a", "10.1.0.7/24"], ["b", "10.2.0.7/24"]);
    await rsServe(lab, "rs1", one.rs, "--open");
    const second = await rsServe(lab, "rs2", two.rs, "--open", "--port", "4000");
    const ended = assertCode(await lab.run("peer", "alice", ["peers"], pc.peer), 2);
    assertMatch(
      sentence(ended),
      /2 answer on this network: .*10\.1\.0\.2:23475, open.*; .*10\.2\.0\.2:4000, open.*--rs/,
    );
    assertCode(await lab.run("peer", "alice", ["peers", "--rs", "10.2.0.2:4000"], pc.peer), 0);
    const doctor = assertCode(await lab.run("peer", "alice", ["doctor"], pc.peer), 2);
    assertMatch(doctor.stdout, /server +WRONG[^]*Say which one, with --rs/);

    const line = `stty cols 120 rows 30; nsenter --net=/run/netns/${pc.namespace} -- ${DIST}/peer peers`;
    const env = { TERM: "xterm-256color", SHELL: "/bin/sh", PATH: "/usr/bin:/usr/sbin:/bin:/sbin" };
    const person = lab.start("peer", "bob", ["-qefc", line, "/dev/null"], ["/usr/bin/script"], {
      env,
      stdin: "piped",
    });
    await shows(
      person,
      /Which lab\?[^]*10\.1\.0\.2:23475[^]*10\.2\.0\.2:4000/,
    );
    await person.type("\r");
    await shows(person, /No other peer is active/);
    assert(!QUESTION.test(person.stdout));
    assertEquals((await person.ended).code, 0);

    // Who goes says so: the other one is left.
    await second.kill("SIGINT");
    assertCode(await lab.run("peer", "alice", ["peers"], pc.peer), 0);
  },
  { skip },
);

labTest("a join code leads to its own lab, whoever else answers; so does a membership", async (lab) => {
  await using lan = await Segments.make(["a"]);
  const [home, other, pc] = [
    await lan.pc("s1", ["a", "10.1.0.2/24"]),
    await lan.pc("s2", ["a", "10.1.0.3/24"]),
    await lan.pc("p", ["a", "10.1.0.7/24"]),
  ];
  const rs = await rsServe(lab, "rs", home.rs);
  await rsServe(lab, "foreign", other.rs, "--open");
  const { code } = await rs.event("invite") as unknown as { code: string };
  const peer = lab.start("peer", "alice", ["serve", "--json", "--join", code], pc.peer);
  await peer.event("registered");
  await peer.kill("SIGINT");
  // It remembers the server; without that, its membership leads there.
  await Deno.remove(`${lab.pc("alice")}/peer-data/peer.json`);
  assertCode(await lab.run("peer", "alice", ["peers"], pc.peer), 0);
  await rs.kill("SIGINT");
  const ended = assertCode(await lab.run("peer", "alice", ["peers", "--rs", "10.1.0.2"], pc.peer), 3);
  assertMatch(sentence(ended), /Cannot reach the registration server/);
  await Deno.remove(`${lab.pc("alice")}/peer-data/peer.json`).catch(() => {});
  const lost = assertCode(await lab.run("peer", "alice", ["peers"], pc.peer), 3);
  assertMatch(sentence(lost), /only others answered/);
}, { skip });
