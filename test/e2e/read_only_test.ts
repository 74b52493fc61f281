/** Folders that can be read and not written, as on a DVD or a locked-down PC: bind mounts in a mount namespace of the program's own. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Lab, Launcher } from "../../scripts/programs.ts";
import { assertFile, bytesOf, put, shared } from "./files.ts";
import { assertCode, eventsOf, labTest, PROGRAMS, sentence } from "./lab.ts";

/** Mounts a folder on itself, read-only, and becomes the program. */
const MOUNT = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';

/** Starts a program to which one folder of a PC is read-only. */
function readOnly(lab: Lab, program: "rs" | "peer", pc: string, folder: string): Launcher {
  const path = join(lab.pc(pc), folder);
  Deno.mkdirSync(path, { recursive: true });
  return ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", MOUNT, path, ...PROGRAMS[program]];
}

async function noNamespace(): Promise<string | undefined> {
  const tried = await new Deno.Command("/usr/bin/unshare", { args: ["--mount", "--", "/bin/true"] }).output()
    .then(({ success }) => success, () => false);
  if (!tried && Deno.env.get("LABSWARM_REQUIRE_NETNS") === "1") throw new Error("No right to unshare mounts");
  return tried ? undefined : "no right to make mount namespaces here; run as root on Linux";
}
const skip = await noNamespace();

const FIRM = /Cannot write to .*share: .*read-only; .+/;

labTest("a share that can't be written: fetch, send and broadcast say so in a sentence", async (lab, t) => {
  const { address } = await lab.rs();
  const bytes = bytesOf(300_000, 1);
  put(lab.pc("bob"), "share/a.bin", bytes);
  await lab.peer("bob", address);
  put(lab.pc("dvd"), "share/lesson.txt", "on a DVD");
  const dvd = readOnly(lab, "peer", "dvd", "share");
  const fetch = ["fetch", "a.bin", "--rs", address];

  await t.step("fetch, alone", async () => {
    assertMatch(sentence(assertCode(await lab.run("peer", "dvd", fetch, dvd), 4)), FIRM);
    const ended = assertCode(await lab.run("peer", "dvd", [...fetch, "--json"], dvd), 4);
    assertEquals(eventsOf(ended, "error").map(({ code }) => code), ["not_permitted"]);
  });

  const flags = ["--json", "--rs", address, "--name", "dvd", "--port", "0", "--accept-open-broadcasts"];
  const serve = lab.start("peer", "dvd", ["serve", ...flags], dvd);
  await serve.event("registered");
  assertMatch(
    serve.stderr,
    /Nothing can be received here, .*; what is there is shared\. Cannot write to .*read-only/,
  );

  await t.step("it is served all the same", async () => {
    assertCode(await lab.run("peer", "tool", ["fetch", "lesson.txt", "--rs", address]), 0);
    assertFile(join(lab.pc("tool"), "share/lesson.txt"), "on a DVD");
  });
  await t.step("fetch, through the serve", async () => {
    assertMatch(sentence(assertCode(await lab.run("peer", "dvd", ["fetch", "a.bin"]), 4)), FIRM);
  });
  await t.step("send: whoever sends learns it", async () => {
    const sent = await lab.run("peer", "bob", ["send", "share/a.bin", "--to", "dvd"]);
    assertMatch(sentence(assertCode(sent, 4)), /dvd: .*read-only/);
  });
  await t.step("broadcast: that PC failed, the others have it", async () => {
    put(lab.pc("rs"), "share/b.bin", bytes);
    const ended = assertCode(await lab.run("rs", "rs", ["broadcast", "share/b.bin", "--json"]), 1);
    const [line] = eventsOf(ended, "broadcast") as unknown as [
      { receipts: { peer: string; state: string; reason?: string }[] },
    ];
    const receipts = line.receipts.map(({ peer, state }) => `${peer} ${state}`).sort();
    assertEquals(receipts, ["bob done", "dvd failed"]);
    assertMatch(String(line.receipts.find(({ peer }) => peer === "dvd")?.reason), FIRM);
    assertFile(join(lab.pc("bob"), "share/b.bin"), bytes);
  });
  assertEquals(await shared(lab.pc("dvd")), ["lesson.txt"]);
}, { skip });

labTest("a data folder that can't be written: no serve, and a sentence", async (lab) => {
  const { address } = await lab.rs();
  const said = /Cannot .*(peer|rs)-data.*read-only; .+/;
  const peer = readOnly(lab, "peer", "pc", "peer-data");
  const serve = ["serve", "--rs", address, "--port", "0"];
  assertMatch(sentence(assertCode(await lab.run("peer", "pc", serve, peer), 4)), said);
  const log = ["peers", "--rs", address, "--log-file", "peer-data/log/pc.log"];
  assertMatch(sentence(assertCode(await lab.run("peer", "pc", log, peer), 4)), said);
  const rs = readOnly(lab, "rs", "other", "rs-data");
  for (const mode of [["--open"], []]) {
    const args = ["serve", "--port", "0", "--no-http", "--no-discovery", ...mode];
    assertMatch(sentence(assertCode(await lab.run("rs", "other", args, rs), 4)), said);
  }
  assertMatch(sentence(assertCode(await lab.run("rs", "other", ["backup"], rs), 4)), said);
}, { skip });

labTest("a data folder that can't be written: nobody joins who can't keep it", async (lab) => {
  const { address, code } = await lab.securedRs();
  const peer = readOnly(lab, "peer", "pc", "peer-data");
  const args = ["serve", "--rs", address, "--join", code, "--port", "0"];
  assertMatch(
    sentence(assertCode(await lab.run("peer", "pc", args, peer), 4)),
    /Cannot write to .*peer-data: .*read-only; .+/,
  );
  const members = eventsOf(assertCode(await lab.run("rs", "rs", ["members", "--json"]), 0), "member");
  assertEquals(members, []);
}, { skip });

/** Becomes a program of a user who is nobody here. */
const SETPRIV = "/usr/bin/setpriv";
const AS_NOBODY = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];

labTest(
  "another user's folders: every command says so in a sentence, and leaves nothing behind",
  async (lab) => {
    const { address, code } = await lab.securedRs();
    await lab.peer("pc", address, "--join", code);
    // Else nobody gets there at all.
    Deno.chmodSync(lab.folder, 0o755);
    const run = (program: "rs" | "peer", pc: string, ...args: string[]) =>
      lab.run(program, pc, args, [SETPRIV, ...AS_NOBODY, ...PROGRAMS[program]]);
    const said = /^Cannot (read|write to|use the folder) .*permission denied; .+/;
    const firm = async (program: "rs" | "peer", pc: string, ...args: string[]) =>
      assertMatch(sentence(assertCode(await run(program, pc, ...args), 4)), said);
    const serve = ["serve", "--port", "0", "--no-http", "--no-discovery"];
    await firm("rs", "none", ...serve);
    await firm("peer", "none", "serve", "--rs", address, "--join", code, "--port", "0");
    assertEquals([...Deno.readDirSync(lab.pc("none"))].map(({ name }) => name), ["share"]);
    for (const command of [serve, ["invite"], ["members"], ["status"], ["doctor"]]) {
      await firm("rs", "rs", ...command);
    }
    const joining = ["serve", "--rs", address, "--join", code, "--port", "0"];
    for (const command of [joining, ["status"], ["leave"], ["peers"], ["fetch", "x"]]) {
      await firm("peer", "pc", ...command);
    }
    const members = eventsOf(assertCode(await lab.run("rs", "rs", ["members", "--json"]), 0), "member");
    assertEquals(members.map(({ name }) => name), ["pc"]);
  },
  { skip },
);
