import { assertEquals } from "@std/assert";
import { byMinute, flatness, slope } from "./verdict.ts";

Deno.test("memory is flat within a tenth of its median, once warm", () => {
  const at = (...mb: number[]) => mb.map((mb, n) => ({ seconds: n * 5, mb }));
  assertEquals(flatness(at(50, 100, 105, 95), 5), { least: 95, median: 100, most: 105, isFlat: true });
  assertEquals(flatness(at(50, 100, 105, 95), 0).isFlat, false);
  assertEquals(flatness(at(100, 100, 111), 0).isFlat, false);
  assertEquals(flatness(at(100), 0).isFlat, false);
  assertEquals(flatness([], 0).isFlat, false);
});

Deno.test("how fast memory grows, once warm; and how much it is at the end of each minute", () => {
  const samples = [90, 100, 101, 102, 103, 104].map((mb, n) => ({ seconds: n * 30, mb }));
  assertEquals(slope(samples, 30), 2);
  assertEquals(slope(samples.slice(1, 2), 0), NaN);
  assertEquals(byMinute(samples), [100, 102, 104]);
});
