import { assertEquals, assertLessOrEqual } from "@std/assert";
import { Precedence } from "./precedence.ts";

const planned = { instead: [] };

Deno.test("those whom the plan sends here come first, others only where there is room", () => {
  const precedence = new Precedence();
  assertEquals(precedence.joins("stranger", { instead: ["x"] }), { isFirst: true });
  precedence.leaves("stranger");
  for (const name of ["a", "b"]) assertEquals(precedence.joins(name, planned), { isFirst: true });
  assertEquals(precedence.joins("stranger", { instead: ["x"] }), { isFirst: false });
  precedence.leaves("a");
  assertEquals(precedence.joins("stranger", { instead: ["x"] }), { isFirst: true });
});

Deno.test("who comes instead of a child takes its place, once", () => {
  const precedence = new Precedence();
  for (const name of ["a", "b"]) precedence.joins(name, planned);
  assertEquals(precedence.joins("c", { instead: ["x", "a"] }), { isFirst: true, loser: "a" });
  assertEquals(precedence.joins("d", { instead: ["a"] }), { isFirst: false });
  assertEquals([precedence.isFirst("a"), precedence.isFirst("b"), precedence.isFirst("c")], [
    false,
    true,
    true,
  ]);
});

Deno.test("who has lost its place here or elsewhere takes nobody's", () => {
  const precedence = new Precedence();
  for (const name of ["a", "b"]) precedence.joins(name, planned);
  precedence.joins("c", { instead: ["a"] });
  assertEquals(precedence.joins("a", { instead: ["b"] }), { isFirst: false });
  assertEquals(precedence.joins("e", { instead: ["b"], demoted: true }), { isFirst: false });
  assertEquals(precedence.joins("a", planned), { isFirst: false });
});

Deno.test("one who is served for another stripe already may come instead of somebody too", () => {
  const precedence = new Precedence();
  for (const name of ["a", "b"]) precedence.joins(name, planned);
  assertEquals(precedence.joins("a", { instead: ["b"] }), { isFirst: true, loser: "b" });
});

Deno.test("who names others without end, in whose place it comes, leaves no more of them behind than a lab has", () => {
  const precedence = new Precedence();
  for (let i = 0; i < 1_000; i++) {
    precedence.joins("a", { instead: Array.from({ length: 64 }, (_, k) => `x${i}-${k}`) });
    precedence.leaves("a");
  }
  assertLessOrEqual(precedence.remembered, 4_000);
  assertEquals(precedence.joins("x0-0", { instead: [] }), { isFirst: false }, "the first ones count");
});
