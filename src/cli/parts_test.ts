import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { unbake } from "./baked.ts";
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
