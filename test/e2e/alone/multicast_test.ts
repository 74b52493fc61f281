/**
 * Broadcasts by multicast, between PCs with network cards of their own: each byte leaves the source once, receivers pass
 * nothing on; and who can't hear it has the file all the same. Alone: a machine that other tests keep busy loses blocks, which
 * then come another way than the one that is looked at.
 */

import { assertGreater, assertLess } from "@std/assert";
import { join } from "@std/path";
import type { Lab, Running } from "../../../scripts/programs.ts";
import { assertFile, assertTidy, bytesOf, MB, put } from "../files.ts";
import { assertCode, eventsOf, labTest, whileStopped } from "../lab.ts";
import { noSegments, type Pc, Segments, sentBy } from "../segments.ts";

const skip = await noSegments();
const PATH = join("share", "image.bin");
const NAMES = ["a", "b", "c", "d"];

interface Stage {
  lan: Segments;
  server: Pc;
  pcs: Map<string, Pc>;
  peers: Map<string, Running>;
  bytes: Uint8Array;
}

/** A server with a file, and four peers of one subnet. */
async function stage(
  lab: Lab,
  lan: Segments,
  flags: { rs: string[]; peer: (lab: Lab, server: Pc) => Promise<string[]> },
) {
  const server = await lan.pc("s", ["a", "10.1.0.2/24"]);
  const bytes = bytesOf(24 * MB, 11);
  put(lab.pc("rs"), PATH, bytes);
  const rs = lab.start("rs", "rs", ["serve", "--json", "--port", "4321", ...flags.rs], server.rs);
  await rs.event("listening");
  const made: Stage = { lan, server, pcs: new Map(), peers: new Map(), bytes };
  for (const [i, name] of NAMES.entries()) {
    const pc = await lan.pc(name, ["a", `10.1.0.${10 + i}/24`]);
    const own = await flags.peer(lab, server);
    const args = ["serve", "--json", "--name", name, "--rs", "10.1.0.2:4321", ...own];
    made.pcs.set(name, pc);
    made.peers.set(name, lab.start("peer", name, args, pc.peer));
  }
  for (const peer of made.peers.values()) await peer.event("registered");
  return made;
}

const OPEN = { rs: ["--open"], peer: () => Promise.resolve(["--accept-open-broadcasts"]) };
const SECURED = {
  rs: [],
  peer: async (lab: Lab, server: Pc) => {
    const invited = assertCode(await lab.run("rs", "rs", ["invite", "--json"], server.rs), 0);
    return ["--join", String(eventsOf(invited, "invite")[0]!.code)];
  },
};

/** At a rate at which a busy machine loses nothing. */
const broadcasting = (lab: Lab, { server }: Stage) =>
  lab.start("rs", "rs", ["broadcast", PATH, "--json", "--rs", "10.1.0.2:4321", "--rate", "8MB/s"], server.rs);

async function assertAll(lab: Lab, { bytes }: Stage): Promise<void> {
  for (const name of NAMES) {
    assertFile(join(lab.pc(name), PATH), bytes);
    await assertTidy(lab.pc(name));
  }
}

for (const [what, flags] of [["an open", OPEN], ["a secured", SECURED]] as const) {
  labTest(
    `multicast in ${what} lab: one copy leaves the source, and nobody passes anything on`,
    async (lab) => {
      await using lan = await Segments.make(["a"]);
      const made = await stage(lab, lan, flags);
      const before = await Promise.all([...made.pcs.values()].map(sentBy));
      const source = await sentBy(made.server);
      assertCode(await broadcasting(lab, made).ended, 0);
      await assertAll(lab, made);
      const { length } = made.bytes;
      assertGreater(await sentBy(made.server) - source, length);
      assertLess(await sentBy(made.server) - source, 1.5 * length);
      const passedOn = await Promise.all([...made.pcs.values()].map(sentBy));
      // What a program was too busy to take in is asked of others.
      assertLess(sum(passedOn) - sum(before), 0.5 * length, `${passedOn} after ${before}`);
    },
    { skip },
  );
}

labTest(
  "multicast: a PC whose port lets none through, and one that stands still meanwhile, get it from others",
  async (lab) => {
    await using lan = await Segments.make(["a"]);
    const made = await stage(lab, lan, OPEN);
    await lan.multicast("b", false);
    const run = broadcasting(lab, made);
    await whileStopped(made.peers.get("c")!, async () => {
      await run.event("progress", ({ bytes }) => Number(bytes) > made.bytes.length);
    });
    assertCode(await run.ended, 0);
    await assertAll(lab, made);
  },
  { skip },
);

labTest("multicast: the source is killed on the way; broadcast anew, all have it", async (lab) => {
  await using lan = await Segments.make(["a"]);
  const made = await stage(lab, lan, OPEN);
  const run = broadcasting(lab, made);
  await run.event("progress", ({ bytes }) => Number(bytes) > made.bytes.length);
  await run.kill("SIGKILL");
  assertCode(await broadcasting(lab, made).ended, 0);
  await assertAll(lab, made);
  // A quarter and more was there: it is not sent again.
  for (const [name, { peer }] of made.pcs) {
    const status = assertCode(await lab.run("peer", name, ["status", "--json"], peer), 0);
    assertLess(Number(eventsOf(status, "status")[0]?.received), 0.8 * made.bytes.length);
  }
}, { skip });

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
