import { assertEquals } from "@std/assert";
import { Vain } from "./vain.ts";

Deno.test("who couldn't deliver isn't asked again for that PC, until it is another than then", () => {
  const vain = new Vain();
  vain.note("b1", "pc1", "holder", 7);
  const asked: [string, number][] = [["holder", 7], ["holder", 8], ["other", 7]];
  assertEquals(asked.map(([by, stamp]) => vain.has("b1", "pc1", by, stamp)), [true, false, false]);
  assertEquals([vain.has("b1", "pc2", "holder", 7), vain.has("b2", "pc1", "holder", 7)], [false, false]);
  vain.note("b1", "pc2", "holder", 7);
  vain.forget("b1", "pc1");
  assertEquals([vain.has("b1", "pc1", "holder", 7), vain.has("b1", "pc2", "holder", 7)], [false, true]);
  vain.note("b2", "pc1", "holder", 7);
  vain.keepOnly(new Set(["b2"]));
  assertEquals([vain.has("b1", "pc2", "holder", 7), vain.has("b2", "pc1", "holder", 7)], [false, true]);
  vain.forget("b2");
  assertEquals(vain.has("b2", "pc1", "holder", 7), false);
});
