import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { CONTROL, DATA, RESERVED } from "../messages.ts";
import { dissector } from "./tables.ts";

const LUA = dissector("-- @TABLES@\n");

Deno.test("every message of the table is in the dissector, with its number and cap", () => {
  const all = { ...CONTROL, ...DATA };
  for (const [name, { type, cap }] of Object.entries(all)) {
    const hex = type.toString(16).padStart(2, "0");
    assertStringIncludes(LUA, `  [0x${hex}] = { name = "${name}", cap = ${cap}`);
  }
  const messages = LUA.slice(0, LUA.indexOf("local FIELDS"));
  assertEquals(messages.match(/^ {2}\[/gm)?.length, Object.keys(all).length + Object.keys(RESERVED).length);
  assertEquals(messages.match(/data = true/g)?.length, Object.keys(DATA).length);
});

Deno.test("fields have their types, lists and lists of fixed form too", () => {
  const field = (path: string) =>
    new RegExp(`\\["${path.replace(".", "\\.")}"\\] = \\{ filter = "(.*?)", type = "(.*?)" \\}`).exec(LUA)
      ?.slice(1);
  assertEquals(field("name"), ["p2pdi.name", "string"]);
  assertEquals(field("port"), ["p2pdi.port", "number"]);
  assertEquals(field("reset"), ["p2pdi.reset", "boolean"]);
  assertEquals(field("rows.flag"), ["p2pdi.rows.flag", "number"]);
  assertEquals(field("files.size"), ["p2pdi.files.size", "number"]);
  assertEquals(field("stripes.name"), ["p2pdi.stripes.name", "string"]);
  assertStringIncludes(LUA, '["files"] = { "name", "size", "sha256" }');
});

Deno.test("each filter is made once, and none hides one of the dissector's own", () => {
  const filters = [...LUA.matchAll(/filter = "(.*?)"/g)].map((m) => m[1]!);
  assertEquals(new Set(filters).size, filters.length);
  for (const own of ["p2pdi.type", "p2pdi.stream", "p2pdi.error"]) assertEquals(filters.includes(own), false);
});

Deno.test("a source without a place for the tables is refused", () => {
  assertThrows(() => dissector("local x = 1\n"), TypeError, "-- @TABLES@");
});
