/** Interrupted fetches: kill -9 of the fetching process, of a holder, of the registration server. */

import { assert, assertEquals, assertGreater, assertLessOrEqual, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { Lab, Running } from "../../scripts/programs.ts";
import { assertFile, bytesOf, MB, put, sha256, shared } from "./files.ts";
import { assertCode, eventsOf, labTest, whileStopped } from "./lab.ts";

const NAME = "image.bin";
const BIG = 200 * MB;
const MEDIUM = 60 * MB;

/** Waits until so many verified bytes are reported; gives the number that was reported last. */
async function fetchedSoFar(fetch: Running, bytes: number): Promise<number> {
  const line = await fetch.event("progress", (line) => Number(line.bytes) >= bytes);
  return Number(line.bytes);
}

/** The rest came, and not much more: what was missing at `had` bytes, and 5 %. */
function assertResumed(ended: Parameters<typeof assertCode>[0], size: number, had: number): void {
  assertCode(ended, 0);
  const [fetched] = eventsOf(ended, "fetched");
  assertLessOrEqual(Number(fetched?.bytes), (size - had) * 1.05);
  assertGreater(Number(fetched?.bytes), 0);
  // Resumed bytes count as progress.
  assertGreater(Number(eventsOf(ended, "progress")[0]?.bytes), had * 0.9);
}

/** A registration server, and a holder of the file that is slow enough to be caught in the middle. */
async function holding(lab: Lab, bytes: Uint8Array, rate: string, holder = "bob"): Promise<string> {
  const { address } = await lab.rs();
  put(lab.pc(holder), join("share", NAME), bytes);
  await lab.peer(holder, address, "--rate", rate);
  return address;
}

labTest("200 MB, the fetching process killed -9 half-way and run again", async (lab) => {
  const bytes = bytesOf(BIG, 1);
  const address = await holding(lab, bytes, "80MB/s");
  const args = ["fetch", NAME, "--json", "--rs", address];
  const first = lab.start("peer", "alice", args);
  const had = await fetchedSoFar(first, BIG * 0.5);
  await first.kill();
  // Nothing has the name before it is whole.
  assertEquals(await shared(lab.pc("alice")), []);
  const again = await lab.run("peer", "alice", args);
  assertResumed(again, BIG, had);
  assertFile(join(lab.pc("alice"), "share", NAME), bytes);
  assertEquals(eventsOf(again, "fetched")[0]?.sha256, sha256(bytes));
  // No part file, no lock stays.
  assertEquals([...Deno.readDirSync(join(lab.pc("alice"), "share"))].map((e) => e.name), [NAME]);
});

labTest("a fetch through a serve that is killed -9 half-way, and started and asked again", async (lab) => {
  const bytes = bytesOf(MEDIUM, 2);
  const address = await holding(lab, bytes, "24MB/s");
  const serve = await lab.peer("alice", address);
  const first = lab.start("peer", "alice", ["fetch", NAME, "--json"]);
  const had = await fetchedSoFar(first, MEDIUM * 0.5);
  await serve.kill();
  assertEquals((await first.ended).code, 3);
  assertEquals(await shared(lab.pc("alice")), []);
  const restarted = await lab.peer("alice", address);
  // What is unfinished is in nobody's index.
  assertEquals(eventsOf(await lab.run("peer", "alice", ["index", "--local", "--json"]), "file"), []);
  const again = await lab.run("peer", "alice", ["fetch", NAME, "--json"]);
  assertResumed(again, MEDIUM, had);
  assertFile(join(lab.pc("alice"), "share", NAME), bytes);
  assertEquals(eventsOf(again, "fetched")[0]?.sha256, sha256(bytes));
  await restarted.said(/Shared: image\.bin/);
});

labTest("a holder killed -9 in mid-fetch: another one has the rest", async (lab) => {
  const bytes = bytesOf(MEDIUM, 3);
  const address = await holding(lab, bytes, "15MB/s");
  put(lab.pc("carol"), join("share", NAME), bytes);
  const carol = await lab.peer("carol", address, "--rate", "15MB/s");
  const fetch = lab.start("peer", "alice", ["fetch", NAME, "--json", "--rs", address]);
  await fetchedSoFar(fetch, MEDIUM * 0.3);
  await carol.kill();
  const ended = assertCode(await fetch.ended, 0);
  assertFile(join(lab.pc("alice"), "share", NAME), bytes);
  const [fetched] = eventsOf(ended, "fetched");
  assertEquals([fetched?.sha256, fetched?.sources], [sha256(bytes), 2]);
});

labTest(
  "the only holder killed -9 in mid-fetch: exit 3 says so; when it is back, the rest comes",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 4);
    const address = await holding(lab, bytes, "30MB/s");
    const args = ["fetch", NAME, "--rs", address];
    const fetch = lab.start("peer", "alice", [...args, "--json"]);
    const had = await fetchedSoFar(fetch, MEDIUM * 0.4);
    await lab.started.find(({ title }) => title.startsWith("bob: peer serve"))!.kill();
    const ended = assertCode(await fetch.ended, 3);
    assertMatch(
      String(eventsOf(ended, "error")[0]?.message),
      /Cannot fetch image\.bin: bob: .*see who is there/,
    );
    assertEquals(await shared(lab.pc("alice")), []);
    await lab.peer("bob", address);
    assertResumed(await lab.run("peer", "alice", [...args, "--json"]), MEDIUM, had);
    assertFile(join(lab.pc("alice"), "share", NAME), bytes);
  },
);

labTest("the registration server killed -9 in mid-fetch: the fetch completes", async (lab) => {
  const bytes = bytesOf(MEDIUM, 5);
  const address = await holding(lab, bytes, "40MB/s");
  const fetch = lab.start("peer", "alice", ["fetch", NAME, "--json", "--rs", address]);
  await fetchedSoFar(fetch, MEDIUM * 0.3);
  await lab.started.find(({ title }) => title.startsWith("rs: "))!.kill();
  assertCode(await fetch.ended, 0);
  assertFile(join(lab.pc("alice"), "share", NAME), bytes);
});

labTest(
  "Ctrl-C in mid-fetch: exit 130; a second fetch of the same file waited for it, and goes on where it was",
  async (lab) => {
    const bytes = bytesOf(MEDIUM, 6);
    const address = await holding(lab, bytes, "40MB/s");
    const args = ["fetch", NAME, "--rs", address];
    const fetch = lab.start("peer", "alice", [...args, "--json"]);
    const had = await fetchedSoFar(fetch, MEDIUM * 0.3);
    const second = lab.start("peer", "alice", [...args, "--json"]);
    await whileStopped(fetch, () => second.said(/image\.bin is on its way here already.*: waiting for it/));
    const ended = await fetch.kill("SIGINT");
    assertEquals(ended.code, 130);
    assert(eventsOf(ended, "error")[0]?.code === "interrupted", ended.stdout);
    assertResumed(await second.ended, MEDIUM, had);
    assertFile(join(lab.pc("alice"), "share", NAME), bytes);
  },
);

labTest("a piece on disk that was damaged meanwhile is fetched again", async (lab) => {
  const bytes = bytesOf(MEDIUM, 7);
  const address = await holding(lab, bytes, "60MB/s");
  const args = ["fetch", NAME, "--json", "--rs", address];
  const fetch = lab.start("peer", "alice", args);
  await fetchedSoFar(fetch, MEDIUM * 0.5);
  await fetch.kill();
  const share = join(lab.pc("alice"), "share");
  const part = [...Deno.readDirSync(share)].find(({ name }) => name.endsWith(".part"))!;
  using file = Deno.openSync(join(share, part.name), { write: true });
  file.seekSync(300_000, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(1000));
  assertCode(await lab.run("peer", "alice", args), 0);
  assertFile(join(share, NAME), bytes);
});
