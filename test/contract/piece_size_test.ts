/** What PROTOCOL.md says of a content's pieces is what the code does. */

import { assertEquals } from "@std/assert";
import { pieceSizeFor } from "../../src/catalog/layout.ts";

Deno.test("PROTOCOL.md tells how large pieces are, for those who write another fetcher", async () => {
  const spec = await Deno.readTextFile(new URL("../../src/protocol/PROTOCOL.md", import.meta.url));
  const units: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
  const rows = [...spec.matchAll(/^\| (up to|below|4 GiB)( \d+)? ?(\w+)? .*\| +(\d+) (\w+) +\|$/gm)];
  assertEquals(rows.length, 5);
  for (const [, word, number, unit, size, sizeUnit] of rows) {
    const bound = word === "4 GiB" ? 4 * 2 ** 30 : Number(number) * units[unit!]!;
    assertEquals(pieceSizeFor(word === "below" ? bound - 1 : bound), Number(size) * units[sizeUnit!]!);
  }
});
