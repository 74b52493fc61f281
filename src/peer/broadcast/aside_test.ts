/** What had the name of a broadcast's file before. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FakeClock } from "../../base/clock.ts";
import { LabError } from "../../base/errors.ts";
import { Lines, NO_VOLUME, noise, TempFolder, tinyVolume } from "../../storage/_testing.ts";
import { Root } from "../../storage/root.ts";
import { Aside } from "./aside.ts";

function stage(more: { data?: string; rename?: typeof Deno.renameSync } = {}) {
  const temp = new TempFolder();
  const root = Root.open(temp.folder("share"), "write");
  const log = new Lines();
  const aside = new Aside({ root, data: temp.folder("data"), clock: new FakeClock(), log, ...more });
  return { temp, aside, log, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

const REPLACED = "data/replaced/d/image.bin.2026-01-01T00-00-00-000Z";

Deno.test("the old file lies under its name and the time; its name is free", () => {
  using s = stage();
  s.temp.file("share/d/image.bin", "old");
  s.aside.free("d/image.bin");
  assertEquals(s.temp.list(), [REPLACED]);
  assertEquals(s.temp.read(REPLACED), "old");
});

Deno.test("a name as long as a name may be is cut where it lies aside, and comes back whole", () => {
  for (const name of [`d/${"n".repeat(251)}.txt`, `${"\u{e9}".repeat(125)}.txt`]) {
    using s = stage();
    s.temp.file(`share/${name}`, "first");
    s.aside.free(name);
    s.temp.file(`share/${name}`, "second");
    const undo = s.aside.free(name);
    const lying = s.temp.list().map((path) => [s.temp.read(path), path.replace(/(.)\1{90,}/u, "$1...")]);
    const stem = `data/replaced/${name.replace(/(.)\1+\.txt/u, "$1...")}`;
    assertEquals(lying.toSorted(), [
      ["first", `${stem}.txt.2026-01-01T00-00-00-000Z`],
      ["second", `${stem}.txt.2026-01-01T00-00-00-000Z-2`],
    ]);
    undo();
    assertEquals(s.temp.read(`share/${name}`), "second");
  }
});

Deno.test("a name that nobody has is free; undoing that does nothing", () => {
  using s = stage();
  s.aside.free("d/image.bin")();
  assertEquals(s.temp.list(), []);
});

Deno.test("undone, the old file is back, unless the name is taken by then", () => {
  using s = stage();
  s.temp.file("share/d/image.bin", "old");
  const undo = s.aside.free("d/image.bin");
  undo();
  assertEquals(s.temp.list(), ["share/d/image.bin"]);
  assertEquals(s.temp.read("share/d/image.bin"), "old");
  const again = s.aside.free("d/image.bin");
  s.temp.file("share/d/image.bin", "new");
  again();
  assertEquals(s.temp.read("share/d/image.bin"), "new");
  assertEquals(s.temp.read(REPLACED), "old");
});

Deno.test("a file in the place of a folder makes room, once for all in it; undone, it is back", () => {
  using s = stage();
  s.temp.file("share/d", "old");
  s.temp.file("share/e/f", "stays");
  const files = ["d/a", "d/b/c", "e/g"].map((target) => ({ target, present: false }));
  const putBack = s.aside.makeRoom([...files, { target: "e/f/h", present: true }]);
  assertEquals(s.temp.list(), ["data/replaced/d.2026-01-01T00-00-00-000Z", "share/e/f"]);
  putBack();
  assertEquals(s.temp.list(), ["share/d", "share/e/f"]);
  assertEquals(s.temp.read("share/d"), "old");
});

Deno.test("a file that another program holds stays, and no try leaves a copy of it", () => {
  const rename = () => {
    throw new Error("Sharing violation. (os error 32): rename 'a' -> 'b'");
  };
  using s = stage({ rename });
  s.temp.file("share/d/image.bin", "old");
  for (let i = 0; i < 3; i++) {
    assertThrows(() => s.aside.free("d/image.bin"), LabError, "Cannot move the old d/image.bin away to ");
  }
  assertEquals(s.temp.list(), ["share/d/image.bin"]);
});

Deno.test({
  name: `with the data folder on another volume it is copied there, and back${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  fn() {
    using volume = tinyVolume(256 * 1024)!;
    using s = stage({ data: volume.folder("data") });
    const path = s.temp.file("share/d/image.bin", "old");
    Deno.utimeSync(path, 1_000, 1_000);
    const undo = s.aside.free("d/image.bin");
    assertEquals([s.temp.list(), volume.list()], [[], [REPLACED]]);
    undo();
    assertEquals([s.temp.list(), volume.list()], [["share/d/image.bin"], []]);
    assertEquals(Deno.statSync(path).mtime, new Date(1_000_000));
  },
});

Deno.test({
  name: `where that one has no room for it, it stays where it is, and no part of it lies there${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  fn() {
    using volume = tinyVolume(256 * 1024)!;
    using s = stage({ data: volume.folder("data") });
    s.temp.file("share/image.bin", noise(300 * 1024));
    const error = assertThrows(() => s.aside.free("image.bin"), LabError);
    assertMatch(error.message, /^Cannot move the old image\.bin away to .*replaced: the disk is full/);
    assertEquals([s.temp.list(), volume.list()], [["share/image.bin"], []]);
  },
});

Deno.test("what was replaced twice in one moment is kept twice", () => {
  using s = stage();
  for (const content of ["first", "second"]) {
    s.temp.file("share/d/image.bin", content);
    s.aside.free("d/image.bin");
  }
  assertEquals(s.temp.list().map((name) => s.temp.read(name)).sort(), ["first", "second"]);
});

Deno.test("a file that can't be moved stays where it is", () => {
  using s = stage();
  s.temp.file("share/image.bin", "old");
  s.temp.file("data/replaced", "in the way");
  const error = assertThrows(() => s.aside.free("image.bin"), LabError);
  assertMatch(error.message, /Cannot move the old image\.bin away/);
  assertEquals(s.temp.read("share/image.bin"), "old");
});
