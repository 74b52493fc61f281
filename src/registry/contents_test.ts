import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../base/random.ts";
import { matcher, searcher } from "../catalog/search.ts";
import * as fc from "../deps/fast_check.ts";
import type { WireRow } from "../protocol/messages.ts";
import { compareContents, Content, Contents } from "./contents.ts";
import { needsOf } from "./search_needs.ts";
import { needed, Signature } from "./signature.ts";

const row = (name: string, sha = "a", title = ""): WireRow => ({
  ...{ name, title, size: 5, sha256: sha.repeat(64), modified: "2026-01-02T03:04:05Z", flag: 1 as const },
});

Deno.test("thousands come, change and go in any order: always sorted, and all are found", () => {
  const random = seededRandom(3);
  const contents = new Contents();
  const model = new Map<string, Content>();
  for (let n = 0; n < 20_000; n++) {
    const name = `${Math.floor(random.next() * 4000)}`;
    const sha = "ab"[Math.floor(random.next() * 2)]!;
    const key = `${name} ${sha}`;
    const there = model.get(key);
    // First it mostly grows, then it mostly shrinks.
    if (there && random.next() < (n < 8000 ? 0.1 : 0.9)) {
      contents.delete(there);
      model.delete(key);
    } else if (!there && random.next() < (n < 8000 ? 1 : 0.2)) {
      const content = new Content(row(name, sha));
      contents.add(content);
      model.set(key, content);
    }
  }
  const all = [...contents];
  assertEquals([all.length, contents.size], [model.size, model.size]);
  assert(all.every((content, at) => at === 0 || compareContents(all[at - 1]!, content) < 0));
  for (const content of model.values()) assert(contents.find(content) === content);
  assertEquals(contents.find({ name: "nowhere", sha256: "", size: 1 }), undefined);
  for (const content of model.values()) contents.delete(content);
  assertEquals([[...contents], contents.size], [[], 0]);
});

Deno.test("holders: none, one, many, and back", () => {
  const content = new Content(row("a"));
  const held = () => [[...content.holders].join(), content.holderCount, content.isHeldBy("p1")];
  assertEquals(held(), ["", 0, false]);
  for (const cookie of ["p1", "p1", "p2", "p2", "p3"]) content.addHolder(cookie);
  assertEquals(held(), ["p1,p2,p3", 3, true]);
  for (const cookie of ["p1", "nobody", "p2"]) content.removeHolder(cookie);
  assertEquals(held(), ["p3", 1, false]);
  content.removeHolder("p1");
  assertEquals(held(), ["p3", 1, false]);
  content.removeHolder("p3");
  assertEquals(held(), ["", 0, false]);
});

Deno.test("a title that comes later is found, too", () => {
  const contents = new Contents();
  const content = new Content(row("a"));
  contents.add(content);
  const finds = (query: string) => {
    let found = 0;
    contents.scan(undefined, needsOf({ query }), () => ++found > 0);
    return found;
  };
  assertEquals(finds("protocol"), 0);
  content.describe(row("a", "a", "The Protocol"));
  contents.retitled(content);
  assertEquals(finds("protocol"), 1);
});

Deno.test("a rare word is looked for in few blocks", () => {
  const contents = new Contents();
  const random = seededRandom(5);
  for (let n = 0; n < 50_000; n++) contents.add(new Content(row(`lab/${random.id(8)}.txt`)));
  contents.add(new Content(row("lab/zebra-crossing.txt")));
  const looked = (asked: Parameters<typeof needsOf>[0]) => {
    let count = 0;
    contents.scan(undefined, needsOf(asked), () => ++count > 0);
    return count;
  };
  assertEquals(looked({}), 50_001);
  assertEquals(looked({ patterns: ["*"] }), 50_001);
  assert(looked({ query: "zebra crossing" }) < 2500);
  assert(looked({ patterns: ["*zebra*", "*quagga*"] }) < 2500);
});

Deno.test("property: what a search finds is never passed over", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."abcABCéÉİKΣς[]{},*? /.".split("")), maxLength: 12 });
  fc.assert(
    fc.property(letters, letters, letters, (name, title, query) => {
      const signature = new Signature();
      signature.add(name.toLowerCase());
      signature.add(title.toLowerCase());
      if (!searcher(query)({ name, title })) return;
      assert(needsOf({ query })?.(signature) ?? true, JSON.stringify({ name, title, query }));
    }),
    { numRuns: 5000 },
  );
  // The same for patterns, of parts that lie about in names, too.
  const part = fc.constantFrom("abc", "defg", "./", "/", "*", "**", "**/", "?", "[d-f]", "{abc,x}", "h.txt");
  const text = (most: number) =>
    fc.array(part, { minLength: 1, maxLength: most }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text(5), text(5), (name, pattern) => {
      const signature = new Signature();
      signature.add(name.toLowerCase());
      const isSeen = (asked: Parameters<typeof needsOf>[0]) => needsOf(asked)?.(signature) ?? true;
      if (matcher([pattern])(name)) {
        assert(isSeen({ patterns: [pattern] }), JSON.stringify({ name, pattern }));
      }
      if (searcher(pattern)({ name, title: "" })) assert(isSeen({ query: pattern }));
    }),
    { numRuns: 20_000 },
  );
  const word = fc.string({ unit: fc.constantFrom(..."abcdef-_".split("")), minLength: 3, maxLength: 20 });
  fc.assert(fc.property(word, word, word, (before, part, after) => {
    const signature = new Signature();
    signature.add(before + part + after);
    assert(signature.mayHold(needed([part])));
    assert(needsOf({ patterns: [`*${part}*`] })!(signature));
  }));
});
