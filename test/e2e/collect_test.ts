/** Collecting from every peer, and `rs fetch`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Ended, Lab } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, shared, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, sentence } from "./lab.ts";

const PCS = ["a", "b", "c"];

/** Three peers with a report each, all of one name; and `d`, which has none. */
async function stage(lab: Lab): Promise<string> {
  const { address } = await lab.rs();
  for (const [i, pc] of PCS.entries()) {
    put(lab.pc(pc), "share/report.txt", `the report of ${pc}`);
    put(lab.pc(pc), "share/work/report.bin", bytesOf(2 * MB, i));
    put(lab.pc(pc), "share/private.doc", "not asked for");
  }
  put(lab.pc("d"), "share/other.txt", "other");
  await Promise.all([...PCS, "d"].map((pc) => lab.peer(pc, address)));
  return address;
}

function receipts(ended: Ended): string[] {
  return eventsOf(ended, "collected").map(({ peer, files, failed, code }) =>
    `${peer} ${files} ${failed} ${code ?? "-"}`
  ).sort();
}

labTest("rs fetch --from all: a folder for each peer, though the names are the same", async (lab) => {
  const rs = await stage(lab);
  const args = ["fetch", "**/report*", "report*", "--from", "all", "--out", "share/in", "--rs", rs, "--json"];
  const ended = assertCode(await lab.run("rs", "rs", args), 0);
  const folder = join(lab.pc("rs"), "share", "in");
  assertEquals(await tree(folder), PCS.flatMap((pc) => [`${pc}/report.txt`, `${pc}/work/report.bin`]));
  for (const [i, pc] of PCS.entries()) {
    assertFile(join(folder, pc, "report.txt"), `the report of ${pc}`);
    assertFile(join(folder, pc, "work", "report.bin"), bytesOf(2 * MB, i));
  }
  assertEquals(receipts(ended), ["a 2 0 -", "b 2 0 -", "c 2 0 -", "d 0 0 -"]);
  const fetched = eventsOf(ended, "fetched").map(({ peer, name }) => `${peer} ${name}`).sort();
  assertEquals(fetched, PCS.flatMap((pc) => [`${pc} report.txt`, `${pc} work/report.bin`]));
  const again = assertCode(await lab.run("rs", "rs", args), 0);
  assertEquals(eventsOf(again, "fetched").map(({ bytes }) => bytes), [0, 0, 0, 0, 0, 0]);
  const people = args.filter((each) => each !== "--json");
  const shown = assertCode(await lab.run("rs", "rs", people), 0).stdout;
  assertMatch(shown, /^PEER +STATE +FILES/m);
  assertMatch(shown, /^d +nothing matched/m);
});

labTest("peer fetch --from all: everybody but itself, below its share", async (lab) => {
  const rs = await stage(lab);
  const ended = assertCode(await lab.run("peer", "a", ["fetch", "report.txt", "--from", "All", "--json"]), 0);
  assertEquals(receipts(ended), ["b 1 0 -", "c 1 0 -", "d 0 0 -"]);
  assertFile(join(lab.pc("a"), "share", "b", "report.txt"), "the report of b");
  assertFile(join(lab.pc("a"), "share", "report.txt"), "the report of a");
  assert(rs);
});

labTest("a peer that died doesn't keep the others; what nobody has is said so", async (lab) => {
  const { address } = await lab.rs();
  put(lab.pc("a"), "share/report.txt", "a's");
  await lab.peer("a", address);
  const b = await lab.peer("b", address);
  await b.kill();
  const collect = (glob: string, ...more: string[]) =>
    lab.run("rs", "rs", ["fetch", glob, "--from", "all", "--out", "share/in", "--rs", address, ...more]);
  const ended = assertCode(await collect("*", "--json"), 3);
  assertEquals(receipts(ended), ["a 1 0 -", "b 0 0 unreachable"]);
  assertFile(join(lab.pc("rs"), "share", "in", "a", "report.txt"), "a's");
  // Until the server knows that it is gone.
  await lab.started[0]!.said(/Inactive +b/, { timeout: 30_000 });
  assertMatch(sentence(assertCode(await collect("nothing*", "--quiet"), 1)), /no active peer holds it/);
});

labTest("rs fetch: into the share, from whoever has it or from one", async (lab) => {
  const rs = await stage(lab);
  const fetch = (...args: string[]) => lab.run("rs", "rs", ["fetch", "--rs", rs, "--json", ...args]);
  assertCode(await fetch("other.txt"), 0);
  assertCode(await fetch("report.txt", "--from", "b"), 0);
  assertCode(await fetch("report.txt"), 1);
  assertEquals(await shared(lab.pc("rs")), ["other.txt", "report.txt"]);
  assertFile(join(lab.pc("rs"), "share", "report.txt"), "the report of b");
  assertEquals(eventsOf(await fetch("other.txt"), "fetched")[0]!.bytes, 0);
  assertCode(await fetch("report.txt", "--from", "nobody"), 3);
});
