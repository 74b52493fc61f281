import { assert, assertEquals, assertMatch } from "@std/assert";
import { Claims } from "./claims.ts";

const FILE = {
  ...{ name: "d/a.iso", path: "/share/d/a.iso", sha256: "aa".repeat(32), from: ["liar", "c\u001bd"] },
  ...{ bytes: 5, size: 5, seconds: 1, sources: 2, present: false },
};

Deno.test("a claim that turns out false is told once, with who made it and nothing that a terminal obeys", () => {
  const claims = new Claims(() => true);
  claims.note(FILE);
  const told = claims.check(FILE.path, "bb".repeat(32));
  assertEquals(told?.claimed, FILE.sha256);
  assertMatch(
    told!.sentence,
    /^d\/a\.iso is not what liar, c.+d claimed: .*bbbbbbbbbbbb\.\.\., not aaaaaaaaaaaa\.\.\./,
  );
  assert(!told!.sentence.includes("\u001b"));
  assertEquals(claims.check(FILE.path, "bb".repeat(32)), undefined);
});

Deno.test("nothing is told of a true claim, of a file that was there, of one that nobody claimed", () => {
  const claims = new Claims(() => true);
  claims.note(FILE);
  assertEquals(claims.check(FILE.path, FILE.sha256), undefined);
  claims.note({ ...FILE, present: true });
  assertEquals(claims.check(FILE.path, "bb".repeat(32)), undefined);
  assertEquals(claims.check("/share/other", "bb".repeat(32)), undefined);
});

Deno.test("of files that are removed before any scan comes upon them nothing is kept; of all others it is", () => {
  const there = new Set<string>();
  const claims = new Claims((path) => there.has(path));
  const path = (n: number) => `/share/${n}`;
  for (let n = 0; n < 10_000; n++) {
    claims.note({ ...FILE, path: path(n) });
    if (n % 100 === 0) there.add(path(n));
  }
  for (let looks = 0; claims.size > there.size && looks < 100; looks++) claims.tidy();
  assertEquals(claims.size, there.size);
  claims.tidy();
  for (const each of there) assert(claims.check(each, "bb".repeat(32)), each);
  assertEquals(claims.size, 0);
});
