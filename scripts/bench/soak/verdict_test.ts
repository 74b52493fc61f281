import { assertEquals } from "@std/assert";
import { flatness } from "./verdict.ts";

Deno.test("memory is flat within a tenth of its median, once warm", () => {
  const at = (...mb: number[]) => mb.map((mb, n) => ({ seconds: n * 5, mb }));
  assertEquals(flatness(at(50, 100, 105, 95), 5), { least: 95, median: 100, most: 105, isFlat: true });
  assertEquals(flatness(at(50, 100, 105, 95), 0).isFlat, false);
  assertEquals(flatness(at(100, 100, 111), 0).isFlat, false);
  assertEquals(flatness(at(100), 0).isFlat, false);
  assertEquals(flatness([], 0).isFlat, false);
});
