import { assertEquals, assertThrows } from "@std/assert";
import { stripAnsiCode } from "@std/fmt";
import { DemoFailed, Narrator, wrap } from "./narrator.ts";

Deno.test("steps are numbered, checks counted", () => {
  const lines: string[] = [];
  const tell = new Narrator((line) => lines.push(stripAnsiCode(line)));
  tell.step("First", "Some words.");
  tell.typed("anna", "peer peers");
  tell.output("NAME\nben\n");
  tell.check("ben is there", true);
  assertEquals(lines, [
    "",
    "1. First",
    "   Some words.",
    "   anna> peer peers",
    "      NAME",
    "      ben",
    "   ✓ ben is there",
  ]);
  assertEquals(tell.checks, 1);
});

Deno.test("a check that fails ends the demo, with what was seen", () => {
  const tell = new Narrator(() => {});
  assertThrows(() => tell.check("all is well", false, { code: 3 }), DemoFailed, '{"code":3}');
  assertEquals(tell.checks, 0);
});

Deno.test("long outputs are cut, empty ones leave no line, prose is broken between words", () => {
  const lines: string[] = [];
  const tell = new Narrator((line) => lines.push(stripAnsiCode(line)));
  tell.output("");
  tell.output(Array.from({ length: 30 }, (_, i) => `line ${i}`).join("\n"));
  assertEquals(lines.at(-1), "      (and 6 more lines)");
  assertEquals(wrap("one two three", 8), ["one two", "three"]);
});
