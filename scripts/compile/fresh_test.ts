import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "@std/path";
import { inputHash, isFresh, stampOf } from "./fresh.ts";

Deno.test("an executable is fresh until a source, an argument or itself changes", async () => {
  const root = await Deno.makeTempDir();
  await Deno.mkdir(join(root, "src"));
  for (const name of ["deno.json", "deno.lock", "src/a.ts", "exe"]) {
    await Deno.writeTextFile(join(root, name), name);
  }
  const [exe, stamp] = [join(root, "exe"), join(root, "stamp")];
  const inputs = await inputHash(root, ["x"]);
  assert(!await isFresh(inputs, exe, stamp));
  await Deno.writeTextFile(stamp, await stampOf(inputs, exe));
  assert(await isFresh(inputs, exe, stamp));
  assertNotEquals(await inputHash(root, ["y"]), inputs);
  await Deno.writeTextFile(join(root, "src", "a_test.ts"), "tests don't count");
  assertEquals(await inputHash(root, ["x"]), inputs);
  await Deno.writeTextFile(exe, "changed");
  assert(!await isFresh(inputs, exe, stamp));
  await Deno.remove(root, { recursive: true });
});
