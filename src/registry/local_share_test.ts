/** Broadcasts out of the server's own share: what is taken over, what isn't. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "../deps/std_path.ts";
import { FakeClock } from "../base/clock.ts";
import { wholeSha256 } from "../storage/hashing.ts";
import { ListLog } from "./_testing.ts";
import { MemoryBroadcasts } from "./broadcast_store.ts";
import { LocalShare } from "./local_share.ts";

/** That of "four". */
const SHA = "04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00";

/** A share with what looks after it: hashes are counted, changes can be waited for. */
class Bench {
  readonly clock = new FakeClock();
  readonly log = new ListLog();
  readonly hashed: string[] = [];
  unreadable = false;
  readonly share: LocalShare;

  constructor(root: string | undefined, readonly store: MemoryBroadcasts) {
    this.share = new LocalShare(root, {
      ...{ store, clock: this.clock, log: this.log },
      hash: (folder, name) => {
        this.hashed.push(name);
        return this.unreadable
          ? Promise.resolve(undefined)
          : Promise.resolve(wholeSha256(join(folder, name)));
      },
    });
  }

  /** Looks until so many files count as being here; nothing in these tests waits for more than promises. */
  async until(id: string, count: number): Promise<void> {
    for (let i = 0; i < 1_000 && this.share.count(id) !== count; i++) {
      this.clock.advance(5_001);
      await Promise.resolve();
    }
    assertEquals(this.share.count(id), count);
  }
}

async function stage(test: (dir: string, store: MemoryBroadcasts) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "labswarm-" });
  try {
    await Deno.mkdir(join(dir, "share", "sub", "set", "deep"), { recursive: true });
    await Deno.writeTextFile(join(dir, "share", "a.txt"), "four");
    await Deno.writeTextFile(join(dir, "share", "sub", "set", "deep", "b.txt"), "four");
    await Deno.writeTextFile(join(dir, "outside.txt"), "four");
    const store = new MemoryBroadcasts();
    await store.saveFiles(
      "id",
      0,
      ["a.txt", "set/deep/b.txt"].map((name) => ({ name, size: 4, sha256: SHA })),
    );
    await test(dir, store);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("files and folders of the share are found by content and name, after a restart too", () =>
  stage(async (dir, store) => {
    const root = join(dir, "share");
    const { share } = new Bench(root, store);
    await share.adopt("id", [join(root, "a.txt"), join(root, "sub", "set")]);
    const bench = new Bench(root, store);
    const again = bench.share;
    await again.load(["id", "unknown"]);
    assertEquals(again.find(SHA, "a.txt"), undefined, "not before it was looked at");
    await bench.until("id", 2);
    assertEquals(bench.hashed, []);
    for (const each of [share, again]) {
      assertEquals([each.count("id"), each.count("unknown")], [2, 0]);
      assertEquals(each.find(SHA, "set/deep/b.txt")?.name, "sub/set/deep/b.txt");
      assertEquals(each.find(SHA, "a.txt")?.size, 4);
      assertEquals(each.find("cd".repeat(32), "a.txt"), undefined);
    }
    share.forget("id");
    assertEquals(share.find(SHA, "a.txt"), undefined);
  }));

Deno.test("what lies elsewhere, is not as told, or leads out of the share is not taken over", () =>
  stage(async (dir, store) => {
    const root = join(dir, "share");
    const { share } = new Bench(root, store);
    const refuses = async (name: string, path: string, size = 4) => {
      await store.saveFiles("other", 0, [{ name, size, sha256: SHA }]);
      await assertRejects(() => share.adopt("other", [path]));
      assertEquals(share.count("other"), 0);
    };
    await refuses("outside.txt", join(dir, "outside.txt"));
    await refuses("a.txt", join(root, "a.txt"), 5);
    await refuses("missing.txt", join(root, "missing.txt"));
    await refuses("b.txt", join(root, "a.txt"));
    await refuses("set", join(root, "sub", "set"));
    await assertRejects(() => new Bench(undefined, store).share.adopt("id", [join(root, "a.txt")]));
    await assertRejects(() => new Bench(join(dir, "none"), store).share.adopt("id", [join(root, "a.txt")]));
  }));

/** Gives a file another time, and other bytes if told. */
async function touch(path: string, seconds: number, text = "four"): Promise<void> {
  await Deno.writeTextFile(path, text);
  await Deno.utime(path, seconds, seconds);
}

Deno.test("copied anew: hashed once, for all broadcasts of it, and delivered on, after a restart too", () =>
  stage(async (dir, store) => {
    const root = join(dir, "share");
    await store.saveFiles("other", 0, [{ name: "a.txt", size: 4, sha256: SHA }]);
    const { share } = new Bench(root, store);
    await share.adopt("id", [join(root, "a.txt"), join(root, "sub", "set")]);
    await share.adopt("other", [join(root, "a.txt")]);
    await touch(join(root, "a.txt"), 1e9);
    const bench = new Bench(root, store);
    await bench.share.load(["id", "other"]);
    await bench.until("id", 2);
    await bench.until("other", 1);
    assertEquals(bench.hashed, ["a.txt"]);
    assertEquals(Date.parse(bench.share.find(SHA, "a.txt")!.modified), 1e12);
    const again = new Bench(root, store);
    await again.share.load(["id"]);
    await again.until("id", 2);
    assertEquals([again.hashed, bench.log.lines, again.log.lines], [[], [], []]);
  }));

Deno.test("another file of that name: delivered no more, hashed once, said once; put back it is", () =>
  stage(async (dir, store) => {
    const root = join(dir, "share");
    const bench = new Bench(root, store);
    const { share, hashed, log } = bench;
    await share.adopt("id", [join(root, "a.txt"), join(root, "sub", "set")]);
    await touch(join(root, "a.txt"), 1e9, "FOUR");
    await bench.until("id", 1);
    assertEquals([share.find(SHA, "a.txt"), share.find(SHA, "set/deep/b.txt")?.size], [undefined, 4]);
    await touch(join(root, "sub", "set", "deep", "b.txt"), 1e9, "longer");
    await bench.until("id", 0);
    for (let i = 0; i < 3; i++) {
      bench.clock.advance(30_000);
      share.lookAgain();
      assertEquals(share.count("id"), 0);
    }
    assertEquals(hashed, ["a.txt"], "what has another size isn't read");
    await touch(join(root, "a.txt"), 2e9);
    await bench.until("id", 1);
    assertEquals(share.find(SHA, "a.txt")?.size, 4);
    assertEquals(hashed, ["a.txt", "a.txt"]);
    assert(log.lines.every((line) => /what was broadcast/.test(line)));
    assertEquals(log.lines.map((line) => line.split(" ")[0]), ["warn", "warn", "info"]);
  }));

Deno.test("what can't be read when it has changed, as while it is copied, is looked at again", () =>
  stage(async (dir, store) => {
    const root = join(dir, "share");
    const bench = new Bench(root, store);
    await bench.share.adopt("id", [join(root, "a.txt"), join(root, "sub", "set")]);
    await touch(join(root, "a.txt"), 1e9);
    bench.unreadable = true;
    const told = bench.log.next(/a\.txt in the share can't be read just now/);
    await bench.until("id", 1);
    await told;
    bench.unreadable = false;
    await bench.until("id", 2);
    assertEquals(bench.hashed, ["a.txt", "a.txt"]);
    assertEquals(bench.log.lines.length, 2);
  }));

Deno.test({
  name: "a link that leads out of the share is not taken over",
  // Making links needs a right on Windows.
  ignore: Deno.build.os === "windows",
  fn: () =>
    stage(async (dir, store) => {
      const root = join(dir, "share");
      await Deno.symlink(join(dir, "outside.txt"), join(root, "link.txt"));
      await store.saveFiles("id", 0, [{ name: "link.txt", size: 4, sha256: SHA }]);
      const { share } = new Bench(root, store);
      await assertRejects(() => share.adopt("id", [join(root, "link.txt")]));
    }),
});
