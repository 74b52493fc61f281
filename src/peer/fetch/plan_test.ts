/** From the network's index to what travels together, and to where it goes. */

import { assert, assertEquals, assertLess, assertNotEquals, assertStringIncludes } from "@std/assert";
import { cpuTime } from "../../base/_cpu_time.ts";
import { LIMITS } from "../../base/limits.ts";
import * as fc from "../../deps/fast_check.ts";
import { noise, TempFolder } from "../../storage/_testing.ts";
import { wholeSha256 } from "../../storage/hashing.ts";
import { Root } from "../../storage/root.ts";
import { contentFiles, type PlacedFile, planContents } from "./contents.ts";
import { planBroadcastContents } from "./fetch.ts";
import { placeFiles, placeInstead } from "./place.ts";
import { type NetworkRow, select, type WantedFile } from "./select.ts";

const hash = (n: number) => n.toString(16).padStart(64, "0");
const holder = (peer: string) => ({ peer, address: "192.0.2.1", port: 1 });
const row = (name: string, more: Partial<NetworkRow> = {}): NetworkRow => ({
  name,
  title: "",
  size: 5,
  sha256: hash(1),
  modified: "2026-01-02T03:04:05.678Z",
  holders: [holder("pc1")],
  ...more,
});
const placed = (name: string, more: Partial<PlacedFile> = {}): PlacedFile => ({
  name,
  size: 1000,
  sha256: hash(1),
  modified: 0,
  holders: [holder("pc1")],
  target: name,
  present: false,
  ...more,
});

Deno.test("each name is wanted once, with its time and its holders", () => {
  const { files, refused } = select([
    row("a"),
    row("b", { modified: "?", holders: [holder("x"), holder("y")] }),
  ]);
  assertEquals(refused, []);
  assertEquals(files.map(({ name, modified, holders }) => [name, modified, holders.length]), [
    ["a", Date.UTC(2026, 0, 2, 3, 4, 5, 678), 1],
    ["b", 0, 2],
  ]);
});

Deno.test("hostile names are left out, each with its reason, and the others are fetched", () => {
  const { files, refused } = select([row("../a"), row("ok"), row("con"), row("a\\b")]);
  assertEquals(files.map(({ name }) => name), ["ok"]);
  assertEquals(refused.map(({ name }) => name), ["../a", "con", "a\\b"]);
  assert(refused.every(({ reason }) => reason.length > 5));
});

Deno.test("a name that comes without end costs each time the same, and its sentence names a few", () => {
  const rows = Array.from({ length: 50_000 }, (_, i) => row("a", { sha256: hash(i) }));
  const began = cpuTime();
  const { files, ambiguous } = select(rows);
  assertLess(cpuTime() - began, 500);
  assertEquals([files.length, ambiguous.length], [0, 1]);
  assertLess(ambiguous[0]!.message.length, 500);
});

Deno.test("different contents under one name hold up that name only; the sentence lists them", () => {
  const { files, ambiguous } = select([
    row("a"),
    row("a", { sha256: hash(2), size: 7, holders: [holder("pc2")] }),
    row("b"),
    row("b", { size: 6 }),
    row("c"),
  ]);
  assertEquals(files.map(({ name }) => name), ["c"]);
  assertEquals(ambiguous.map(({ code }) => code), ["ambiguous", "ambiguous"]);
  for (const part of ["fetch a:", "pc1", "pc2", "7 bytes", "--from"]) {
    assertStringIncludes(ambiguous[0]!.message, part);
  }
});

Deno.test("a hostile peer's name and file can't reach the terminal through the sentence", () => {
  const peer = "\u001b[2Jpc";
  const { ambiguous } = select([row("a"), row("a", { sha256: hash(2), holders: [holder(peer)] })]);
  assertEquals(ambiguous[0]!.message.includes("\u001b"), false);
});

Deno.test("small files travel together, big ones alone, and only files of the same holders", () => {
  const files = [
    placed("a"),
    placed("b"),
    placed("big", { size: 5e6 }),
    placed("c", { holders: [holder("pc2")] }),
    placed("d", { holders: [holder("pc2"), holder("pc1")] }),
    placed("e", { holders: [holder("pc1"), holder("pc2")] }),
  ];
  const plans = planContents(files, () => false);
  assertEquals(plans.map(({ files }) => files.map(({ name }) => name).join("+")).sort(), [
    "a+b",
    "big",
    "c",
    "d+e",
  ]);
});

Deno.test("a content that is there whole is not planned", () => {
  assertEquals(
    planContents([placed("a", { present: true }), placed("big", { size: 5e6, present: true })], () => true),
    [],
  );
});

Deno.test("with a part file the same pack is planned again, whatever is there meanwhile", () => {
  const names = Array.from({ length: 50 }, (_, i) => `f${i}`);
  const first = planContents(names.map((name) => placed(name)), () => false);
  assertEquals(first.length, 1);
  const later = names.map((name, i) => placed(name, { present: i % 3 === 0 }));
  const [again] = planContents(later, (key) => key === first[0]!.key);
  assertEquals([again!.key, again!.files.length], [first[0]!.key, 50]);
  const [without] = planContents(later, () => false);
  assertNotEquals(without!.key, first[0]!.key);
  assert(without!.files.every(({ present }) => !present));
});

Deno.test("the key says what is in the content: names, sizes, hashes, nothing else", () => {
  const key = (more: Partial<PlacedFile>) => planContents([placed("a", more)], () => false)[0]!.key;
  assertEquals(key({}), key({ modified: 9, target: "a (pc1)", holders: [holder("pc9")] }));
  for (const more of [{ name: "b" }, { size: 1001 }, { sha256: hash(2) }]) {
    assertNotEquals(key({}), key(more));
  }
});

Deno.test("names that clash on Windows never share a content", () => {
  const plans = planContents([placed("A"), placed("a"), placed("b"), placed("b/c")], () => false);
  for (const { files } of plans) {
    const names = files.map(({ name }) => name);
    assert(!(names.includes("A") && names.includes("a")), "case");
    assert(!(names.includes("b") && names.includes("b/c")), "file and folder");
  }
});

Deno.test("whatever is wanted is planned exactly once, in any order", () => {
  const file = fc.record({
    size: fc.oneof(fc.nat(3000), fc.nat(3e6)),
    holders: fc.subarray(["p", "q", "r"], { minLength: 1 }),
  });
  fc.assert(fc.property(fc.array(file, { maxLength: 40 }), fc.nat(), (list, seed) => {
    const files = list.map(({ size, holders }, i) => placed(`n${i}`, { size, holders: holders.map(holder) }));
    const plans = planContents(files, () => false);
    assertEquals(
      plans.flatMap(contentFiles).map(({ name }) => name).sort(),
      files.map(({ name }) => name).sort(),
    );
    const shuffled = files.toSorted((a, b) => (a.size * 7 + seed) % 11 - (b.size * 7 + seed) % 11);
    assertEquals(
      planContents(shuffled, () => false).map(({ key }) => key).sort(),
      plans.map(({ key }) => key).sort(),
    );
  }));
});

/** Places files in a folder; what is refused is told by name. */
async function place(temp: TempFolder, files: WantedFile[]) {
  const root = Root.open(temp.path, "write");
  const refused: string[] = [];
  const found = await placeFiles(
    files,
    root,
    (name) => Promise.resolve(wholeSha256(root.pathOf(name))),
    ({ name }) => refused.push(name),
  );
  return { places: found.map(({ target, present }) => [target, present]), refused };
}

const wanted = (name: string, bytes = noise(5)): WantedFile => ({
  name,
  size: bytes.length,
  sha256: wholeOf(bytes),
  modified: 0,
  holders: [holder("pc1")],
});

function wholeOf(bytes: Uint8Array): string {
  using temp = new TempFolder();
  return wholeSha256(temp.file("x", bytes));
}

Deno.test("a free name is taken; a taken one gets the peer's, then a number", async () => {
  using temp = new TempFolder();
  temp.file("d/a.txt", "mine");
  assertEquals((await place(temp, [wanted("d/a.txt"), wanted("b")])).places, [["d/a (pc1).txt", false], [
    "b",
    false,
  ]]);
  temp.file("d/a (pc1).txt", "mine too");
  assertEquals((await place(temp, [wanted("d/a.txt")])).places, [["d/a (pc1 2).txt", false]]);
});

Deno.test("what is there by its hash is present, under its own name or the one it was given", async () => {
  using temp = new TempFolder();
  temp.file("a", noise(5));
  temp.file("b", "other");
  temp.file("b (pc1)", noise(5));
  assertEquals((await place(temp, [wanted("a"), wanted("b")])).places, [["a", true], ["b (pc1)", true]]);
});

Deno.test("same size is not same content, and a folder of that name is no file", async () => {
  using temp = new TempFolder();
  temp.file("a", noise(5, 2));
  temp.folder("b");
  assertEquals((await place(temp, [wanted("a"), wanted("b")])).places, [["a (pc1)", false], [
    "b (pc1)",
    false,
  ]]);
});

Deno.test("where a file has a folder's name, here or among the wanted ones, the folder gets the peer's", async () => {
  using temp = new TempFolder();
  temp.file("f", "mine");
  temp.file("d/e", "mine");
  temp.file("d/e (pc1)", "mine too");
  const names = ["f/a", "f/b/c", "d/e/a", "d/x", "new", "new/a", "new/b", "other/a", "other"];
  const { places, refused } = await place(temp, names.map((name) => wanted(name)));
  assertEquals(refused, []);
  assertEquals(places.map(([target]) => target), [
    ...["f (pc1)/a", "f (pc1)/b/c", "d/e (pc1 2)/a", "d/x", "new", "new (pc1)/a", "new (pc1)/b"],
    ...["other/a", "other (pc1)"],
  ]);
  // A second time it is found there.
  temp.file("f (pc1)/a", noise(5));
  assertEquals((await place(temp, [wanted("f/a")])).places, [["f (pc1)/a", true]]);
});

Deno.test("what would get too long a name by its folder's new one is refused, and the others are placed", async () => {
  using temp = new TempFolder();
  temp.file("f", "mine");
  const deep = `f/${"d".repeat(200)}/${"d".repeat(200)}/${"d".repeat(200)}/${"d".repeat(200)}`;
  const names = [`${deep}/${"n".repeat(LIMITS.nameBytes - deep.length - 1)}`];
  const deepest = `${deep}/${"e".repeat(LIMITS.nameBytes - deep.length - 3)}`;
  names.push(`${deepest}/n`);
  const { places, refused } = await place(temp, [...names, "f/a"].map((name) => wanted(name)));
  assertEquals({ places, refused }, { places: [["f (pc1)/a", false]], refused: names });
});

Deno.test("a link out where a folder is needed refuses what would lie in it", async () => {
  using outside = new TempFolder();
  using temp = new TempFolder();
  if (Deno.build.os !== "windows") Deno.symlinkSync(outside.path, temp.at("out"));
  const links = Deno.build.os === "windows" ? [] : [wanted("out/a"), wanted("out/d/b")];
  const { places, refused } = await place(temp, [wanted("ok/a"), ...links]);
  assertEquals(places, [["ok/a", false]]);
  assertEquals(refused, links.map(({ name }) => name));
  assertEquals(outside.list(), []);
});

Deno.test("a name that a hundred files have is refused, and the others are placed", async () => {
  using temp = new TempFolder();
  temp.file("a", "x");
  temp.file("a (pc1)", "x");
  for (let i = 2; i < 100; i++) temp.file(`a (pc1 ${i})`, "x");
  assertEquals(await place(temp, [wanted("a"), wanted("b")]), { places: [["b", false]], refused: ["a"] });
});

Deno.test("in a broadcast contents are the same on every PC, whatever is there already", () => {
  const names = Array.from({ length: 40 }, (_, i) => `d/${String(i).padStart(2, "0")}`);
  const sizes = names.map((_, i) => i % 9 === 0 ? 3_000_000 : 20_000 * (i % 5));
  const contentsWith = (present: (i: number) => boolean) => {
    const files = names.map((name, i) =>
      placed(name, { size: sizes[i]!, sha256: hash(i), present: present(i) })
    );
    const { plans, whole } = planBroadcastContents(files, { stripes: [[holder("a")], [holder("b")]] });
    for (const plan of plans) {
      assert(plan.files.some((file) => !file.present));
      assertEquals(plan.stripes?.map((list) => list[0]?.peer), ["a", "b"]);
    }
    for (const plan of whole) assert(plan.files.every((file) => file.present));
    for (const { files } of [...plans, ...whole]) {
      for (const file of files) assertEquals(file.present, present(names.indexOf(file.name)));
    }
    return [...plans, ...whole].map(({ key }) => key).sort();
  };
  const keys = contentsWith(() => false);
  assert(keys.length > 3);
  fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (present) => {
    assertEquals(contentsWith((i) => present[i]!), keys);
  }));
});

Deno.test("a broadcast takes the name whoever has it; folders stay, and names that meet are told apart", async () => {
  using temp = new TempFolder();
  const root = Root.open(temp.path, "write");
  temp.file("same", "12345");
  temp.file("other", "mine");
  temp.folder("folder");
  temp.file("file", "a file");
  const same = await wholeSha256(temp.at("same"));
  const refused: string[] = [];
  const places = await placeInstead(
    ["same", "other", "folder", "file/below", "new", "new", "x", "x/below"].map((name) => ({
      ...row(name, { sha256: same }),
      modified: 0,
    })),
    root,
    (name) => Promise.resolve(wholeSha256(temp.at(name))),
    (file) => refused.push(file.name),
  );
  assertEquals(places.map(({ name, target, present }) => [name, target, present]), [
    ["same", "same", true],
    ["other", "other", false],
    ["file/below", "file/below", false],
    ["new", "new", false],
    ["new", "new (pc1)", false],
    ["x", "x", false],
  ]);
  assertEquals(refused, ["folder", "x/below"]);
  assertEquals(temp.read("other"), "mine");
});
