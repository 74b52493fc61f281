/** A file is written whole or not at all: whatever goes wrong, the old one is still there. */

import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { FakeClock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import { NO_VOLUME, TempFolder, tinyVolume } from "./_testing.ts";
import { readJson, writeAtomic } from "./atomic.ts";

const clock = new FakeClock();

Deno.test("a file is written, and written over; nothing else stays behind", async () => {
  using temp = new TempFolder();
  await writeAtomic(temp.at("f"), "one", { clock });
  await writeAtomic(temp.at("f"), new Uint8Array([50]), { clock });
  assertEquals(temp.read("f"), "2");
  assertEquals(temp.list(), ["f"]);
});

Deno.test("what an interrupted write left behind is written over, not added to", async () => {
  using temp = new TempFolder();
  temp.file("f", "old");
  temp.file("f.new", "half of something much longer");
  await writeAtomic(temp.at("f"), "new", { clock });
  assertEquals(temp.read("f"), "new");
  assertEquals(temp.list(), ["f"]);
});

Deno.test("a write that fails leaves the old file and no other", async () => {
  using temp = new TempFolder();
  temp.file("folder/inside", "old");
  const thrown = await assertRejects(() => writeAtomic(temp.at("folder"), "new", { clock }));
  assertEquals(codeOf(thrown), "failed");
  assertEquals(temp.list(), ["folder/inside"]);
  assertEquals(
    codeOf(await assertRejects(() => writeAtomic(temp.at("no", "f"), "x", { clock }))),
    "not_found",
  );
});

Deno.test({
  name: `a full disk leaves the old file and gives its space back${NO_VOLUME}`,
  ignore: NO_VOLUME !== "",
  async fn() {
    using volume = tinyVolume(256 * 1024)!;
    volume.file("f", "old");
    const large = new Uint8Array(512 * 1024);
    const thrown = await assertRejects(() => writeAtomic(volume.at("f"), large, { clock }));
    assertEquals(codeOf(thrown), "disk_full");
    assertEquals([volume.read("f"), volume.list()], ["old", ["f"]]);
    await writeAtomic(volume.at("f"), large.subarray(0, 100 * 1024), { clock });
  },
});

Deno.test({
  name: "a secret is readable by its owner only, also when an older half of it wasn't",
  ignore: Deno.build.os === "windows",
  async fn() {
    using temp = new TempFolder();
    Deno.chmodSync(temp.file("f.new"), 0o644);
    await writeAtomic(temp.at("f"), "secret", { clock, mode: 0o600 });
    assertEquals((Deno.statSync(temp.at("f")).mode ?? 0) & 0o777, 0o600);
  },
});

Deno.test("JSON that isn't there or isn't JSON is nothing; what can't be read is an error", async () => {
  using temp = new TempFolder();
  assertEquals(await readJson(temp.at("none")), undefined);
  assertEquals(await readJson(temp.file("bad", "{")), undefined);
  assertEquals(await readJson(temp.file("good", "[1]")), [1]);
  assertEquals(codeOf(await assertRejects(() => readJson(temp.folder("folder")))), "failed");
});

Deno.test("nothing makes an empty file", async () => {
  using temp = new TempFolder();
  await writeAtomic(temp.at("f"), "", { clock });
  assert(Deno.statSync(temp.at("f")).isFile);
  assertFalse(Deno.statSync(temp.at("f")).size > 0);
});
