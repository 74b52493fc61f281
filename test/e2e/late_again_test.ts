/** A lab that is started again: the registration server remembers, the PCs are new and have the old ones' addresses. */

import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { Lab, Running } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, eventsOf, labTest } from "./lab.ts";

const NAME = "data.bin";
const PATH = join("share", NAME);
const PCS = ["h1", "h2", "h3"];

/** The port on which a peer listens. */
async function portOf(peer: Running): Promise<string> {
  return String((await peer.event("listening")).port);
}

/** A peer that listens on this port. */
async function peerAt(lab: Lab, pc: string, rs: string, port: string): Promise<Running> {
  const flags = ["--json", "--name", pc, "--port", port, "--accept-open-broadcasts"];
  const peer = lab.start("peer", pc, ["serve", "--rs", rs, ...flags]);
  await peer.event("registered");
  return peer;
}

/** Everything is killed; the PCs' folders are gone. */
async function wiped(lab: Lab, programs: readonly Running[]): Promise<void> {
  await Promise.all(programs.map((program) => program.kill()));
  for (const pc of PCS) Deno.removeSync(lab.pc(pc), { recursive: true });
}

labTest(
  "the same lab again with new PCs: they get it once, out of the share that was copied anew",
  async (lab) => {
    const bytes = bytesOf(20 * MB, 1);
    put(lab.pc("rs"), PATH, bytes);
    const first = await lab.rs();
    const peers = await Promise.all(PCS.map((pc) => lab.peer(pc, first.address)));
    const ports = await Promise.all(peers.map(portOf));
    const broadcast = () => lab.run("rs", "rs", ["broadcast", PATH, "--json"]);
    assertEquals(eventsOf(assertCode(await broadcast(), 0), "broadcast")[0]!.done, 3);
    await wiped(lab, [first.running, ...peers]);
    // The same bytes, at another time.
    put(lab.pc("rs"), PATH, bytes);
    Deno.utimeSync(join(lab.pc("rs"), PATH), 1e9, 1e9);

    const { running, address } = await lab.rs("rs", "--port", String(first.port));
    const again = await Promise.all(PCS.map((pc, i) => peerAt(lab, pc, address, ports[i]!)));
    for (const [i, peer] of again.entries()) {
      await peer.event("received", ({ name }) => name === NAME);
      assertFile(join(lab.pc(PCS[i]!), PATH), bytes);
      const { peer: name } = await peer.event("registered");
      await running.said(new RegExp(`Offer +${name}: data\\.bin has arrived`));
      assert(!/cannot deliver|has not arrived/.test(peer.stderr), peer.stderr);
    }
    const active = assertCode(await lab.run("rs", "rs", ["peers", "--active", "--json"]), 0);
    assertEquals(eventsOf(active, "peer").length, 3, "those whose place others have are not active");
    const third = eventsOf(assertCode(await broadcast(), 0), "broadcast")[0]!;
    assertEquals([third.done, third.failed], [3, 0]);
  },
);

labTest(
  "the share's file is another one now, and nobody has it: no offer is made, and one line says why",
  async (lab) => {
    put(lab.pc("rs"), PATH, bytesOf(5 * MB, 1));
    const first = await lab.rs();
    const a = await lab.peer("h1", first.address);
    assertCode(await lab.run("rs", "rs", ["broadcast", PATH, "--json"]), 0);
    await Promise.all([a.kill(), first.running.kill()]);
    put(lab.pc("rs"), PATH, bytesOf(5 * MB, 2));

    const { running, address } = await lab.rs("rs", "--port", String(first.port));
    const late = await lab.peer("late", address);
    await running.said(/data\.bin in the share is no longer what was broadcast/);
    assertEquals(running.stderr.includes("Offer "), false, running.stderr);
    // It comes back with the file: now it can be had.
    await lab.peer("h1", address);
    await late.event("received", ({ name }) => name === NAME);
    assertFile(join(lab.pc("late"), PATH), bytesOf(5 * MB, 1));
    assertEquals(running.stderr.match(/is no longer what was broadcast/g)?.length, 1);
    assertEquals(late.stderr.includes("has not arrived"), false, late.stderr);
  },
);

labTest("a broadcast that runs takes over from what comes late of the same file", async (lab) => {
  const bytes = bytesOf(12 * MB, 1);
  put(lab.pc("lead"), PATH, bytes);
  const { running, address } = await lab.rs();
  await lab.peer("h1", address, "--rate", "1MB/s");
  const broadcast = () => lab.run("rs", "lead", ["broadcast", PATH, "--json", "--rs", address]);
  assertCode(await broadcast(), 0);
  const late = await lab.peer("late", address);
  await running.said(/Offer +late: data\.bin, from 1 that have it/);
  await late.said(/rs sends 1 file/);
  const result = eventsOf(assertCode(await broadcast(), 0), "broadcast")[0]!;
  assertEquals([result.done, result.failed], [2, 0]);
  assertFile(join(lab.pc("late"), PATH), bytes);
  await late.said(/What rs sends is given up here: a broadcast that runs now brings it/);
  assert(!/another fetch of it|has not arrived/.test(late.stderr), late.stderr);
  await running.said(/Offer +late: data\.bin has arrived/);
});
