import { assertEquals, assertNotEquals } from "@std/assert";
import { exportPrivate, generateKeys } from "./keys.ts";
import { Seal } from "./seal.ts";

Deno.test("what is sealed is opened by the same key for the same purpose only, and not when it was changed", async () => {
  const [key, other] = await Promise.all(
    [1, 2].map(async () => await exportPrivate((await generateKeys()).privateKey)),
  );
  const seal = await Seal.from(key!, "a");
  const secret = new Uint8Array([1, 2, 3, 4, 5]);
  const sealed = await seal.close(secret);
  assertNotEquals(sealed, await seal.close(secret));
  assertEquals(await (await Seal.from(key!, "a")).open(sealed), secret);
  assertEquals(await (await Seal.from(key!, "b")).open(sealed), undefined);
  assertEquals(await (await Seal.from(other!, "a")).open(sealed), undefined);
  for (const wrong of ["", "?", sealed.slice(4), "A" + sealed.slice(1), sealed.slice(0, 16)]) {
    if (wrong !== sealed) assertEquals(await seal.open(wrong), undefined);
  }
});
