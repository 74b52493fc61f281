/** A secured lab under Wine: rs.exe with a join code, peer.exe and a Linux peer; who was put out gets nothing and gives nothing. */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { wineReady } from "../../scripts/wine/wine.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, eventsOf, labTest, PROGRAMS, sentence, WINDOWS } from "./lab.ts";

labTest("Wine, secured: join, fetch, broadcast, a wrong code, revoke", async (lab) => {
  const { address, code } = await lab.securedRs();
  const [report, image] = [bytesOf(3 * MB, 1), bytesOf(5 * MB, 2)];
  put(lab.pc("linux"), "share/report.bin", report);
  const serve = ["serve", "--json", "--rs", address, "--port", "0"];
  const joining = (pc: string) => [...serve, "--name", pc, "--join", code];
  const linux = lab.start("peer", "linux", joining("linux"), PROGRAMS.peer);
  put(lab.pc("w2"), "peer-data/code.txt", new TextEncoder().encode(`${code}\r\n`));
  const windows = [
    lab.start("peer", "w1", [...serve, "--name", "w1", "--join", "-"], undefined, { stdin: "piped" }),
    lab.start("peer", "w2", [...serve, "--name", "w2", "--join-file", "peer-data\\code.txt"]),
  ];
  await windows[0]!.type(`${code}\r\n`);
  for (const running of [linux, ...windows]) await running.event("registered");

  const quiet = ["serve", "--rs", address, "--port", "0", "--quiet", "--log-level", "error"];
  const wrong = assertCode(await lab.run("peer", "w3", [...quiet, "--join", "nonsense"]), 4);
  assertMatch(sentence(wrong), /25 symbols/);
  // Nobody needs a code a second time.
  await windows[0]!.kill();
  windows[0] = lab.start("peer", "w1", serve);
  assertEquals((await windows[0].event("registered")).peer, "w1");

  assertCode(await lab.run("peer", "w1", ["fetch", "report.bin"]), 0);
  assertFile(join(lab.pc("w1"), "share/report.bin"), report);
  put(lab.pc("rs"), "share/image.bin", image);
  const sent = assertCode(await lab.run("rs", "rs", ["broadcast", "share\\image.bin", "--json"]), 0);
  const [line] = eventsOf(sent, "broadcast");
  assertEquals([line?.peers, line?.done, line?.failed], [3, 3, 0]);
  for (const pc of ["w1", "w2", "linux"]) assertFile(join(lab.pc(pc), "share/image.bin"), image);
  put(lab.pc("w2"), "share/task.txt", "a member may not");
  assertCode(await lab.run("peer", "w2", ["broadcast", "share\\task.txt"]), 4);

  const revoked = performance.now();
  assertCode(await lab.run("rs", "rs", ["revoke", "w1"]), 0);
  const ended = assertCode(await windows[0].ended, 4);
  assertLess(performance.now() - revoked, 10_000);
  assertMatch(String(eventsOf(ended, "error")[0]?.message), /revoked/);
  assertCode(await lab.run("peer", "w1", ["fetch", "report.bin", "--out", "share\\again"]), 4);
  const members = eventsOf(assertCode(await lab.run("rs", "rs", ["members", "--json"]), 0), "member");
  assertEquals(
    members.map(({ name, revoked }) => [name, revoked !== undefined]).sort(),
    [["linux", false], ["w1", true], ["w2", false]],
  );
}, {
  programs: WINDOWS,
  // Wine's launcher is a script.
  inheritEnv: true,
  skip: await wineReady() ? undefined : "no Wine here; scripts/wine/setup.sh sets it up",
});
