/** Put out in the middle of a transfer: it ends for that PC at once, and for nobody else. On Linux, and with Windows' executables. */

import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { JsonLine, Lab, Running } from "../../scripts/programs.ts";
import { wineReady } from "../../scripts/wine/wine.ts";
import { assertFile, bytesOf, MB, put, shared, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, PROGRAMS, WINDOWS } from "./lab.ts";

const REVOKED = /membership of the lab was revoked/;
/** Slow enough to be put out meanwhile: each PC gets all of it, and at most so much a second. */
const RATE = "3MB/s";
const IMAGE = bytesOf(18 * MB, 2);

/** A secured lab with four PCs that have joined: two of the programs that are tested, and two of this machine's own. */
async function fourPcs(lab: Lab): Promise<{ rs: Running; address: string; pcs: Record<string, Running> }> {
  const { address, code, running: rs } = await lab.securedRs();
  put(lab.pc("rs"), "share/image.bin", IMAGE);
  const serve = ["serve", "--json", "--rs", address, "--port", "0", "--join", code];
  const pcs: Record<string, Running> = {};
  for (const pc of ["a", "b"]) pcs[pc] = lab.start("peer", pc, [...serve, "--name", pc]);
  for (const pc of ["c", "d"]) pcs[pc] = lab.start("peer", pc, [...serve, "--name", pc], PROGRAMS.peer);
  await Promise.all(Object.values(pcs).map((running) => running.event("registered")));
  return { rs, address, pcs };
}

/** Bytes that a PC has written of what isn't whole yet. */
function begun(pc: string): number {
  const parts = [...Deno.readDirSync(join(pc, "share"))].filter(({ name }) => name.endsWith(".part"));
  return parts.reduce((sum, { name }) => sum + Deno.statSync(join(pc, "share", name)).size, 0);
}

/** Puts a PC out and waits until its serve has ended for that; gives the seconds that took. */
async function putOut(lab: Lab, pc: string, running: Running): Promise<number> {
  const before = performance.now();
  assertCode(await lab.run("rs", "rs", ["revoke", pc]), 0);
  const ended = assertCode(await running.ended, 4);
  assertMatch(String(eventsOf(ended, "error")[0]?.message), REVOKED);
  return (performance.now() - before) / 1000;
}

async function broadcastScenario(lab: Lab): Promise<void> {
  const { rs, address, pcs } = await fourPcs(lab);
  const sending = lab.start("rs", "rs", ["broadcast", "share/image.bin", "--json", "--rate", RATE]);
  await sending.event("progress", () => begun(lab.pc("a")) > MB);
  assertLess(await putOut(lab, "a", pcs["a"]!), 10);
  assert(!sending.lines.some(({ event }) => event === "broadcast"), "it was over before a was put out");
  const ended = assertCode(await sending.ended, 1);
  const [line] = eventsOf(ended, "broadcast") as [JsonLine];
  assertEquals([line.peers, line.done, line.failed], [4, 3, 1]);
  const receipts = line.receipts as { peer: string; state: string; reason?: string }[];
  assertEquals(receipts.filter(({ state }) => state !== "done").map(({ peer }) => peer), ["a"]);
  assertMatch(receipts.find(({ peer }) => peer === "a")!.reason!, REVOKED);
  for (const pc of ["b", "c", "d"]) assertFile(join(lab.pc(pc), "share/image.bin"), IMAGE);
  assertEquals(await shared(lab.pc("a")), []);

  // Nothing more comes, to nobody it is owed any longer, and with a new code it goes on from what had come.
  const kept = (await tree(lab.pc("a"))).filter((name) => name.endsWith(".part"));
  assertEquals(kept.length, 1);
  const list = assertCode(await lab.run("rs", "rs", ["broadcasts", "--id", String(line.id), "--json"]), 0);
  assertEquals(eventsOf(list, "receipt").map(({ peer }) => peer).sort(), ["b", "c", "d"]);
  assertMatch(rs.stderr, /Revoked +a/);
  const invited = eventsOf(assertCode(await lab.run("rs", "rs", ["invite", "--json"]), 0), "invite");
  const back = await lab.peer("a", address, "--join", String(invited[0]!.code));
  await back.event("received", ({ name }) => name === "image.bin");
  assertFile(join(lab.pc("a"), "share/image.bin"), IMAGE);
}

async function fetchScenario(lab: Lab): Promise<void> {
  const { address, code } = await lab.securedRs();
  put(lab.pc("holder"), "share/image.bin", IMAGE);
  const holder = await lab.peer("holder", address, "--join", code, "--rate", RATE);
  await holder.said(/Shared: image.bin/);
  const [out, stays] = await Promise.all(["out", "stays"].map((pc) => lab.peer(pc, address, "--join", code)));
  const fetching = ["out", "stays"].map((pc) => lab.start("peer", pc, ["fetch", "image.bin", "--json"]));
  for (const each of fetching) await each.event("progress", ({ bytes }) => Number(bytes) > MB);

  assertLess(await putOut(lab, "out", out!), 10);
  const [refused, done] = await Promise.all(fetching.map((each) => each.ended));
  assertCode(refused!, 4);
  assertMatch(String(eventsOf(refused!, "error")[0]?.message), /revoked|member no longer/);
  assertEquals(await shared(lab.pc("out")), []);
  assertCode(done!, 0);
  assertFile(join(lab.pc("stays"), "share/image.bin"), IMAGE);
  assert(!stays!.lines.some(({ event }) => event === "error"));
}

/** Whoever had it all from the one who is put out has it from nobody. */
async function holderScenario(lab: Lab): Promise<void> {
  const { address, code } = await lab.securedRs();
  for (const pc of ["first", "second"]) put(lab.pc(pc), "share/image.bin", IMAGE);
  put(lab.pc("first"), "share/own.bin", IMAGE.subarray(1));
  const [first, second] = await Promise.all(
    ["first", "second"].map((pc) => lab.peer(pc, address, "--join", code, "--rate", RATE)),
  );
  for (const each of [first!, second!]) await each.said(/Shared: image.bin|share changed/);
  await lab.peer("pc", address, "--join", code);
  const both = lab.start("peer", "pc", ["fetch", "image.bin", "--json"]);
  const alone = lab.start("peer", "pc", ["fetch", "own.bin", "--json"]);
  for (const each of [both, alone]) await each.event("progress", ({ bytes }) => Number(bytes) > MB);
  assertLess(await putOut(lab, "first", first!), 10);
  assertCode(await both.ended, 0);
  assertFile(join(lab.pc("pc"), "share/image.bin"), IMAGE);
  const ended = await alone.ended;
  assert([3, 4].includes(ended.code), `${ended.code}: ${ended.stderr}`);
  assertEquals(await shared(lab.pc("pc")), ["image.bin"]);
}

const SCENARIOS = {
  "in the middle of a broadcast": broadcastScenario,
  "in the middle of a fetch": fetchScenario,
  "while others fetch from it": holderScenario,
};
const wine = await wineReady() ? undefined : "no Wine here; scripts/wine/setup.sh sets it up";

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  labTest(`revoked ${title}`, scenario);
  labTest(`Wine: revoked ${title}`, scenario, {
    programs: WINDOWS,
    // Wine's launcher is a script.
    inheritEnv: true,
    skip: wine,
  });
}
