/** Broadcasts of a file so large that it is hashed while it travels. */

import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Ended, JsonLine, Lab, Running } from "../../scripts/programs.ts";
import { assertFile, assertTidy, bytesOf, MB, put, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, receivedBy, whileStopped } from "./lab.ts";

const NAME = "image.bin";
const PATH = join("share", NAME);
/** Above 64 MiB pieces are larger, and a fetch doesn't hash the whole before it gives it its name. */
const LARGE = 80 * MB;
/** Far above the size from which files are hashed on the way: 4 MiB. */
const MEDIUM = 40 * MB;

function start(lab: Lab, rs: string, ...args: string[]): Running {
  return lab.start("rs", "lead", ["broadcast", PATH, "--json", "--rs", rs, ...args]);
}

function result(ended: Ended): JsonLine {
  const [line] = eventsOf(ended, "broadcast");
  assert(line, ended.stdout + ended.stderr);
  return line;
}

labTest(
  "a large file to three: all right; who comes late gets it; a second time nothing travels",
  async (lab) => {
    const bytes = bytesOf(LARGE, 1);
    const { address } = await lab.rs();
    const pcs = ["a", "b", "c"];
    await Promise.all(pcs.map((pc) => lab.peer(pc, address)));
    put(lab.pc("lead"), PATH, bytes);
    assertEquals(result(assertCode(await start(lab, address).ended, 0)).done, 3);
    for (const pc of pcs) {
      assertFile(join(lab.pc(pc), PATH), bytes);
      await assertTidy(lab.pc(pc));
    }
    const late = await lab.peer("late", address);
    await late.event("received", ({ name }) => name === NAME);
    assertFile(join(lab.pc("late"), PATH), bytes);
    const before = await receivedBy(lab, "a");
    assertEquals(result(assertCode(await start(lab, address).ended, 0)).done, 4);
    assertEquals(await receivedBy(lab, "a"), before);
  },
);

labTest(
  "a receiver killed -9 half-way goes on from what it had, and so does a broadcast begun again",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 2);
    const { address } = await lab.rs();
    const peers = await Promise.all(["a", "b"].map((pc) => lab.peer(pc, address)));
    put(lab.pc("lead"), PATH, bytes);
    const first = start(lab, address, "--rate", "10MB/s");
    await first.event("progress", (line) => Number(line.bytes) >= MEDIUM);
    const had = await whileStopped(first, async () => {
      const received = await receivedBy(lab, "b");
      await peers[1]!.kill();
      return received;
    });
    await lab.peer("b", address);
    await first.event("progress", (line) => Number(line.bytes) >= MEDIUM * 1.3);
    await first.kill();
    assertEquals(result(assertCode(await start(lab, address).ended, 0)).done, 2);
    for (const pc of ["a", "b"]) assertFile(join(lab.pc(pc), PATH), bytes);
    const again = await receivedBy(lab, "b");
    assertGreater(again, 0);
    // What was on its way and being written at the two kills may be lost.
    assertLess(again, MEDIUM - had + MEDIUM * 0.25, `it had ${had}`);
  },
);

labTest(
  "the file changes while it travels: the broadcast ends with a sentence",
  async (lab) => {
    const { address } = await lab.rs();
    await lab.peer("a", address);
    put(lab.pc("lead"), PATH, bytesOf(MEDIUM, 3));
    const run = start(lab, address, "--rate", "10MB/s");
    await run.event("progress", (line) => Number(line.bytes) > 0);
    Deno.utimeSync(join(lab.pc("lead"), PATH), 1, 1);
    const ended = assertCode(await run.ended, 1);
    assertMatch(ended.stdout, /image\.bin changed while it was broadcast/);
    assertEquals((await tree(join(lab.pc("a"), "share"))).filter((name) => name === NAME), []);
  },
);
