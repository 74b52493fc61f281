import { assertEquals } from "@std/assert";
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
