/** The core scenario with the Windows executables, under Wine; and Windows and Linux in one lab. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { wineReady } from "../../scripts/wine/wine.ts";
import { assertFile, bytesOf, MB, put, sha256, shared, textUntil } from "./files.ts";
import { assertCode, eventsOf, jsonLines, labTest, PROGRAMS, sentence, WINDOWS } from "./lab.ts";

const options = {
  programs: WINDOWS,
  // Wine's launcher is a script.
  inheritEnv: true,
  skip: await wineReady() ? undefined : "no Wine here; scripts/wine/setup.sh sets it up",
};

labTest("Wine: register, index, fetch, index.csv, delete, send, leave", async (lab) => {
  const big = bytesOf(5 * MB, 1);
  put(lab.pc("bob"), "share/big.bin", big);
  put(lab.pc("bob"), "share/notes/a.txt", "content of a");
  const { address, running: rs } = await lab.rs();
  const [bob, alice] = await Promise.all([
    lab.peer("bob", address, "--index-interval", "1"),
    lab.peer("alice", address),
  ]);
  assertEquals(bob.lines[0]?.event, "listening");
  const run = (pc: string, ...args: string[]) => lab.run("peer", pc, args);

  const index = assertCode(await run("alice", "index", "--json"), 0);
  assertEquals(jsonLines(index.stdout).map((line) => [line.name, line.peer]), [
    ["big.bin", "bob"],
    ["notes/a.txt", "bob"],
  ]);
  const ended = assertCode(await run("alice", "fetch", "--all", "--json"), 0);
  const fetched = eventsOf(ended, "fetched");
  assertEquals(fetched.map((line) => [line.name, line.bytes]).sort(), [["big.bin", big.length], [
    "notes/a.txt",
    12,
  ]]);
  assertEquals(fetched.find((line) => line.name === "big.bin")?.sha256, sha256(big));
  assertMatch(String(fetched[0]?.path), /^Z:\\.*\\alice\\share\\/);
  assertFile(join(lab.pc("alice"), "share/big.bin"), big);
  assertFile(join(lab.pc("alice"), "share/notes/a.txt"), "content of a");

  const csv = join(lab.pc("bob"), "peer-data/index.csv");
  const row = (flag: number) =>
    new RegExp(`^notes/a\\.txt,,12,${sha256("content of a")},.*Z,${flag}\r?$`, "m");
  assertMatch(Deno.readTextFileSync(csv), /^\ufeff?name,title,size,sha256,modified,flag\r?\n/);
  assertMatch(Deno.readTextFileSync(csv), row(1));
  Deno.removeSync(join(lab.pc("bob"), "share/notes/a.txt"));
  await textUntil(csv, (text) => row(0).test(text));
  put(lab.pc("bob"), "share/notes/a.txt", "content of a");
  await textUntil(csv, (text) => row(1).test(text));

  assertCode(await run("alice", "send", "share\\big.bin", "--to", "rs"), 0);
  assertFile(join(lab.pc("rs"), "rs-data/inbox/alice/big.bin"), big);
  put(lab.pc("alice"), "share/hello.txt", "hello");
  assertCode(await run("alice", "send", "share/hello.txt", "--to", "bob"), 0);
  await bob.event("received");
  assertFile(join(lab.pc("bob"), "share/hello.txt"), "hello");

  const peers = assertCode(await lab.run("rs", "rs", ["peers", "--json"]), 0);
  assertEquals(eventsOf(peers, "peer").map((p) => [p.name, p.active]), [["alice", true], ["bob", true]]);
  assertCode(await run("tool", "fetch", "big.bin", "--rs", address, "--out", "C:\\elsewhere"), 4);
  assertCode(await run("bob", "leave"), 0);
  assertEquals((await bob.ended).code, 0);
  assertEquals(jsonLines(assertCode(await run("alice", "peers", "--json"), 0).stdout), []);
  const last = await run("alice", "fetch", "more.txt");
  assertMatch(sentence(assertCode(last, 1)), /no other peer is active/);
  await alice.kill();
  await rs.kill();
}, options);

labTest("Wine: a killed fetch goes on where it was", async (lab) => {
  const bytes = bytesOf(40 * MB, 2);
  put(lab.pc("bob"), "share/image.bin", bytes);
  const { address } = await lab.rs();
  await lab.peer("bob", address, "--rate", "20MB/s");
  const args = ["fetch", "image.bin", "--json", "--rs", address];
  const first = lab.start("peer", "alice", args);
  const { bytes: had } = await first.event("progress", (line) => Number(line.bytes) > 20 * MB);
  await first.kill();
  assertEquals(await shared(lab.pc("alice")), []);
  const again = assertCode(await lab.run("peer", "alice", args), 0);
  assert(Number(eventsOf(again, "fetched")[0]?.bytes) <= (bytes.length - Number(had)) * 1.05, again.stdout);
  assertFile(join(lab.pc("alice"), "share/image.bin"), bytes);
}, options);

labTest(
  "Wine: in the middle of a broadcast a peer and the server are killed and started again; Ctrl-C",
  async (lab) => {
    const bytes = bytesOf(30 * MB, 5);
    put(lab.pc("rs"), "share/image.bin", bytes);
    const { address, port, running: rs } = await lab.rs();
    const [w1, w2] = await Promise.all(["w1", "w2"].map((pc) => lab.peer(pc, address)));
    const status = async () =>
      jsonLines(assertCode(await lab.run("peer", "w1", ["status", "--json"]), 0).stdout)[0] as unknown as {
        received: number;
        transfers: { direction: string; bytes: number }[];
      };
    const args = ["broadcast", "share\\image.bin", "--json", "--rate", "6MB/s"];
    const sending = lab.start("rs", "rs", args);
    await sending.event("progress", (line) => Number(line.bytes) > 16 * MB);
    const had = (await status()).transfers.find(({ direction }) => direction === "in")!.bytes;
    await Promise.all([w1!.kill(), rs.kill()]);
    assert(had > 2 * MB && had < bytes.length, `${had} bytes`);
    assertEquals(await shared(lab.pc("w1")), []);

    const again = lab.start("rs", "rs", ["serve", "--open", "--json", "--no-discovery", "--port", `${port}`]);
    await again.event("listening");
    const back = await lab.peer("w1", address);
    const [line] = eventsOf(assertCode(await sending.ended, 0), "broadcast");
    // Pieces that were on their way when it was killed come again.
    assertLess((await status()).received, bytes.length - had + 3 * MB);
    assertEquals([line?.peers, line?.done, line?.failed], [2, 2, 0]);
    for (const pc of ["w1", "w2"]) assertFile(join(lab.pc(pc), "share/image.bin"), bytes);

    for (const running of [back, w2!, again]) assertEquals((await running.kill("SIGINT")).code, 130);
    await again.said(/Leave +w1/);
  },
  options,
);

labTest(
  "Wine: a code that PowerShell wrote to a file, names with backslashes, what is no path",
  async (lab) => {
    const { address, code } = await lab.securedRs();
    put(lab.pc("holder"), "share/my notes/one.txt", "one");
    put(lab.pc("holder"), "share/my notes/deep/two.txt", "two");
    const wide = new Uint8Array(Uint16Array.from(`\ufeff${code}\r\n`, (unit) => unit.charCodeAt(0)).buffer);
    put(lab.pc("holder"), "peer-data/code.txt", wide);
    const serve = ["serve", "--rs", address, "--port", "0", "--join-file"];
    const holder = lab.start("peer", "holder", [
      ...serve,
      "peer-data\\code.txt",
      "--json",
      "--name",
      "holder",
    ]);
    await holder.event("registered");
    await lab.peer("pc", address, "--join", code);
    assertMatch(
      sentence(assertCode(await lab.run("peer", "other", [...serve, "share"]), 1)),
      /from share: it is a folder/,
    );

    const fetch = (...args: string[]) => lab.run("peer", "pc", ["fetch", ...args]);
    assertCode(await fetch("my notes\\one.txt", "--out", "share\\a b\\"), 0);
    assertCode(await fetch("my notes\\deep\\", "--out", "share\\a b"), 0);
    assertFile(join(lab.pc("pc"), "share/a b/my notes/one.txt"), "one");
    assertFile(join(lab.pc("pc"), "share/a b/my notes/deep/two.txt"), "two");
    const found = jsonLines(
      assertCode(await lab.run("peer", "pc", ["index", "my notes\\*", "--json"]), 0).stdout,
    );
    assertEquals(found.map((line) => [line.name, line.peer]), [["my notes/one.txt", "holder"]]);
    const swallowed = await fetch("one.txt", "--out", 'share\\a b" --from holder');
    assertMatch(sentence(assertCode(swallowed, 2)), /leave out the \\ in front of a closing one/);
    for (const name of ["a?b", "a:b", "con", "x.", "trail \\x"]) {
      const refused = assertCode(await fetch("my notes", "--out", `share\\${name}`), 2);
      assertMatch(sentence(refused), /^Cannot use share\\.*; choose another name$/);
    }
    assertEquals((await shared(lab.pc("pc"))).length, 2);
  },
  options,
);

labTest(
  "Linux and Wine in one lab: names that are one file on Windows, long paths, names it can't have",
  async (lab) => {
    const long = Array.from({ length: 6 }, (_, i) => `folder-${i}-`.padEnd(70, "x")).join("/") + "/file.txt";
    const share = join(lab.pc("linux"), "share");
    put(share, "A.txt", "the great one");
    put(share, "a.txt", "the small one");
    put(share, "sub/Ä.txt", "umlaut");
    put(share, long, "deep down");
    for (const name of ["con.txt", "a:b.txt", "trailing.", "back\\slash.txt"]) {
      put(
        share,
        name,
        "not for Windows",
      );
    }
    const { address } = await lab.rs("rs");
    const linux = lab.start(
      "peer",
      "linux",
      ["serve", "--json", "--rs", address, "--name", "linux", "--port", "0", "--accept-open-broadcasts"],
      PROGRAMS.peer,
    );
    await linux.event("registered");
    for (const name of ["con\\.txt", "a:b\\.txt", "trailing\\."]) {
      await linux.said(
        new RegExp(`Not shared: ${name}`),
      );
    }

    assertCode(await lab.run("peer", "windows", ["fetch", "--all", "--rs", address]), 0);
    const windows = join(lab.pc("windows"), "share");
    const names = await shared(lab.pc("windows"));
    assertEquals(names.length, 4, names.join());
    assertFile(join(windows, long), "deep down");
    assertFile(join(windows, "sub/Ä.txt"), "umlaut");
    // Both are there, one of them under a name that tells where it is from.
    const pair = names.filter((name) => /^a( \(linux\))?\.txt$/i.test(name));
    assertEquals(pair.map((name) => Deno.readTextFileSync(join(windows, name))).sort(), [
      "the great one",
      "the small one",
    ]);

    // And the other way round: a Windows peer serves a Linux one.
    const bytes = bytesOf(2 * MB, 3);
    put(lab.pc("windows"), "share/from-windows.bin", bytes);
    await lab.peer("windows", address);
    const fetch = ["fetch", "from-windows.bin", "--json", "--rs", address];
    assertCode(await lab.run("peer", "other", fetch, PROGRAMS.peer), 0);
    assertFile(join(lab.pc("other"), "share/from-windows.bin"), bytes);
  },
  options,
);

labTest("Wine: rs.exe broadcasts to two peer.exe and two Linux peers", async (lab) => {
  const bytes = bytesOf(20 * MB, 4);
  const small = Array.from({ length: 30 }, (_, i) => [`folder/${i}.txt`, `text ${i}`] as const);
  const { address } = await lab.rs();
  put(lab.pc("rs"), "share/image.bin", bytes);
  for (const [name, text] of small) put(lab.pc("rs"), `share/${name}`, text);
  const windows = ["w1", "w2"];
  const linux = ["l1", "l2"];
  put(lab.pc("w1"), "share/image.bin", "an older one");
  const serve = ["serve", "--json", "--rs", address, "--port", "0", "--accept-open-broadcasts"];
  await Promise.all([
    ...windows.map((pc) => lab.start("peer", pc, [...serve, "--name", pc]).event("registered")),
    ...linux.map((pc) => lab.start("peer", pc, [...serve, "--name", pc], PROGRAMS.peer).event("registered")),
  ]);

  const ended = assertCode(
    await lab.run("rs", "rs", ["broadcast", "share\\image.bin", "share\\folder", "--json", "--rs", address]),
    0,
  );
  const [line] = eventsOf(ended, "broadcast");
  assertEquals([line?.peers, line?.done, line?.failed], [4, 4, 0]);
  for (const pc of [...windows, ...linux]) {
    assertFile(join(lab.pc(pc), "share/image.bin"), bytes);
    for (const [name, text] of small) assertFile(join(lab.pc(pc), "share", name), text);
  }
  const [replaced = ""] = [...Deno.readDirSync(join(lab.pc("w1"), "peer-data/replaced"))].map((e) => e.name);
  assertFile(join(lab.pc("w1"), "peer-data/replaced", replaced), "an older one");
}, options);
