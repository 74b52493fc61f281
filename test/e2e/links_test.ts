/** Links in the share that lead out of it: nothing there is read or written, whatever command names it. */

import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { put } from "./files.ts";
import { assertCode, labTest, sentence } from "./lab.ts";

labTest("no command gets out of the sandbox through a link in the share", async (lab, t) => {
  const { address } = await lab.rs();
  put(lab.pc("alice"), "share/ok.txt", "ok");
  await lab.peer("alice", address);
  const outside = lab.pc("outside");
  put(outside, "secret.txt", "secret");
  const folder = lab.pc("mallory");
  put(folder, "share/inside/x.txt", "x");
  Deno.symlinkSync(outside, join(folder, "share", "out"));
  Deno.symlinkSync(join(outside, "made.log"), join(folder, "share", "dangling"));
  Deno.symlinkSync("inside", join(folder, "share", "inner"));
  const run = (...args: string[]) => lab.run("peer", "mallory", [...args, "--rs", address]);

  for (
    const args of [
      ["send", "share/out/secret.txt", "--to", "alice"],
      ["send", "share/out", "--to", "alice"],
      ["broadcast", "share/out/secret.txt"],
      ["fetch", "ok.txt", "--out", "share/out"],
      ["fetch", "ok.txt", "--out", "share/out/deep/er"],
      ["index", "--log-file", "share/out/x.log"],
      ["index", "--log-file", "share/dangling"],
      ["broadcast", "share/inside/x.txt", "--report", "share/out/report.html"],
    ]
  ) {
    await t.step(args.join(" "), async () => {
      const said = sentence(assertCode(await run(...args), 4));
      assertMatch(said, /a link to .*\.\/share/);
    });
  }
  assertEquals([...Deno.readDirSync(outside)].filter(({ isFile }) => isFile).map(({ name }) => name), [
    "secret.txt",
  ]);

  await t.step("a link that stays inside is a way like any other", async () => {
    assertCode(await run("send", "share/inner/x.txt", "--to", "rs"), 0);
    assertCode(await run("fetch", "ok.txt", "--out", "share/inner"), 0);
  });
});
