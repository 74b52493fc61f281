import { assert, assertEquals } from "@std/assert";
import { TempFolder } from "../../storage/_testing.ts";
import { Root } from "../../storage/root.ts";
import { makeTestFiles } from "./test_files.ts";

Deno.test("files of another run or trial have other bytes: what a PC has already isn't sent, and would measure nothing", () => {
  using temp = new TempFolder();
  const root = Root.open(temp.path, "write");
  const made = (folder: string) =>
    makeTestFiles(root, { folder, count: 3, size: 5_000 }).map(({ sha256 }) => sha256);
  const all = ["experiment-5f/central", "experiment-5f/worst", "experiment-60/central"].flatMap(made);
  assertEquals(new Set(all).size, 9);
  assertEquals(made("experiment-5f/central"), all.slice(0, 3));
  for (const size of [0, 1, 5]) {
    assert(makeTestFiles(root, { folder: "f", count: 1, size }).every((file) => file.size === size));
  }
});
