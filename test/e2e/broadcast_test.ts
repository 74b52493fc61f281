/** Broadcasts: to all, to some, over what is there already, and through the deaths of everybody concerned. */

import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Ended, JsonLine, Lab, Running } from "../../scripts/programs.ts";
import { assertFile, assertTidy, bytesOf, MB, put, shared, tree } from "./files.ts";
import { assertCode, eventsOf, labTest, receivedBy, sentence, whileStopped } from "./lab.ts";

const NAME = "image.bin";
const PATH = join("share", NAME);
const PCS = ["a", "b", "c", "d"];
const MEDIUM = 40 * MB;

/** How a broadcast went with one PC. */
interface Receipt {
  peer: string;
  state: string;
  reason?: string;
}

/** A registration server with a file of its own, and peers. */
async function stage(lab: Lab, bytes: Uint8Array, pcs = PCS): Promise<{ rs: string; peers: Running[] }> {
  const { address } = await lab.rs();
  put(lab.pc("rs"), PATH, bytes);
  return { rs: address, peers: await Promise.all(pcs.map((pc) => lab.peer(pc, address))) };
}

function broadcasting(lab: Lab, rs: string, ...args: string[]): Running {
  return lab.start("rs", "rs", ["broadcast", PATH, "--json", "--rs", rs, ...args]);
}

/** Waits until so many verified bytes are reported, of all PCs together. */
async function arrived(run: Running, bytes: number): Promise<void> {
  await run.event("progress", (line) => Number(line.bytes) >= bytes);
}

/** The one line that tells how it ended. */
function result(ended: Ended): JsonLine & { receipts: Receipt[] } {
  const [line, ...more] = eventsOf(ended, "broadcast");
  assertEquals(more, []);
  assert(line, ended.stdout + ended.stderr);
  return line as JsonLine & { receipts: Receipt[] };
}

function receiptOf(ended: Ended, pc: string): Receipt | undefined {
  return result(ended).receipts.find(({ peer }) => peer === pc);
}

labTest("a file to four peers: all have it, the line tells; a second time nothing travels", async (lab) => {
  const bytes = bytesOf(12 * MB, 1);
  const { rs } = await stage(lab, bytes);
  const ended = assertCode(await broadcasting(lab, rs).ended, 0);
  const { id, name, peers, done, failed, seconds } = result(ended);
  assertEquals({ name, peers, done, failed }, { name: NAME, peers: 4, done: 4, failed: 0 });
  assert(typeof id === "string" && id !== "" && typeof seconds === "number" && seconds > 0);
  for (const pc of PCS) {
    assertFile(join(lab.pc(pc), PATH), bytes);
    await assertTidy(lab.pc(pc));
    assertEquals(await receivedBy(lab, pc), bytes.length);
  }
  assertCode(await broadcasting(lab, rs).ended, 0);
  for (const pc of PCS) {
    assertEquals(await receivedBy(lab, pc), bytes.length);
    assertEquals(await shared(lab.pc(pc)), [NAME]);
  }
  const third = assertCode(await lab.run("rs", "rs", ["broadcast", PATH]), 0);
  assertMatch(third.stdout, /4 of 4 PCs done in [^,]*; they had it already/);
});

labTest("fetch of a file that is being broadcast to this PC waits for it", async (lab) => {
  const bytes = bytesOf(12 * MB, 3);
  const { rs } = await stage(lab, bytes, ["alice"]);
  put(lab.pc("bob"), PATH, bytes);
  await lab.peer("bob", rs);
  const run = broadcasting(lab, rs, "--rate", "4MB/s", "--to", "alice");
  await arrived(run, 2 * MB);
  const fetch = lab.start("peer", "alice", ["fetch", NAME]);
  await whileStopped(run, () => fetch.said(/image\.bin is on its way here already.*: waiting for it/));
  const ended = assertCode(await fetch.ended, 0);
  assertMatch(ended.stdout, /^image\.bin is here already: /);
  assertCode(await run.ended, 0);
  // Of this one nobody has the whole yet.
  put(lab.pc("rs"), "share/other.bin", bytesOf(12 * MB, 4));
  const args = ["broadcast", "share/other.bin", "--json", "--rs", rs, "--rate", "4MB/s", "--to", "alice"];
  const other = lab.start("rs", "rs", args);
  await arrived(other, 2 * MB);
  const fetching = () => lab.run("peer", "alice", ["fetch", "other.bin"]);
  const early = assertCode(await whileStopped(other, fetching), 1);
  assertMatch(early.stderr, /^other\.bin is on its way here already; peer status tells how far it is\n$/);
  assertCode(await other.ended, 0);
  assertFile(join(lab.pc("alice"), PATH), bytes);
  assertEquals(await shared(lab.pc("alice")), [NAME, "other.bin"]);
});

labTest(
  "a folder with small, nested and empty files; what one PC has already isn't sent to it",
  async (lab) => {
    const { address } = await lab.rs();
    const files = new Map<string, Uint8Array>([["set/empty", bytesOf(0, 0)], [
      "set/large.bin",
      bytesOf(9 * MB, 2),
    ]]);
    for (let i = 0; i < 600; i++) files.set(`set/${i % 7}/deep/${i}.txt`, bytesOf(i % 50 * 90, i));
    for (const [name, bytes] of files) put(lab.pc("rs"), join("share", name), bytes);
    put(lab.pc("a"), "share/set/large.bin", files.get("set/large.bin")!);
    await Promise.all(PCS.map((pc) => lab.peer(pc, address)));
    const args = ["broadcast", "share/set", "--json", "--rs", address];
    const ended = assertCode(await lab.run("rs", "rs", args), 0);
    assertEquals(result(ended).done, 4);
    const names = [...files.keys()].sort();
    for (const pc of PCS) {
      assertEquals(await shared(lab.pc(pc)), names);
      for (const [name, bytes] of files) assertFile(join(lab.pc(pc), "share", name), bytes);
      await assertTidy(lab.pc(pc));
    }
    assertLess(await receivedBy(lab, "a"), 3 * MB);
  },
);

labTest("--to: only those; a name that nobody has fails, the others get it", async (lab) => {
  const bytes = bytesOf(3 * MB, 3);
  const { rs } = await stage(lab, bytes);
  assertEquals(result(assertCode(await broadcasting(lab, rs, "--to", "a,b").ended, 0)).peers, 2);
  assertEquals(await shared(lab.pc("b")), [NAME]);
  assertEquals(await shared(lab.pc("c")), []);
  const ended = assertCode(await broadcasting(lab, rs, "--to", "c,nobody").ended, 1);
  assertEquals([result(ended).done, result(ended).failed], [1, 1]);
  assertFile(join(lab.pc("c"), PATH), bytes);
  assertMatch(String(receiptOf(ended, "nobody")?.reason), /no active peer has that name/);
});

labTest("another file of that name is moved away, and the broadcast takes the name", async (lab) => {
  const bytes = bytesOf(2 * MB, 4);
  put(lab.pc("a"), PATH, "the student's own");
  const { rs } = await stage(lab, bytes, ["a", "b"]);
  assertCode(await broadcasting(lab, rs).ended, 0);
  assertFile(join(lab.pc("a"), PATH), bytes);
  assertEquals(await shared(lab.pc("a")), [NAME]);
  const replaced = join(lab.pc("a"), "peer-data", "replaced");
  const [old, ...more] = await tree(replaced);
  assertEquals(more, []);
  assertMatch(old!, /^image\.bin\.\d{4}-/);
  assertFile(join(replaced, old!), "the student's own");
});

labTest(
  "a receiver killed -9 half-way and started again finishes; what it had isn't fetched again",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 5);
    const { rs, peers } = await stage(lab, bytes);
    const run = broadcasting(lab, rs, "--rate", "8MB/s");
    await arrived(run, MEDIUM * 2);
    const had = await whileStopped(run, async () => {
      const received = await receivedBy(lab, "b");
      await peers[1]!.kill();
      return received;
    });
    await lab.peer("b", rs);
    const ended = assertCode(await run.ended, 0);
    assertEquals(result(ended).done, 4);
    for (const pc of PCS) assertFile(join(lab.pc(pc), PATH), bytes);
    // It had about a half, of which what was on its way and being written at that moment may be lost.
    const again = await receivedBy(lab, "b");
    assertGreater(again, 0);
    assertLess(again, MEDIUM - had + MEDIUM * 0.15, `it had ${had}`);
    for (const pc of ["a", "c", "d"]) assertLessOrEqual(await receivedBy(lab, pc), MEDIUM * 1.05);
  },
);

labTest(
  "a receiver killed for good: the others have it, that one failed when the time was up",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 6);
    const { rs, peers } = await stage(lab, bytes);
    const run = broadcasting(lab, rs, "--rate", "20MB/s", "--timeout", "12s");
    await arrived(run, MEDIUM);
    await peers[0]!.kill();
    const ended = assertCode(await run.ended, 1);
    assertEquals([result(ended).done, result(ended).failed], [3, 1]);
    const { state, reason } = receiptOf(ended, "a")!;
    assertEquals(state, "failed");
    assertMatch(String(reason), /time is up/);
    for (const pc of ["b", "c", "d"]) assertFile(join(lab.pc(pc), PATH), bytes);
  },
);

labTest(
  "the file is cut off half-way: it fails at once and says why, not when the time is up",
  async (lab) => {
    const { rs } = await stage(lab, bytesOf(16 * MB, 12));
    const run = broadcasting(lab, rs, "--rate", "4MB/s");
    await arrived(run, 12 * MB);
    const began = performance.now();
    await Deno.truncate(join(lab.pc("rs"), PATH), 5 * MB);
    const ended = assertCode(await run.ended, 1);
    assertLess(performance.now() - began, 60_000);
    assertEquals([result(ended).done, result(ended).failed], [0, 4]);
    for (const pc of PCS) {
      assertMatch(String(receiptOf(ended, pc)!.reason), /image\.bin (has )?changed/);
      assertEquals(await shared(lab.pc(pc)), []);
    }
  },
);

labTest("the registration server killed -9 half-way: all finish", async (lab) => {
  const bytes = bytesOf(MEDIUM, 7);
  const { rs } = await stage(lab, bytes);
  const run = broadcasting(lab, rs, "--rate", "20MB/s");
  await arrived(run, MEDIUM * 2);
  await lab.started.find(({ title }) => title.startsWith("rs: rs serve"))!.kill();
  assertEquals(result(assertCode(await run.ended, 0)).done, 4);
  for (const pc of PCS) assertFile(join(lab.pc(pc), PATH), bytes);
});

labTest(
  "a report doesn't take the place of a file that is broadcast, and a retry makes none",
  async (lab) => {
    const { address } = await lab.rs();
    await lab.peer("a", address);
    const path = put(lab.pc("rs"), "share/lesson/1.txt", "the lesson");
    for (const report of ["share/lesson/1.txt", "share/../share/lesson/1.txt"]) {
      const args = ["broadcast", "share/lesson", "--rs", address, "--report", report];
      assertMatch(sentence(assertCode(await lab.run("rs", "rs", args), 2)), /1\.txt.*is broadcast itself/);
    }
    assertFile(path, "the lesson");
    for (const flags of [["--report", "share/r.html"], ["--background"]]) {
      const args = ["broadcast", "--retry-failed", "5f1d7c0a", "--rs", address, ...flags];
      assertMatch(sentence(assertCode(await lab.run("rs", "rs", args), 2)), /--retry-failed/);
    }
  },
);

labTest("peer broadcast: to everybody but the sender", async (lab) => {
  const bytes = bytesOf(5 * MB, 8);
  put(lab.pc("a"), PATH, bytes);
  const { address } = await lab.rs();
  await Promise.all(PCS.map((pc) => lab.peer(pc, address)));
  const ended = assertCode(await lab.run("peer", "a", ["broadcast", PATH, "--json"]), 0);
  assertEquals([result(ended).peers, result(ended).done], [3, 3]);
  assertEquals(result(ended).receipts.map(({ peer }) => peer).sort(), ["b", "c", "d"]);
  for (const pc of PCS) assertFile(join(lab.pc(pc), PATH), bytes);
});

labTest(
  "the source killed -9 half-way: the same broadcast, started again, goes on from there",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 9);
    const { rs, peers } = await stage(lab, bytes);
    const run = broadcasting(lab, rs, "--rate", "10MB/s");
    await arrived(run, MEDIUM * 2);
    await run.kill();
    for (const pc of PCS) assertEquals(await shared(lab.pc(pc)), []);
    const ended = assertCode(await broadcasting(lab, rs, "--timeout", "2m").ended, 0);
    assertEquals(result(ended).done, 4);
    for (const [i, pc] of PCS.entries()) {
      assertFile(join(lab.pc(pc), PATH), bytes);
      // Both runs together.
      assertLessOrEqual(await receivedBy(lab, pc), MEDIUM * 1.05);
      await assertTidy(lab.pc(pc));
      assertEquals(peers[i]!.stderr.includes("ERROR"), false, peers[i]!.stderr);
    }
  },
);
