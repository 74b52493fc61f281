/** Every command of rs and peer, as a person or a script gives it: output, exit codes, sentences. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { assertFile, bytesOf, MB, put, sha256, shared } from "./files.ts";
import { assertCode, eventsOf, jsonLines, labTest, sentence } from "./lab.ts";

const RFC = `Network Working Group                                        J. Doe
Request for Comments: 9999                                 Example Ltd.
Category: Informational                                    January 2026


                 The Transmission of Parcels Protocol


Abstract

   Parcels are transmitted.
`;

labTest("version, help, wrong usage", async (lab) => {
  for (const program of ["rs", "peer"] as const) {
    const version = assertCode(await lab.run(program, "pc", ["--version"]), 0);
    assertMatch(version.stdout, new RegExp(`^${program} \\d+\\.\\d+\\.\\d+`));
    const help = assertCode(await lab.run(program, "pc", ["--help"]), 0).stdout;
    const commands = program === "rs"
      ? ["serve", "peers", "index", "invite", "members", "revoke", "doctor", "experiment"]
      : ["serve", "fetch", "send", "index", "peers", "status", "leave", "menu", "doctor"];
    for (const command of commands) {
      assertMatch(help, new RegExp(`^ +${command}\\b`, "m"));
      const about = assertCode(await lab.run(program, "pc", [command, "--help"]), 0).stdout;
      assertMatch(about, /example/i);
      assertStringIncludes(about, `${program} ${command}`);
    }
    for (const args of [[], ["nonsense"], ["serve", "--nonsense"], ["serve", "--port", "many"]]) {
      assertCode(await lab.run(program, "pc", args), 2);
    }
  }
  for (const args of [["fetch"], ["send", "x"], ["peers", "--csv", "--json"], ["menu", "now"]]) {
    assertCode(await lab.run("peer", "pc", args), 2);
  }
  const usage = assertCode(await lab.run("peer", "pc", ["fetc", "x", "--json"]), 2);
  const [error] = jsonLines(usage.stdout);
  assertEquals([error?.event, error?.code], ["error", "usage"]);
});

labTest("serve: the first line is listening, a signal ends it with 130", async (lab) => {
  const { running, port } = await lab.rs();
  const peer = await lab.peer("alice", `127.0.0.1:${port}`);
  const { httpPort, ...first } = running.lines[0]!;
  assertEquals(first, { event: "listening", role: "rs", host: "0.0.0.0", port });
  assert(httpPort === undefined || Number(httpPort) > 0);
  assertEquals(peer.lines[0]?.event, "listening");
  assertEquals(peer.lines[0]?.role, "peer");
  const registered = await peer.event("registered");
  assertEquals([registered.peer, registered.ttl], ["alice", 7200]);
  assert(typeof registered.cookie === "string" && registered.cookie.length >= 16);
  assertEquals((await peer.kill("SIGINT")).code, 130);
  // It took leave.
  await running.said(/Leave +alice/);
  assertEquals((await running.kill("SIGTERM")).code, 130);
});

labTest("fetch: one, several, glob, folder, all, from one peer", async (lab, t) => {
  const { address, running: rs } = await lab.rs();
  put(lab.pc("bob"), "share/report.txt", "The report.\n");
  put(lab.pc("bob"), "share/notes/one.txt", "one");
  put(lab.pc("bob"), "share/notes/deep/two.txt", "two");
  put(lab.pc("bob"), "share/a b (c).md", "spaces");
  put(lab.pc("bob"), "share/empty", "");
  put(lab.pc("bob"), "share/grüße/日本.txt", "unicode");
  put(lab.pc("dora"), "share/x.pdf", "x of dora");
  put(lab.pc("dora"), "share/clash.txt", "clash of dora");
  put(lab.pc("bob"), "share/clash.txt", "clash of bob");
  await Promise.all([lab.peer("bob", address), lab.peer("dora", address)]);
  // Once alone, with the server named; once through a serve that runs on the same data folder.
  await lab.peer("served", address);
  for (const [pc, flags] of [["tool", ["--rs", address]], ["served", []]] as const) {
    const fetch = (...args: string[]) => lab.run("peer", pc, ["fetch", ...args, ...flags]);
    const folder = lab.pc(pc);
    const inShare = (name: string) => join(folder, "share", name);

    await t.step(`${pc}: one`, async () => {
      const ended = assertCode(await fetch("report.txt", "--json"), 0);
      jsonLines(ended.stdout);
      const [fetched] = eventsOf(ended, "fetched");
      assertFile(inShare("report.txt"), "The report.\n");
      const { seconds, ...rest } = fetched!;
      assert(typeof seconds === "number" && seconds >= 0);
      assertEquals(rest, {
        event: "fetched",
        name: "report.txt",
        bytes: 12,
        sources: 1,
        sha256: sha256("The report.\n"),
        path: inShare("report.txt"),
      });
      const again = assertCode(await fetch("report.txt", "--json"), 0);
      assertEquals(eventsOf(again, "fetched")[0]?.bytes, 0);
    });

    await t.step(`${pc}: several, glob, folder`, async () => {
      const ended = assertCode(await fetch("a b (c).md", "empty", "notes", "*本.txt", "--json"), 0);
      assertEquals(
        eventsOf(ended, "fetched").map((line) => line.name).sort(),
        ["a b (c).md", "empty", "grüße/日本.txt", "notes/deep/two.txt", "notes/one.txt"],
      );
      assertFile(inShare("notes/deep/two.txt"), "two");
      assertFile(inShare("grüße/日本.txt"), "unicode");
      assertFile(inShare("empty"), "");
    });

    await t.step(`${pc}: different contents under one name`, async () => {
      const ended = assertCode(await fetch("clash.txt"), 1);
      assertMatch(
        sentence(ended),
        /different contents.*bob.*dora.*--from|different contents.*dora.*bob.*--from/,
      );
      assertCode(await fetch("clash.txt", "--from", "dora"), 0);
      assertFile(inShare("clash.txt"), "clash of dora");
      // Nothing local is overwritten.
      assertCode(await fetch("clash.txt", "--from", "bob"), 0);
      assertFile(inShare("clash.txt"), "clash of dora");
      assertFile(inShare("clash (bob).txt"), "clash of bob");
    });

    await t.step(`${pc}: what nobody holds, nobody is`, async () => {
      assertMatch(
        sentence(assertCode(await fetch("missing.txt"), 1)),
        /missing\.txt.*no active peer holds it/,
      );
      assertMatch(sentence(assertCode(await fetch("x.pdf", "--from", "bob"), 1)), /bob does not hold it/);
      assertMatch(sentence(assertCode(await fetch("x.pdf", "--from", "nobody"), 3)), /nobody/);
      assertMatch(sentence(assertCode(await fetch("../x"), 1)), /\.\.\/x: no file is called that, since/);
      const both = assertCode(await fetch("../x", "empty"), 1);
      assertMatch(both.stderr, /no file is called that/);
      assertMatch(both.stdout, /^empty is here already/m);
    });
  }

  await t.step("all from one peer, then all", async () => {
    const from = await lab.run("peer", "new", ["fetch", "--all", "--from", "bob", "--rs", address]);
    assertCode(from, 0);
    const names = ["a b (c).md", "clash.txt", "empty", "grüße/日本.txt", "notes/deep/two.txt"];
    assertEquals(await shared(lab.pc("new")), [...names, "notes/one.txt", "report.txt"]);
    // The clash holds up that name alone; the exit code tells of it.
    const some = assertCode(await lab.run("peer", "new", ["fetch", "--all", "--rs", address, "--json"]), 1);
    assertEquals(eventsOf(some, "error").map((line) => line.code), ["ambiguous"]);
    assertFile(join(lab.pc("new"), "share", "x.pdf"), "x of dora");
    Deno.removeSync(join(lab.pc("new"), "share", "x.pdf"));
    Deno.removeSync(join(lab.pc("dora"), "share", "clash.txt"));
    Deno.removeSync(join(lab.pc("served"), "share", "clash.txt"));
    for (const pc of ["dora", "served"]) await rs.said(new RegExp(`Announce +${pc}: .*1 gone`));
    assertCode(await lab.run("peer", "new", ["fetch", "--all", "--rs", address]), 0);
    assertFile(join(lab.pc("new"), "share", "x.pdf"), "x of dora");
  });
});

labTest("fetch --out: inside the share it works, elsewhere the sandbox says no", async (lab) => {
  const { address, running } = await lab.rs();
  put(lab.pc("bob"), "share/a.txt", "a");
  await lab.peer("bob", address);
  const fetch = (...args: string[]) => lab.run("peer", "tool", ["fetch", "a.txt", "--rs", address, ...args]);
  assertCode(await fetch("--out", "share/sub/folder"), 0);
  assertFile(join(lab.pc("tool"), "share/sub/folder/a.txt"), "a");
  for (const out of ["/elsewhere", "elsewhere", "share/../elsewhere", "/dev/shm"]) {
    const refused = assertCode(await fetch("--out", out), 4);
    assertMatch(sentence(refused), /--out \.\/share\//);
  }
  const refused = assertCode(await fetch("--out", "/elsewhere", "--json"), 4);
  assertEquals(eventsOf(refused, "error")[0]?.code, "not_permitted");
  for (const flags of [["--share", "/srv"], ["--data", "/srv"], ["--log-file", "/srv/log"]]) {
    assertCode(await fetch(...flags), 4);
  }
  // Nobody there to ask.
  await running.kill();
  assertMatch(sentence(assertCode(await fetch(), 3)), /Cannot reach the registration server/);
});

labTest("send: to a peer, a folder, to the registration server's inbox", async (lab) => {
  const { address, running: rs } = await lab.rs();
  const bob = await lab.peer("bob", address);
  await lab.peer("alice", address);
  put(lab.pc("alice"), "share/essay.txt", "my essay");
  put(lab.pc("alice"), "share/work/1.txt", "first");
  put(lab.pc("alice"), "share/work/sub/2.txt", "second");
  put(lab.pc("bob"), "share/essay.txt", "bob's own");
  const send = (...args: string[]) => lab.run("peer", "alice", ["send", ...args]);

  assertCode(await send("share/essay.txt", "--to", "bob"), 0);
  const received = await bob.event("received");
  const path = join(lab.pc("bob"), "share/essay (alice).txt");
  assertEquals(received, { event: "received", name: "essay.txt", bytes: 8, from: "alice", path });
  assertFile(path, "my essay");
  assertFile(join(lab.pc("bob"), "share/essay.txt"), "bob's own");

  const toRs = assertCode(await send("share/work", "share/essay.txt", "--to", "rs", "--json"), 0);
  jsonLines(toRs.stdout);
  await rs.events("received", 3);
  const inbox = join(lab.pc("rs"), "rs-data/inbox/alice");
  assertFile(join(inbox, "work/1.txt"), "first");
  assertFile(join(inbox, "work/sub/2.txt"), "second");
  assertFile(join(inbox, "essay.txt"), "my essay");

  assertMatch(
    sentence(assertCode(await send("share/essay.txt", "--to", "nobody"), 3)),
    /nobody.*no active peer/,
  );
  const toSelf = assertCode(await send("share/essay.txt", "--to", "alice"), 2);
  assertMatch(sentence(toSelf), /alice: that is this PC/);
  const toAll = ["broadcast", "share/essay.txt", "--to", "bob,ALICE", "--json"];
  assertMatch(
    (assertCode(await lab.run("peer", "alice", toAll), 2)).stderr,
    /alice: that is this PC, which has it/,
  );
  const fromSelf = await lab.run("peer", "alice", ["fetch", "essay.txt", "--from", "alice"]);
  assertMatch(sentence(assertCode(fromSelf, 2)), /alice: that is this PC/);
  assertMatch(sentence(assertCode(await send("share/none.txt", "--to", "bob"), 1)), /none\.txt.*not there/);
  assertMatch(sentence(assertCode(await send("/etc/hostname", "--to", "bob"), 4)), /copy it into \.\/share/);
});

labTest("what a PC sends by a command is no faster than its serve was told to send", async (lab) => {
  const { address } = await lab.rs();
  await lab.peer("bob", address);
  await lab.peer("alice", address, "--rate", "4MB/s");
  for (const [i, name] of ["sent.bin", "cast.bin"].entries()) {
    put(lab.pc("alice"), `share/${name}`, bytesOf(8 * MB, i + 1));
  }
  const seconds = async (...args: string[]) => {
    const began = performance.now();
    assertCode(await lab.run("peer", "alice", args), 0);
    return (performance.now() - began) / 1000;
  };
  const sent = await seconds("send", "share/sent.bin", "--to", "bob");
  assert(sent > 1.9, `8 MB at 4 MB/s were sent in ${sent} s`);
  const cast = await seconds("broadcast", "share/cast.bin");
  assert(cast > 1.9, `8 MB at 4 MB/s were broadcast in ${cast} s`);
});

labTest("index, peers, status, leave; rs peers and rs index", async (lab) => {
  const { address, running } = await lab.rs();
  put(lab.pc("bob"), "share/rfc9999.txt", RFC);
  put(lab.pc("bob"), "share/=formula.txt", "1");
  const bob = await lab.peer("bob", address);
  const alice = await lab.peer("alice", address, "--index-interval", "1");
  put(lab.pc("alice"), "share/rfc9999.txt", RFC);
  await alice.said(/Shared: rfc9999/);
  await running.said(/Announce +alice: 1 file/);
  const json = async (program: "rs" | "peer", pc: string, ...args: string[]) =>
    jsonLines(assertCode(await lab.run(program, pc, [...args, "--json"]), 0).stdout);
  const title = "The Transmission of Parcels Protocol";
  const file = { event: "file", name: "rfc9999.txt", title, size: RFC.length, sha256: sha256(RFC), flag: 1 };

  // The network's files, without the asker's own; each holder has a line.
  const [line, ...more] = await json("peer", "alice", "index", "parcels", "rfc*");
  const { modified, ...rest } = line!;
  assertMatch(String(modified), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assertEquals(rest, { ...file, peer: "bob" });
  assertEquals(more, []);
  assertEquals(await json("peer", "alice", "index", "nothing like that"), []);
  const local = await json("peer", "alice", "index", "--local");
  assertEquals(local.map((l) => [l.name, l.title, l.peer]), [["rfc9999.txt", title, undefined]]);
  const both = await json("rs", "rs", "index", "rfc9999.txt");
  assertEquals(both.map((l) => l.peer).sort(), ["alice", "bob"]);

  const table = assertCode(await lab.run("rs", "rs", ["index"]), 0).stdout;
  assertMatch(table, /rfc9999\.txt.*(alice, bob|bob, alice)/);
  assertMatch(assertCode(await lab.run("peer", "alice", ["index"]), 0).stdout, /=formula\.txt/);
  const csv = assertCode(await lab.run("rs", "rs", ["index", "--csv"]), 0).stdout;
  assertEquals(csv.split(/\r?\n/)[0], "name,title,size,sha256,modified,flag,peer");
  // No cell that Excel would run.
  assert(!/^=|^"=/m.test(csv), csv);

  const peers = await json("rs", "rs", "peers");
  assertEquals(peers.map((p) => [p.name, p.active, p.registrations30d]), [["alice", true, 1], [
    "bob",
    true,
    1,
  ]]);
  for (const field of ["address", "port", "ttl", "lastRegistered"]) assert(field in peers[0]!, field);
  assertMatch(assertCode(await lab.run("rs", "rs", ["peers"]), 0).stdout, /alice.*127\.0\.0\.1.*yes/);
  assertMatch(assertCode(await lab.run("rs", "rs", ["peers", "--csv"]), 0).stdout, /^name,.*\r?\nalice,/);
  assertEquals((await json("rs", "other", "peers", "--rs", address)).length, 2);
  // Lists leave out the asker.
  assertEquals((await json("peer", "alice", "peers")).map((p) => p.name), ["bob"]);
  assertMatch(assertCode(await lab.run("peer", "bob", ["peers"]), 0).stdout, /alice/);

  const [status] = await json("peer", "bob", "status");
  assertEquals([status?.peer, status?.registered, status?.files], ["bob", true, 2]);
  assertMatch(assertCode(await lab.run("peer", "bob", ["status"]), 0).stdout, /Registered +yes/);
  assertMatch(sentence(assertCode(await lab.run("peer", "other", ["status"]), 3)), /No peer serve runs/);

  assertCode(await lab.run("peer", "bob", ["leave"]), 0);
  assertEquals((await bob.ended).code, 0);
  const left = await json("rs", "rs", "peers");
  assertEquals(left.map((p) => [p.name, p.active, p.ttl === 0]), [["alice", true, false], [
    "bob",
    false,
    true,
  ]]);
  assertCode(await lab.run("peer", "bob", ["leave"]), 3);
});

labTest("a second serve on one folder, and on one port, is told so", async (lab) => {
  const { port, address } = await lab.rs();
  await lab.peer("bob", address);
  assertMatch(sentence(assertCode(await lab.run("rs", "rs", ["serve", "--open"]), 1)), /another rs serve/);
  const taken = await lab.run("rs", "rs2", ["serve", "--open", "--port", String(port)]);
  assertMatch(sentence(assertCode(taken, 1)), /port/);
  assertMatch(sentence(assertCode(await lab.run("peer", "bob", ["serve"]), 1)), /another peer serve/);
});
