/** Broadcasts out of the server's own share: what is taken over, what isn't. */

import { assertEquals, assertRejects } from "@std/assert";
import { join } from "../deps/std_path.ts";
import { MemoryBroadcasts } from "./broadcast_store.ts";
import { LocalShare } from "./local_share.ts";

const SHA = "ab".repeat(32);

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
    const share = new LocalShare(root, store);
    await share.adopt("id", [join(root, "a.txt"), join(root, "sub", "set")]);
    const again = new LocalShare(root, store);
    await again.load(["id", "unknown"]);
    for (const each of [share, again]) {
      assertEquals([each.has("id"), each.has("unknown")], [true, false]);
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
    const share = new LocalShare(root, store);
    const refuses = async (name: string, path: string, size = 4) => {
      await store.saveFiles("other", 0, [{ name, size, sha256: SHA }]);
      await assertRejects(() => share.adopt("other", [path]));
      assertEquals(share.has("other"), false);
    };
    await refuses("outside.txt", join(dir, "outside.txt"));
    await refuses("a.txt", join(root, "a.txt"), 5);
    await refuses("missing.txt", join(root, "missing.txt"));
    await refuses("b.txt", join(root, "a.txt"));
    await refuses("set", join(root, "sub", "set"));
    await assertRejects(() => new LocalShare(undefined, store).adopt("id", [join(root, "a.txt")]));
    await assertRejects(() => new LocalShare(join(dir, "none"), store).adopt("id", [join(root, "a.txt")]));
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
      const share = new LocalShare(root, store);
      await assertRejects(() => share.adopt("id", [join(root, "link.txt")]));
    }),
});
