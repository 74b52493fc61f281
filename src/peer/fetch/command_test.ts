/** What is refused before anybody is asked. */

import { assertEquals, assertRejects } from "@std/assert";
import { codeOf, LabError } from "../../base/errors.ts";
import { TempFolder } from "../../storage/_testing.ts";
import { contextOf, TOOL } from "../_testing.ts";
import { collect } from "./collect.ts";
import { fetchCommand } from "./command.ts";
import { askable } from "./select.ts";

Deno.test("what no file can be called is refused, and nobody is asked for it", async () => {
  using temp = new TempFolder();
  const setting = {
    // Nobody is there.
    rs: { host: "127.0.0.1", port: 1 },
    identity: TOOL,
    context: contextOf(),
    cookie: undefined,
    data: undefined,
    known: () => undefined,
    signal: new AbortController().signal,
  };
  const folder = temp.at("share");
  const listener = { progress: () => {}, fetched: () => {}, failed: () => {}, collected: () => {} };
  const patterns = ["../x"];
  const runs = [
    () => fetchCommand({ patterns, from: undefined, folder }, { ...setting, listener }),
    () => collect({ ...setting, patterns, folder, listener }),
  ];
  for (const run of runs) {
    const thrown = await assertRejects(
      run,
      LabError,
      'Cannot fetch ../x: no file is called that, since it has the part ".."',
    );
    assertEquals(codeOf(thrown), "name_refused");
  }
  assertEquals(temp.list(), []);
  // It doesn't hold up the rest.
  const { fine, faults } = askable(["a.txt", "../x", "docs/", "*".repeat(1_025)]);
  assertEquals(fine, ["a.txt", "docs/"]);
  assertEquals(faults.map(({ code }) => code), ["name_refused", "name_refused"]);
});
