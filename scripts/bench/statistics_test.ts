import { assertEquals, assertThrows } from "@std/assert";
import { compare, median, significant, summarize } from "./statistics.ts";

Deno.test("median: the middle one, or the mean of the two in the middle; the values stay as they are", () => {
  const values = [5, 1, 9];
  assertEquals(median(values), 5);
  assertEquals(values, [5, 1, 9]);
  assertEquals(median([4, 1, 10, 2]), 3);
  assertEquals(median([7]), 7);
  assertEquals(median([10, 9, 100]), 10);
  assertThrows(() => median([]), RangeError);
});

Deno.test("summarize: the spread is half of the range", () => {
  assertEquals(summarize([1, 0.5, 0.75]), { runs: 3, median: 0.75, min: 0.5, max: 1, spread: 0.25 });
  assertEquals(summarize([2]).spread, 0);
});

Deno.test("compare: faster is above 1, a target is met when it is reached", () => {
  assertEquals(compare("rsync", 1, 0.75, { atLeast: 0.75 }), {
    rival: "rsync",
    ratio: 0.75,
    atLeast: 0.75,
    pass: true,
  });
  assertEquals(compare("rsync", 1, 0.7499, { atLeast: 0.75 }).pass, false);
  assertEquals(compare("cp", 2, 1), { rival: "cp", ratio: 0.5 });
});

Deno.test("significant digits", () => {
  assertEquals(significant(1234.567), 1235);
  assertEquals(significant(0.0123456, 3), 0.0123);
});
