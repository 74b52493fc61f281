/** Piece hashes kept for manifests, locks between processes, part files that nobody came back for. */

import { assert, assertEquals, assertFalse } from "@std/assert";
import { codeOf } from "../base/errors.ts";
import { NO_VOLUME, noise, TempFolder, tinyVolume } from "./_testing.ts";
import { claimPart } from "./cast_part.ts";
import { tryLock } from "./lock.ts";
import { FakeClock } from "../base/clock.ts";
import { keepTidy, removeOldParts } from "./old_parts.ts";
import { PieceHashes } from "./piece_hashes.ts";
import { Root } from "./root.ts";
import { freeSpace } from "./space.ts";

const NAME = "ab".repeat(32);
const SIZE = 3 * 256 * 1024 - 1;

Deno.test("piece hashes come back for the size that they fit, and for no other", () => {
  using temp = new TempFolder();
  const pieces = new PieceHashes(temp.path);
  assertEquals(pieces.get(NAME, SIZE), undefined);
  pieces.put(NAME, noise(96));
  assertEquals(new PieceHashes(temp.path).get(NAME, SIZE), noise(96));
  assertEquals(pieces.get(NAME, SIZE + 2), undefined);
  assertEquals(temp.list(), [`pieces/${NAME}`]);
});

Deno.test("damaged piece hashes are as good as none; a later put mends them", () => {
  using temp = new TempFolder();
  const pieces = new PieceHashes(temp.path);
  for (const length of [0, 31, 95, 97, 128]) {
    temp.file(`pieces/${NAME}`, noise(length));
    assertEquals(pieces.get(NAME, SIZE), undefined);
  }
  pieces.put(NAME, noise(96));
  assertEquals(pieces.get(NAME, SIZE), noise(96));
});

Deno.test("the cache keeps what the share holds and nothing else", () => {
  using temp = new TempFolder();
  const pieces = new PieceHashes(temp.path);
  pieces.keepOnly(new Set());
  pieces.remove(NAME);
  const other = "cd".repeat(32);
  pieces.put(NAME, noise(96));
  pieces.put(other, noise(96));
  temp.file(`pieces/${other}.new`);
  temp.file("pieces/stray");
  pieces.keepOnly(new Set([NAME]));
  assertEquals(temp.list(), [`pieces/${NAME}`]);
  pieces.remove(NAME);
  assertEquals(temp.list(), []);
});

Deno.test("a full disk costs the cache, nothing else" + NO_VOLUME, { ignore: NO_VOLUME !== "" }, () => {
  using volume = tinyVolume(65536)!;
  const pieces = new PieceHashes(volume.path);
  pieces.put(NAME, noise(1024 * 1024));
  assertEquals(pieces.get(NAME, SIZE), undefined);
});

Deno.test("a lock has one holder at a time and leaves no file", () => {
  using temp = new TempFolder();
  const path = temp.at("x.lock");
  const lock = tryLock(path)!;
  assertEquals(tryLock(path), undefined);
  lock.release();
  const again = tryLock(path)!;
  assert(again);
  again.release();
  assertEquals(temp.list(), []);
});

Deno.test("the lock of a process that was killed is free", async () => {
  using temp = new TempFolder();
  const path = temp.at("x.lock");
  const program = `import { tryLock } from ${JSON.stringify(import.meta.resolve("./lock.ts"))};
    tryLock(${JSON.stringify(path)}); console.log("locked"); setInterval(() => {}, 1e6);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", program],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "locked\n");
  assertEquals(tryLock(path), undefined);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  const lock = tryLock(path);
  assert(lock);
  lock.release();
});

Deno.test("a lock in a folder that isn't there is an error, not a lock", () => {
  using temp = new TempFolder();
  try {
    tryLock(temp.at("no", "x.lock"));
  } catch (cause) {
    return assertEquals(codeOf(cause), "not_found");
  }
  throw new Error("no error");
});

const NOW = Date.UTC(2026, 5, 1);

/** A file that was touched so many days ago. */
function aged(temp: TempFolder, name: string, days: number): string {
  const time = new Date(NOW - days * 24 * 3600_000);
  const path = temp.file(name);
  Deno.utimeSync(path, time, time);
  return path;
}

Deno.test("our own files that two weeks have not touched go, wherever they lie; all else stays", async () => {
  using temp = new TempFolder();
  const outside = temp.folder("outside");
  aged(temp, "outside/.labswarm-old.part", 1000);
  for (
    const name of [
      ".labswarm-old.part",
      ".labswarm-old-3.tmp",
      ".labswarm-old.lock",
      "a/b/.labswarm-old.part",
    ]
  ) {
    aged(temp, `share/${name}`, 15);
  }
  const kept = [".labswarm-future.part", ".labswarm-young.part", "a/labswarm.part", "thesis.part"];
  for (const [i, name] of kept.entries()) aged(temp, `share/${name}`, [-10, 13, 1000, 1000][i]!);
  temp.folder("share/.labswarm-folder");
  Deno.symlinkSync(outside, temp.at("share", "link"));
  const lock = tryLock(aged(temp, "share/.labswarm-held.lock", 15));
  Deno.utimeSync(temp.at("share", ".labswarm-held.lock"), 0, 0);
  await removeOldParts(temp.at("share"), { now: NOW });
  const left = temp.list().filter((name) => name !== "share/link");
  assertEquals(
    left,
    ["outside/.labswarm-old.part", "share/.labswarm-held.lock", ...kept.map((k) => `share/${k}`)].sort(),
  );
  lock!.release();
});

Deno.test("an old part file that a fetch has just come back for stays, until that lets go of it", async () => {
  using temp = new TempFolder();
  for (const name of ["k1.part", "k1-3.tmp", "k2.part"]) aged(temp, `.labswarm-${name}`, 15);
  const lock = tryLock(temp.at(".labswarm-k1.lock"))!;
  await removeOldParts(temp.path, { now: NOW });
  assertEquals(temp.list(), [".labswarm-k1-3.tmp", ".labswarm-k1.lock", ".labswarm-k1.part"]);
  lock.release();
  await removeOldParts(temp.path, { now: NOW });
  assertEquals(temp.list(), []);
});

Deno.test(
  "on a full disk a broadcast's part isn't taken for one that was withdrawn" + NO_VOLUME,
  { ignore: NO_VOLUME !== "" },
  async () => {
    using volume = tinyVolume(65536)!;
    const root = Root.open(volume.path, "write");
    try {
      volume.file("else", noise(128 * 1024));
    } catch { /* now it is full */ }
    claimPart(root, "k", "b1");
    Deno.removeSync(volume.at("else"));
    volume.file(".labswarm-k.part");
    await removeOldParts(volume.path, { now: Date.now() + 3600_000 });
    assertEquals(volume.list(), [".labswarm-k.part"]);
  },
);

Deno.test("a serve that runs for months removes old parts every day", async () => {
  using temp = new TempFolder();
  const clock = new FakeClock(NOW);
  const { idle, stop } = keepTidy([temp.at("none"), temp.path], clock);
  const path = aged(temp, "pc7/.labswarm-left.part", 0);
  const there = () => Deno.lstat(path).then(() => true, () => false);
  for (let day = 0; day < 14; day++) {
    clock.advance(24 * 3600_000);
    await idle();
    assert(await there(), `day ${day}`);
  }
  clock.advance(24 * 3600_000);
  await idle();
  assertFalse(await there());
  await stop();
});

Deno.test("old parts of a share that has vanished are no trouble", async () => {
  const temp = new TempFolder();
  temp[Symbol.dispose]();
  await removeOldParts(temp.path, { now: 0 });
});

Deno.test("free space is a number of bytes, and unknown where there is nothing", () => {
  using temp = new TempFolder();
  assert(freeSpace(temp.path)! > 0);
  assertEquals(freeSpace(temp.at("none")), undefined);
  assertFalse(Number.isNaN(freeSpace(temp.path)));
});
