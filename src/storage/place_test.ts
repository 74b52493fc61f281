/** Where links lead: into the folder, out of it, to nothing, round and round. */

import { assertEquals } from "@std/assert";
import { TempFolder } from "./_testing.ts";
import { leadsAway, placeOf } from "./place.ts";

// Links need a right of their own on Windows.
const posix = Deno.build.os !== "windows";

Deno.test("what isn't there yet is taken by its name", () => {
  using temp = new TempFolder();
  temp.folder("share");
  assertEquals(placeOf(temp.at("share", "a", "b.txt")), temp.at("share", "a", "b.txt"));
  assertEquals(leadsAway(temp.at("share", "a", "b.txt"), [temp.at("share")]), undefined);
});

Deno.test({
  name: "a link out of the folder leads away, one inside does not",
  ignore: !posix,
  fn() {
    using temp = new TempFolder();
    for (const folder of ["share/in", "out"]) temp.folder(folder);
    Deno.symlinkSync(temp.at("out"), temp.at("share", "link"));
    Deno.symlinkSync("in", temp.at("share", "inner"));
    const share = [temp.at("share")];
    assertEquals(leadsAway(temp.at("share", "link"), share), temp.at("out"));
    assertEquals(leadsAway(temp.at("share", "link", "new", "x"), share), temp.at("out", "new", "x"));
    assertEquals(leadsAway(temp.at("share", "inner", "x"), share), undefined);
    // In none of the folders: it has to lie where it says.
    assertEquals(leadsAway(temp.at("share", "inner", "x"), []), temp.at("share", "in", "x"));
    assertEquals(leadsAway(temp.at("out", "x"), share), undefined);
  },
});

Deno.test({
  name: "a link to nothing leads to what would be made there",
  ignore: !posix,
  fn() {
    using temp = new TempFolder();
    temp.folder("share");
    Deno.symlinkSync(temp.at("made.txt"), temp.at("share", "a"));
    Deno.symlinkSync("a", temp.at("share", "b"));
    Deno.symlinkSync("round", temp.at("share", "round"));
    assertEquals(leadsAway(temp.at("share", "b"), [temp.at("share")]), temp.at("made.txt"));
    assertEquals(leadsAway(temp.at("share", "round"), [temp.at("share")]), undefined);
  },
});

Deno.test({
  name: "a share that is a link itself is its owner's choice",
  ignore: !posix,
  fn() {
    using temp = new TempFolder();
    temp.folder("disk/lab");
    Deno.symlinkSync(temp.at("disk", "lab"), temp.at("share"));
    assertEquals(leadsAway(temp.at("share", "x"), [temp.at("share")]), undefined);
  },
});
