/** A look through a share: what is new, changed, gone; what can't be shared is said, and never followed. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { toHex } from "../base/bytes.ts";
import { codeOf } from "../base/errors.ts";
import type { Scanned } from "../catalog/index.ts";
import { noise, TempFolder } from "./_testing.ts";
import { sha256 } from "./hashing.ts";
import { PieceHashes } from "./piece_hashes.ts";
import { Root } from "./root.ts";
import { isoTime, ShareScanner } from "./scan.ts";

const posix = Deno.build.os !== "windows";

/** A share, and a scanner that remembers what it told. */
function world(known: Scanned[] = []) {
  const temp = new TempFolder();
  const share = temp.folder("share");
  const pieces = new PieceHashes(temp.path);
  const scanner = new ShareScanner(Root.open(share, "read"), pieces, known);
  const scan = async () => {
    const changed: Scanned[] = [];
    const { gone, skipped, files } = await scanner.scan((file) => changed.push(file));
    return {
      changed,
      names: changed.map(({ name }) => name).sort(),
      gone,
      skipped: skipped.map(({ name }) => name).sort(),
      reasons: skipped.map(({ reason }) => reason).join("\n"),
      files,
    };
  };
  return { temp, pieces, scan, scanner, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

const quiet = { changed: [], names: [], gone: [], skipped: [], reasons: "" };

Deno.test("an empty share is an empty index", async () => {
  using w = world();
  assertEquals(await w.scan(), { ...quiet, files: 0 });
});

Deno.test({
  name:
    "a folder whose name is not UTF-8 is told of where the system counts folders, and nothing else for it",
  ignore: Deno.build.os !== "linux",
  async fn() {
    using w = world();
    w.temp.file("share/docs/a.txt", "a");
    w.temp.folder("share/docs/b");
    const counts = Deno.lstatSync(w.temp.at("share/docs")).nlink === 3;
    assertEquals((await w.scan()).skipped, []);
    // A name in bytes is written by a program that has them.
    await new Deno.Command("sh", { args: ["-c", `mkdir "$(printf '${w.temp.at("share/docs")}/caf\\351')"`] })
      .output();
    const { skipped, reasons } = await w.scan();
    if (!counts) return assertEquals(skipped, []);
    assertEquals(skipped, ["docs/"]);
    assertStringIncludes(reasons, "not UTF-8");
  },
});

Deno.test("files are found in all folders, empty ones too, with size, time and hash", async () => {
  using w = world();
  const time = new Date(Date.UTC(2020, 0, 2, 3, 4, 5, 678));
  Deno.utimeSync(w.temp.file("share/a/b/c.bin", noise(1000)), time, time);
  w.temp.file("share/empty", "");
  w.temp.folder("share/no files here");
  const seen = await w.scan();
  assertEquals(seen.names, ["a/b/c.bin", "empty"]);
  assertEquals(seen.changed.find(({ name }) => name === "a/b/c.bin"), {
    name: "a/b/c.bin",
    title: "",
    size: 1000,
    sha256: toHex(sha256(noise(1000))),
    modified: "2020-01-02T03:04:05.678Z",
  });
  assertEquals(seen.files, 2);
});

Deno.test("only what changed is told again: another size, another time, come back", async () => {
  using w = world();
  for (const name of ["size", "time", "goes", "stays"]) w.temp.file(`share/${name}`);
  assertEquals((await w.scan()).names, ["goes", "size", "stays", "time"]);
  assertEquals(await w.scan(), { ...quiet, files: 4 });
  w.temp.file("share/size", "longer than it was");
  Deno.utimeSync(w.temp.at("share", "time"), 1e9, 1e9);
  Deno.removeSync(w.temp.at("share", "goes"));
  const second = await w.scan();
  assertEquals([second.names, second.gone, second.files], [["size", "time"], ["goes"], 3]);
  assertEquals(await w.scan(), { ...quiet, files: 3 });
  w.temp.file("share/goes");
  assertEquals((await w.scan()).names, ["goes"]);
});

Deno.test("a folder that goes takes its files with it; a file in its place is a file", async () => {
  using w = world();
  w.temp.file("share/d/a");
  w.temp.file("share/d/e/b");
  await w.scan();
  Deno.removeSync(w.temp.at("share", "d"), { recursive: true });
  w.temp.file("share/d", "now a file");
  const seen = await w.scan();
  assertEquals([seen.names, seen.gone.sort(), seen.files], [["d"], ["d/a", "d/e/b"], 1]);
});

Deno.test("what an earlier run knew is not hashed again, and is told when it has gone", async () => {
  const unchanged = {
    name: "a",
    title: "",
    size: 1,
    sha256: "no such hash",
    modified: "2020-01-01T00:00:00.000Z",
  };
  using w = world([unchanged, { ...unchanged, name: "b" }]);
  const time = new Date("2020-01-01T00:00:00.000Z");
  Deno.utimeSync(w.temp.file("share/a", "x"), time, time);
  assertEquals(await w.scan(), { ...quiet, gone: ["b"], files: 1 });
});

Deno.test("piece hashes are kept for files of several pieces, and made again when they are lost", async () => {
  using w = world();
  const bytes = noise(600 * 1024);
  w.temp.file("share/large", bytes);
  w.temp.file("share/small", noise(256 * 1024));
  const { changed } = await w.scan();
  const { sha256: name } = changed.find((file) => file.name === "large")!;
  assertEquals(w.temp.list().filter((each) => each.startsWith("pieces")), [`pieces/${name}`]);
  assertEquals(w.pieces.get(name, bytes.length)?.subarray(0, 32), sha256(bytes.subarray(0, 256 * 1024)));
  w.pieces.remove(name);
  assertEquals((await w.scan()).names, ["large"]);
  assert(w.pieces.get(name, bytes.length));
});

Deno.test("our own files are passed over without a word, in any folder", async () => {
  using w = world();
  for (const name of [".labswarm-k.part", "d/.labswarm-k.lock", ".LABSWARM-x"]) w.temp.file(`share/${name}`);
  assertEquals(await w.scan(), { ...quiet, files: 0 });
});

Deno.test("the title of a text file is told", async () => {
  using w = world();
  w.temp.file("share/notes.txt", "plain words\n");
  w.temp.file("share/data.bin", "plain words\n");
  const { changed } = await w.scan();
  assertEquals(changed.map(({ title }) => typeof title), ["string", "string"]);
});

Deno.test("names that no other peer could hold are left out and said", { ignore: !posix }, async () => {
  using w = world();
  const hostile = [
    "a:b",
    "CON",
    "con.txt",
    "x\\y",
    "bell\u0007",
    "line\nbreak",
    "dot.",
    "space ",
    "q?",
    "nul/inside",
  ];
  hostile.push("r\u202etxt.exe", "folder./a");
  for (const name of [...hostile, "good.txt"]) w.temp.file(`share/${name}`, "x");
  const seen = await w.scan();
  assertEquals(seen.names, ["good.txt"]);
  const told = hostile.map((name) => name.split("/")[0]!).sort();
  assertEquals(seen.skipped, told);
});

Deno.test(
  "a name whose bytes are no UTF-8 stops nothing",
  { ignore: Deno.build.os !== "linux" },
  async () => {
    using w = world();
    w.temp.file("share/good.txt");
    const script = "printf x > \"$(printf 'caf\\351.txt')\"";
    assert(new Deno.Command("sh", { args: ["-c", script], cwd: w.temp.at("share") }).outputSync().success);
    const seen = await w.scan();
    // The runtime doesn't even tell of such a name.
    assertEquals([seen.names, seen.files], [["good.txt"], 1]);
  },
);

Deno.test("folders deeper than a name may be are left out", async () => {
  using w = world();
  w.temp.file(`share/${"d/".repeat(31)}f`);
  w.temp.file(`share/${"d/".repeat(31)}e/f`);
  const seen = await w.scan();
  assertEquals(seen.names, [`${"d/".repeat(31)}f`]);
  assertEquals(seen.skipped.length, 1);
});

Deno.test("links are never followed: to files, to folders, out, in, broken", { ignore: !posix }, async () => {
  using w = world();
  w.temp.file("outside/secret");
  w.temp.file("share/real/a");
  const links = {
    "to-file": "outside/secret",
    "to-folder": "outside",
    "inside": "share/real",
    "broken": "none",
    "up": "",
  };
  for (const [name, target] of Object.entries(links)) {
    Deno.symlinkSync(w.temp.at(target), w.temp.at("share", name));
  }
  const seen = await w.scan();
  assertEquals([seen.names, seen.skipped], [["real/a"], Object.keys(links).sort()]);
  assertStringIncludes(seen.reasons, "links are not followed");
});

Deno.test("a file that becomes a link is gone", { ignore: !posix }, async () => {
  using w = world();
  w.temp.file("outside", "x");
  w.temp.file("share/a", "x");
  await w.scan();
  Deno.removeSync(w.temp.at("share", "a"));
  Deno.symlinkSync(w.temp.at("outside"), w.temp.at("share", "a"));
  const seen = await w.scan();
  assertEquals([seen.gone, seen.skipped, seen.files], [["a"], ["a"], 0]);
});

Deno.test("a pipe in the share holds nothing up", { ignore: !posix }, async () => {
  using w = world();
  assert(new Deno.Command("mkfifo", { args: [w.temp.at("share", "pipe")] }).outputSync().success);
  w.temp.file("share/a");
  assertEquals((await w.scan()).names, ["a"]);
});

Deno.test("a file that changes while it is read is left out, and taken at the next look", async () => {
  using w = world();
  const path = w.temp.file("share/a", noise(1024 * 1024));
  w.temp.file("share/b");
  // The scanner pauses between two pieces: that's when somebody writes.
  const writing = Promise.resolve().then(() => Deno.writeFileSync(path, noise(10), { append: true }));
  const seen = await w.scan();
  await writing;
  assertEquals([seen.names, seen.skipped], [["b"], ["a"]]);
  assertStringIncludes(seen.reasons, "changed while it was read");
  assertEquals((await w.scan()).names, ["a"]);
});

Deno.test("a file of the same size that was touched while it is read is left out", async () => {
  using w = world();
  const path = w.temp.file("share/a", noise(1024 * 1024));
  await w.scan();
  Deno.utimeSync(path, 1e9, 1e9);
  const writing = Promise.resolve().then(() => Deno.utimeSync(path, 1.1e9, 1.1e9));
  const seen = await w.scan();
  await writing;
  // It was in the index; its row must not stay there with the old hash.
  assertEquals([seen.names, seen.gone, seen.skipped], [[], ["a"], ["a"]]);
});

Deno.test("a share that can't be listed is said", async () => {
  using w = world();
  Deno.removeSync(w.temp.at("share"));
  const seen = await w.scan();
  assertEquals([seen.skipped, seen.files], [["."], 0]);
});

Deno.test("a share that isn't there can't be opened", async () => {
  using temp = new TempFolder();
  const open = () => Promise.resolve().then(() => Root.open(temp.at("none"), "read"));
  assertEquals(codeOf(await assertRejects(open)), "not_found");
});

Deno.test("a time that no index can hold is told as the nearest that it can", () => {
  assertEquals(isoTime(null), "1970-01-01T00:00:00.000Z");
  assertEquals(isoTime(new Date(-1)), "1969-12-31T23:59:59.999Z");
  assertEquals(isoTime(new Date(1e15)), "9999-12-31T23:59:59.999Z");
  assertEquals(isoTime(new Date(-1e14)), "0000-01-01T00:00:00.000Z");
});
