/** What a person mistypes, and names that stand in each other's way: told in a sentence, or solved without loss. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { assertFile, bytesOf, MB, put, shared, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, sentence } from "./lab.ts";

labTest("a name that no peer can have, a place that is none, a folder that is a file", async (lab) => {
  const { address, running } = await lab.rs();
  put(lab.pc("rs"), "share/a.txt", "a");
  await lab.peer("bob", address);
  for (const name of ["../x", "rs", "all", "bob/"]) {
    const refused = assertCode(await lab.run("rs", "rs", ["broadcast", "share/a.txt", "--to", name]), 2);
    assertMatch(sentence(refused), /no peer is called that/);
  }
  // Nothing of it is remembered, and waits for somebody who never comes.
  assertEquals(assertCode(await lab.run("rs", "rs", ["broadcasts", "--json"]), 0).lines, []);

  for (const place of ["user@127.0.0.1:1", "hôte", "::1:23475", "a,b"]) {
    const refused = assertCode(await lab.run("peer", "pc", ["peers", "--rs", place]), 2);
    assertMatch(sentence(refused), /HOST\[:PORT\]/);
  }

  put(lab.pc("bob"), "share/b.txt", "b");
  await running.said(/Announce +bob: 1 file/);
  put(lab.pc("pc"), "share/taken", "mine");
  for (const out of ["share/taken", "share/taken/below"]) {
    const args = ["fetch", "b.txt", "--rs", address, "--out", out];
    assertMatch(sentence(assertCode(await lab.run("peer", "pc", args), 1)), /a file is there; name another/);
  }
  assertFile(join(lab.pc("pc"), "share/taken"), "mine");
});

labTest("a path that isn't there is said before any server is looked for", async (lab) => {
  const args = [["rs", "broadcast"], ["peer", "broadcast"], ["peer", "send", "--to", "bob"]] as const;
  for (const [program, ...words] of args) {
    const said = sentence(assertCode(await lab.run(program, "pc", [...words, "share/none"]), 1));
    assertMatch(said, /^Cannot send .*share\/none: it is not there/);
  }
});

labTest("a folder that is sent or fetched where a file has its name is kept beside it", async (lab) => {
  const { address } = await lab.rs();
  put(lab.pc("alice"), "share/report/1.txt", "one");
  put(lab.pc("alice"), "share/report/data/2.txt", "two");
  put(lab.pc("bob"), "share/report", "a file of bob's");
  await lab.peer("alice", address);
  await lab.peer("bob", address);
  const kept = (folder: string) => {
    assertFile(join(folder, "report"), "a file of bob's");
    assertFile(join(folder, "report (alice)/1.txt"), "one");
    assertFile(join(folder, "report (alice)/data/2.txt"), "two");
  };
  // The student who handed in a file called "report" hands in a folder of that name.
  assertCode(await lab.run("peer", "alice", ["send", "share/report", "--to", "bob"]), 0);
  kept(join(lab.pc("bob"), "share"));

  put(lab.pc("tool"), "share/report", "a file of bob's");
  const fetch = ["fetch", "report", "--from", "alice", "--rs", address];
  assertCode(await lab.run("peer", "tool", fetch), 0);
  kept(join(lab.pc("tool"), "share"));
  // A second time nothing travels, and nothing is kept twice.
  const again = assertCode(await lab.run("peer", "tool", [...fetch, "--json"]), 0);
  assertEquals(again.lines.map(({ event, bytes }) => [event, bytes]), [["fetched", 0], ["fetched", 0]]);
});

labTest("a broadcast's folder takes its name from a file, which is kept in replaced", async (lab) => {
  const { address } = await lab.rs();
  put(lab.pc("rs"), "share/lab3/a.txt", "a");
  put(lab.pc("rs"), "share/lab3/deep/b.bin", bytesOf(3 * MB, 1));
  put(lab.pc("bob"), "share/lab3", "a file of bob's");
  await lab.peer("bob", address, "--accept-open-broadcasts");
  const sent = assertCode(await lab.run("rs", "rs", ["broadcast", "share/lab3", "--json"]), 0);
  assertEquals(eventsOf(sent, "broadcast").map(({ done, failed }) => [done, failed]), [[1, 0]]);
  assertEquals(await shared(lab.pc("bob")), ["lab3/a.txt", "lab3/deep/b.bin"]);
  const [replaced, ...more] = await tree(join(lab.pc("bob"), "peer-data/replaced"));
  assertEquals(more, []);
  assertFile(join(lab.pc("bob"), "peer-data/replaced", replaced!), "a file of bob's");
});

labTest("who joins under a name that another PC has is told so", async (lab) => {
  const { address, code } = await lab.securedRs();
  await lab.peer("ann", address, "--join", code);
  const second = lab.start("peer", "other", [
    ...["serve", "--json", "--port", "0", "--rs", address],
    ...["--join", code, "--name", "ann"],
  ]);
  assertEquals((await second.event("registered")).peer, "ann-2");
  await second.said(/The name ann is taken; this peer is now called ann-2/);
  assertEquals(/keeps that name/.test(second.stderr), false);
});
