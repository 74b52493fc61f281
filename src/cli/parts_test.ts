import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { unbake } from "./baked.ts";
import { momentOf } from "./commands/rs_questions.ts";
import { distance, nearest } from "./nearest.ts";
import { VERSION } from "./version.ts";

const own = { share: "./share", data: "./peer-data" };

Deno.test("the version is the one in deno.json", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(VERSION, config.version);
});

Deno.test("the baked argument gives folders and goes", () => {
  assertEquals(unbake(['@baked={"share":"D:\\\\lab","data":"E:\\\\d"}', "x"], own), {
    folders: { share: "D:\\lab", data: "E:\\d" },
    args: ["x"],
  });
  assertEquals(unbake(["x", "@baked={}"], own), { folders: own, args: ["x", "@baked={}"] });
  assertEquals(unbake([], own), { folders: own, args: [] });
  for (const bad of ["@baked=", "@baked=1", "@baked=null", '@baked={"share":5}', '@baked={"share":""}']) {
    assertThrows(() => unbake([bad], own), LabError, "compile the executable again");
  }
});

Deno.test("the nearest word", () => {
  assertEquals(distance("kitten", "sitting"), 3);
  assertEquals(distance("prot", "port"), 1);
  assertEquals(nearest("fe", ["serve", "fetch"]), "fetch");
  assertEquals(nearest("q", ["serve", "fetch"]), undefined);
  assertEquals(nearest("x".repeat(100_000), ["serve"]), undefined);
  assert(nearest("BROADCAST", ["broadcast"]) === "broadcast");
});

Deno.test("a moment is read by this PC's clock unless it says otherwise; a day that no month has is none", () => {
  assertEquals(momentOf("2026-11-20T10:30Z"), Date.UTC(2026, 10, 20, 10, 30));
  assertEquals(momentOf("2024-02-29"), new Date(2024, 1, 29).getTime());
  for (const text of ["2026-02-30", "2026-02-29 10:00", "2026-13-01", "2026-11-31T10:00Z", "yesterday", ""]) {
    assertThrows(() => momentOf(text), LabError, "write it like", text);
  }
});
