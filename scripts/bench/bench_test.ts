import { assertEquals, assertThrows } from "@std/assert";
import { readCount, readSize, UsageError } from "./bench.ts";

Deno.test("sizes and counts are read, and wrong ones refused", () => {
  assertEquals(readSize("size", "1G"), 2 ** 30);
  assertEquals(readSize("size", "256M"), 2 ** 28);
  assertEquals(readSize("size", "4096"), 4096);
  assertEquals(readCount("runs", "5"), 5);
  for (const bad of ["", "0", "1.5G", "-1", "1T", "x"]) assertThrows(() => readSize("size", bad), UsageError);
  for (const bad of ["", "0", "1.5", "x"]) assertThrows(() => readCount("runs", bad), UsageError);
});
