import { assert, assertEquals } from "@std/assert";
import { LIMITS } from "./limits.ts";
import { Tries } from "./tries.ts";

Deno.test("a few wrong tries a minute, each address for itself; right ones don't count", () => {
  const tries = new Tries(LIMITS.joinTries);
  for (let i = 0; i < LIMITS.joinTries; i++) {
    tries.begin("a", i)!(true);
    tries.begin("a", i)!(false);
  }
  assertEquals(tries.begin("a", 100), undefined);
  assert(tries.begin("b", 100));
  tries.begin("a", 60_000)!(false);
  assertEquals(tries.begin("a", 60_000), undefined);
});

Deno.test("many at once are judged, but not any number", () => {
  const tries = new Tries(LIMITS.joinTries);
  const ends = Array.from({ length: LIMITS.triesAtOnce }, () => tries.begin("a", 0)!);
  assertEquals(tries.begin("a", 0), undefined);
  for (const end of ends) end(true);
  assert(tries.begin("a", 0));
});

Deno.test("of many at once no more count than one after the other", () => {
  const tries = new Tries(LIMITS.joinTries);
  const ends = Array.from({ length: LIMITS.triesAtOnce }, () => tries.begin("a", 0)!);
  const counted = ends.map((end, i) => end(i === LIMITS.triesAtOnce - 1));
  assertEquals(counted, ends.map((_, i) => i < LIMITS.joinTries));
  assertEquals(tries.begin("a", 59_999), undefined);
  assert(tries.begin("a", 60_000));
});
