/** What the person sees of a broadcast: the live view, plain lines, the efficiency at the end, the report. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertMatch,
  assertNotMatch,
} from "@std/assert";
import { exists } from "@std/fs";
import { join } from "@std/path";
import { assertFile, bytesOf, MB, put } from "./files.ts";
import { assertCode, eventsOf, labTest, sentence } from "./lab.ts";
import { onTerminal, shows } from "./terminal.ts";

const PATH = join("share", "image.bin");
const noScript = Deno.build.os !== "linux" || !await exists("/usr/bin/script")
  ? "there is no script(1)"
  : undefined;

labTest(
  "a report that tells, an efficiency that can be true; plain lines without a terminal",
  async (lab) => {
    const { address } = await lab.rs();
    put(lab.pc("rs"), PATH, bytesOf(30 * MB, 1));
    await Promise.all(["a", "b", "c"].map((pc) => lab.peer(pc, address)));
    const report = join("rs-data", "report.html");
    const args = ["broadcast", PATH, "--rs", address, "--rate", "8MB/s", "--report", report];
    const ended = assertCode(await lab.run("rs", "rs", [...args, "--json"]), 0);
    const [line] = eventsOf(ended, "broadcast");
    const { eta, bound, seconds, term, estimated } = line!.efficiency as Record<
      string,
      number | string | boolean
    >;
    assertEquals([term, estimated], ["source uplink", true]);
    assertEquals(bound, 30 / 8);
    assertLessOrEqual(Number(eta), 1);
    assertGreater(Number(seconds), 3);
    assertAlmostEquals(Number(eta), Math.min(1, 30 / 8 / Number(seconds)), 0.01);
    const page = await Deno.readTextFile(join(lab.pc("rs"), report));
    assertMatch(page, /3 of 3 PCs verified the whole/);
    assertEquals(page.match(/<polyline /g)?.length, 3);
    assertNotMatch(page, /<script|https?:/);

    // All of it is there now: it goes at once, and there is nothing to tell of speed.
    const again = assertCode(await lab.run("rs", "rs", args), 0);
    assertMatch(again.stdout, /3 of 3 PCs done/);
    assertNotMatch(again.stdout, /Efficiency/);
    assertMatch(again.stdout, /Report: .*report\.html/);
  },
);

labTest(
  "a report elsewhere needs a terminal; a path that can't be written is told before anything is sent",
  async (lab) => {
    const { address } = await lab.rs();
    put(lab.pc("rs"), PATH, bytesOf(1 * MB, 2));
    await lab.peer("a", address);
    const run = (report: string) =>
      lab.run("rs", "rs", ["broadcast", PATH, "--rs", address, "--report", report]);
    assertMatch(sentence(assertCode(await run("../report.html"), 4)), /write to .*report\.html.*rs-data/);
    assertMatch(sentence(assertCode(await run("rs-data/none/report.html"), 1)), /Cannot write the report/);
    assertEquals(await exists(join(lab.pc("a"), PATH)), false);
  },
);

labTest("on a terminal: a line per PC, drawn in place, then the table", async (lab) => {
  const { address } = await lab.rs();
  put(lab.pc("rs"), PATH, bytesOf(20 * MB, 3));
  await Promise.all(["a", "b"].map((pc) => lab.peer(pc, address)));
  const run = onTerminal(lab, "rs", "rs", ["broadcast", PATH, "--rs", address, "--rate", "8MB/s"]);
  await shows(run, /image\.bin: 20\.0 MB, 0 of 2 PCs done/);
  // Some seconds' worth of bytes are still to come, so it is drawn again.
  await shows(run, /\[#+-+\] +\d+ % /);
  assertEquals((await run.ended).code, 0);
  const text = run.stdout;
  // deno-lint-ignore no-control-regex
  const frames = text.split(/\x1b\[2A/).length - 1;
  assertGreater(frames, 3);
  const after = text.slice(text.lastIndexOf("\x1b[J"));
  assertMatch(after, /PEER +STATE +RECEIVED/);
  assert(!/\[#+-+\]/.test(after), after);
}, { skip: noScript });

labTest("--background: everybody has it, passed on by those who make way too", async (lab) => {
  const { address } = await lab.rs();
  const bytes = bytesOf(8 * MB, 4);
  put(lab.pc("rs"), PATH, bytes);
  await Promise.all(["a", "b", "c"].map((pc) => lab.peer(pc, address)));
  const ended = assertCode(
    await lab.run("rs", "rs", ["broadcast", PATH, "--rs", address, "--background", "--json"]),
    0,
  );
  const [line] = eventsOf(ended, "broadcast");
  assertEquals(line!.done, 3);
  // It begins with 1 MB/s, whatever the link.
  assertGreater(Number(line!.seconds), 1);
  for (const pc of ["a", "b", "c"]) assertFile(join(lab.pc(pc), PATH), bytes);
});
