import { assert, assertEquals } from "@std/assert";
import { partitionPoint } from "./search.ts";

Deno.test("a partition point is where a walk from the start would stop, for every length and every place", () => {
  for (let length = 0; length <= 33; length++) {
    const sorted = Array.from({ length }, (_, at) => 2 * at);
    for (let wanted = -1; wanted <= 2 * length; wanted++) {
      const walked = sorted.findIndex((item) => item >= wanted);
      assertEquals(partitionPoint(sorted, (item) => item < wanted), walked < 0 ? length : walked);
    }
  }
});

Deno.test("of equal items a partition point is before the first or behind the last, as it is asked for", () => {
  const sorted = ["a", "b", "b", "b", "c"];
  assertEquals(partitionPoint(sorted, (item) => item < "b"), 1);
  assertEquals(partitionPoint(sorted, (item) => item <= "b"), 4);
});

Deno.test("a partition point of a million items asks about twenty of them", () => {
  const sorted = Array.from({ length: 1e6 }, (_, at) => at);
  let asked = 0;
  const at = partitionPoint(sorted, (item) => {
    asked++;
    return item < 765_432;
  });
  assertEquals(at, 765_432);
  assert(asked <= 20, `asked about ${asked}`);
});
