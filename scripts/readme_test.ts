/** README.md is the front page: it names every command, with an example, and every flag. */

import { assert } from "@std/assert";
import { type Flags, GLOBAL_FLAGS } from "../src/cli/flags.ts";
import { PEER } from "../src/cli/peer_commands.ts";
import { RS } from "../src/cli/rs_commands.ts";

const README = await Deno.readTextFile(new URL("../README.md", import.meta.url));
const ROWS = README.split("\n").filter((line) => line.startsWith("| `"));

Deno.test("README.md: every command has a row with an example of its own", () => {
  for (const { name: program, commands } of [RS, PEER]) {
    for (const { name, hidden } of commands) {
      if (hidden) continue;
      const row = ROWS.find((line) => line.startsWith(`| \`${program} ${name}\``));
      assert(row, `README.md has no row for ${program} ${name}`);
      const example = /^\| [^|]+\| `([^`|]+)`/.exec(row)?.[1];
      assert(example?.startsWith(program), `README.md has no example for ${program} ${name}`);
    }
  }
});

Deno.test("README.md: every flag is named", () => {
  for (const { name: program, commands } of [RS, PEER]) {
    for (const { name, hidden, flags } of commands) {
      if (hidden) continue;
      const all: Flags = { ...flags, ...GLOBAL_FLAGS };
      for (const [flag, { hidden, type, default: given }] of Object.entries(all)) {
        const shown = type === "boolean" && given === "true" ? `--no-${flag}` : `--${flag}`;
        assert(hidden || README.includes(shown), `README.md does not name ${shown} of ${program} ${name}`);
      }
    }
  }
});
