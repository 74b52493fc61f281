/** `rs experiment`: on peers in its own process, inside the sandbox; on registered peers; and where it may not. */

import { assertEquals, assertGreater, assertMatch, assertNotMatch } from "@std/assert";
import { join } from "@std/path";
import { assertCode, eventsOf, labTest, sentence } from "./lab.ts";

const TINY = ["--files", "2", "--size", "20kB"];

labTest(
  "local peers: every file of every case, a page and a CSV file, and nothing else is left",
  async (lab) => {
    const args = ["experiment", "--local", "--count", "3", "--rate", "20Mbit", ...TINY, "--json"];
    const ended = assertCode(await lab.run("rs", "rs", args), 0);
    // Central: two fetch four each. Peer to peer: three fetch four each, twice.
    const measured = eventsOf(ended, "measured");
    assertEquals(measured.length, 8 + 12 + 12);
    assertEquals(measured.filter(({ peer, from }) => peer === from), []);
    for (const line of measured) assertGreater(Number(line.seconds), 0);
    const [line] = eventsOf(ended, "experiment");
    assertEquals([line?.peers, line?.files, line?.size, line?.rate], [3, 4, 20_000, 2.5e6]);
    const data = join(lab.pc("rs"), "rs-data");
    const page = await Deno.readTextFile(join(data, "experiment.html"));
    assertEquals(page.match(/<polyline class="line /g)?.length, 3 + 2 + 3 + 3);
    assertNotMatch(page, /<script|https?:/);
    const csv = await Deno.readTextFile(join(data, "experiment.csv"));
    assertEquals(csv.split("\r\n").length, 1 + 32 + 1);
    assertEquals([...Deno.readDirSync(data)].map(({ name }) => name).sort(), [
      "experiment.csv",
      "experiment.html",
    ]);
  },
);

labTest("registered peers, by name; those who take no broadcasts are told about", async (lab) => {
  const { address } = await lab.rs();
  await Promise.all(["a", "b", "c"].map((pc) => lab.peer(pc, address)));
  const run = (...more: string[]) => lab.run("rs", "rs", ["experiment", "--rs", address, ...TINY, ...more]);
  const ended = assertCode(await run("--peers", "c,a", "--report", "rs-data/two.html", "--json"), 0);
  const measured = eventsOf(ended, "measured");
  // The first one named is the one that serves.
  assertEquals(
    measured.filter((line) => line.case === "central").map(({ peer, from }) => `${peer} ${from}`),
    [
      "a c",
      "a c",
    ],
  );
  assertEquals(measured.length, 2 + 4 + 4);
  assertMatch(ended.stderr, /files stay in the peers' shares, in experiment-/);
  assertMatch(await Deno.readTextFile(join(lab.pc("rs"), "rs-data", "two.html")), /no rate is known/);

  assertMatch(sentence(assertCode(await run("--peers", "a,nobody"), 3)), /nobody: no active peer/);
  const closed = lab.start("peer", "d", ["serve", "--json", "--rs", address, "--name", "d", "--port", "0"]);
  await closed.event("registered");
  assertMatch(sentence(assertCode(await run("--peers", "a,d"), 4)), /with d: .*--accept-open-broadcasts/);
});

labTest("what can't be measured is said at once", async (lab) => {
  const big = await lab.run("rs", "rs", ["experiment", "--local", "--size", "1GB"]);
  assertMatch(sentence(assertCode(big, 2)), /100 MB at most/);
  const both = await lab.run("rs", "rs", ["experiment", "--local", "--peers", "a"]);
  assertMatch(sentence(assertCode(both, 2)), /--local/);
  const outside = await lab.run("rs", "rs", ["experiment", "--local", "--report", "../x.html"]);
  assertMatch(sentence(assertCode(outside, 4)), /rs-data/);
});
