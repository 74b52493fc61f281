/** Several peers at once. */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { assertFile, bytesOf, put, sha256Of, shared } from "./files.ts";
import { assertCode, eventsOf, labTest } from "./lab.ts";

/** Names, and sizes from nothing to several pieces. */
const SIZES = [0, 1, 700, 4_096, 65_537, 100_000, 262_144, 300_000, 700_001, 1_500_000];

labTest("six peers with ten files each, all starting at once: all 300 files right", async (lab) => {
  const pcs = Array.from({ length: 6 }, (_, i) => `pc${i}`);
  const files = new Map<string, Uint8Array>();
  for (const [i, pc] of pcs.entries()) {
    for (const [j, size] of SIZES.entries()) {
      const name = `${pc}/file ${j}.bin`;
      const bytes = bytesOf(size, 100 * i + j);
      files.set(name, bytes);
      put(join(lab.pc(pc), "share"), name, bytes);
    }
  }
  const { address } = await lab.rs();
  await Promise.all(pcs.map((pc) => lab.peer(pc, address)));
  const fetches = await Promise.all(pcs.map((pc) => lab.run("peer", pc, ["fetch", "--all", "--json"])));
  const names = [...files.keys()].sort();
  for (const [i, pc] of pcs.entries()) {
    const ended = assertCode(fetches[i]!, 0);
    const own = names.filter((name) => name.startsWith(`${pc}/`));
    const fetched = eventsOf(ended, "fetched").filter((line) => !own.includes(String(line.name)));
    assertEquals(
      fetched.map((line) => String(line.name)).sort(),
      names.filter((name) => !own.includes(name)),
    );
    assertEquals(await shared(lab.pc(pc)), names);
    for (const [name, bytes] of files) assertFile(join(lab.pc(pc), "share", name), bytes);
    for (const line of fetched) assertEquals(line.sha256, sha256Of(String(line.path)));
  }
});

labTest("four peers: one file spreads, and what is fetched is shared at once", async (lab) => {
  const { address, running: rs } = await lab.rs();
  const bytes = bytesOf(6_000_000, 9);
  put(lab.pc("a"), "share/image.bin", bytes);
  await Promise.all(["a", "b", "c", "d"].map((pc) => lab.peer(pc, address)));
  for (const [pc, holders] of [["b", 1], ["c", 2], ["d", 3]] as const) {
    const ended = assertCode(await lab.run("peer", pc, ["fetch", "image.bin", "--json"]), 0);
    const [fetched] = eventsOf(ended, "fetched");
    assertFile(join(lab.pc(pc), "share/image.bin"), bytes);
    // Bytes from the network: at the end a piece may be asked for twice.
    const fromNetwork = Number(fetched?.bytes);
    assert(fromNetwork >= bytes.length && fromNetwork <= bytes.length + 2 ** 20, `${fromNetwork} bytes`);
    // All who have it are asked; how much each sends is chance.
    await rs.said(new RegExp(`Announce +${pc}: 1 file`));
    const index = await lab.run("peer", pc, ["index", "image.bin", "--json"]);
    assertEquals(eventsOf(index, "file").length, holders);
  }
});

labTest("many small files: 2,500 in folders", async (lab) => {
  const { address } = await lab.rs();
  const folder = lab.pc("a");
  for (let i = 0; i < 2_500; i++) put(folder, `share/set/${i % 50}/${i}.txt`, `number ${i}`);
  await lab.peer("a", address);
  await lab.peer("served", address);
  // Alone, and through a serve, which has 2,500 events to tell in no time.
  for (const [pc, flags] of [["alone", ["--rs", address]], ["served", []]] as const) {
    const ended = assertCode(await lab.run("peer", pc, ["fetch", "set", "--json", ...flags]), 0);
    assertEquals(eventsOf(ended, "fetched").length, 2_500);
    assertEquals(await shared(lab.pc(pc)), await shared(folder));
    for (let i = 0; i < 2_500; i += 123) {
      assertFile(join(lab.pc(pc), `share/set/${i % 50}/${i}.txt`), `number ${i}`);
    }
  }
});
