import { assertEquals, assertRejects } from "@std/assert";
import { INTERRUPTED, withCleanup } from "./cleanup.ts";

Deno.test("what was done last is undone first, after success and after failure", async () => {
  const undone: string[] = [];
  const work = (fails: boolean) =>
    withCleanup((cleanup) => {
      cleanup.add(() => void undone.push("mount"));
      cleanup.add(() => void undone.push("server"));
      return fails ? Promise.reject(new Error("no")) : Promise.resolve(0);
    });
  assertEquals(await work(false), 0);
  await assertRejects(() => work(true), Error, "no");
  assertEquals(undone, ["server", "mount", "server", "mount"]);
});

Deno.test("an interruption cleans up without waiting for the work", async () => {
  let isUndone = false;
  const code = await withCleanup((cleanup) => {
    cleanup.add(() => void (isUndone = true));
    cleanup.interrupt();
    return new Promise(() => {});
  });
  assertEquals([code, isUndone], [INTERRUPTED, true]);
});
