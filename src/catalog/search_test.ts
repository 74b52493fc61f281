import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { nastyText, validName } from "./_arbitraries.ts";
import { isGlob, matcher, patternFault, searcher, unmatched } from "./search.ts";

Deno.test("isGlob", () => {
  for (const text of ["*", "a?", "a[1].txt", "{a,b}", "docs/**"]) assert(isGlob(text), text);
  for (const text of ["", "a.txt", "docs/", "a(1)", "~!@#$%^&"]) assert(!isGlob(text), text);
});

Deno.test("matcher: golden", () => {
  const table: [patterns: string[], yes: string[], no: string[]][] = [
    [[], [], ["a"]],
    [[""], [], ["a", "a/b"]],
    [["a.txt"], ["a.txt"], ["d/a.txt", "A.txt", "a.txt2"]],
    [["docs"], ["docs", "docs/a.txt", "docs/x/y"], ["docs2", "x/docs", "x/docs/a"]],
    [["docs/"], ["docs/a.txt", "docs/x/y"], ["docs2/a", "x/docs/a"]],
    [["docs/x"], ["docs/x/y"], ["docs/xy", "docs/a.txt"]],
    [["./docs/a"], ["docs/a"], ["a"]],
    [["*.txt"], ["a.txt", "d/a.txt", "d/e/f.txt"], ["a.txt/b", "a.pdf"]],
    [["d/*.txt"], ["d/a.txt"], ["a.txt", "d/e/a.txt", "x/d/a.txt"]],
    [["d*/"], ["docs/a", "d/b/c"], ["d", "x/d/a"]],
    [["**/d/*"], ["d/a", "x/d/a"], ["d/e/f"]],
    [["a[1].txt"], ["a[1].txt", "a1.txt"], ["a2.txt"]],
    [["a[1]"], ["a[1]/b.txt", "a1"], ["a1/b.txt"]],
    [["{a,b}.txt", "c"], ["a.txt", "x/b.txt", "c/d"], ["c.txt"]],
    [["*"], ["a", "a/b"], []],
  ];
  for (const [patterns, yes, no] of table) {
    const matches = matcher(patterns);
    for (const name of yes) assert(matches(name), `${patterns} matches ${name}`);
    for (const name of no) assert(!matches(name), `${patterns} doesn't match ${name}`);
  }
});

Deno.test("patternFault: what no file can be called", () => {
  for (
    const fine of [
      "a",
      "./a",
      "docs/",
      "./docs/",
      "docs/*.txt",
      "**/..a",
      "[[:alpha:]]x",
      "a?",
      "{a,b}/c",
      "a[1].txt",
    ]
  ) {
    assertEquals(patternFault(fine), undefined, fine);
  }
  const refused: [pattern: string, why: string][] = [
    ["../x", 'it has the part ".."'],
    ["a/../*", 'it has the part ".."'],
    [".", 'it has the part "."'],
    ["", "it is empty"],
    ["./", "it is empty"],
    ["/etc/passwd", "it is an absolute path"],
    ["/etc/*", "it is an absolute path"],
    ["docs//", "it has an empty part"],
    ["docs\\a.txt", 'it has a backslash; folders are separated by "/"'],
    ["C:/x", "it starts with a drive letter"],
    ["con.txt", 'its part "con.txt" is a Windows device name'],
  ];
  for (const [pattern, why] of refused) assertEquals(patternFault(pattern), why, pattern);
});

Deno.test("matcher: every name matches itself, and its folder all below it", () => {
  // No name starts with "./" or ends with "/"; what else is no name may still have glob signs in it.
  const globby = nastyText.filter((text) => !/^$|^\.(?:\/|$)|\/$/.test(text));
  fc.assert(fc.property(fc.oneof(validName, globby), validName, (name, below) => {
    assert(matcher([name])(name));
    assert(matcher([name])(`${name}/${below}`));
    assert(matcher([`${name}/`])(`${name}/${below}`));
  }));
});

Deno.test("unmatched: the patterns that a matcher finds nothing with", () => {
  const names = ["docs/a/b.pdf", "a.txt", "x[1].txt"];
  for (
    const pattern of [
      "docs",
      "docs/",
      "./docs/a",
      "b.pdf",
      "*.pdf",
      "a.txt",
      "./a.txt/",
      "A.txt",
      "x[1].txt",
      "x?1?.txt",
      "*.doc",
    ]
  ) assertEquals(unmatched([pattern], names).length === 0, names.some(matcher([pattern])), pattern);
  assertEquals(unmatched(["docs", "b", "*.txt", "*.doc"], names), ["b", "*.doc"]);
});

Deno.test("matcher and searcher: limits", () => {
  const codes = [
    () => matcher(Array(1001).fill("a")),
    () => matcher(["a".repeat(1025)]),
    () => matcher(["*".repeat(1025)]),
    () => searcher("a".repeat(1025)),
  ].map((call) => assertThrows(call, LabError).code);
  assertEquals(codes, ["usage", "usage", "usage", "usage"]);
  assert(matcher(["*".repeat(1024)])("a"));
  assert(matcher(["*".repeat(1023) + "/"])("a/b"));
});

Deno.test("matcher: 1,000 names against 100,000, and one glob, in about a second", () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `folder ${i % 100}/file ${i}.txt`);
  const start = cpuTime();
  const matches = matcher([...names.slice(0, 999), "*9.txt"]);
  assertEquals(names.filter(matches).length, 10_000 + 999 - 99);
  assert(cpuTime() - start < 4000, `${cpuTime() - start} ms`);
});

Deno.test("searcher: words in name or title, in any case; globs on the name", () => {
  const rows = [
    { name: "rfc/rfc8446.txt", title: "The Transport Layer Security (TLS) Protocol Version 1.3" },
    { name: "rfc/rfc9110.txt", title: "HTTP Semantics" },
    { name: "Übung 1[a].pdf", title: "" },
  ];
  const table: [query: string, found: number[]][] = [
    ["", [0, 1, 2]],
    ["  ", [0, 1, 2]],
    ["tls", [0]],
    ["RFC protocol", [0]],
    ["rfc", [0, 1]],
    ["rfc übung", []],
    ["ÜBUNG", [2]],
    ["1[A]", [2]],
    ["*.txt", [0, 1]],
    ["*.TXT http", [1]],
    ["RFC84??.txt", [0]],
    ["rfc/*", [0, 1]],
    ["übung 1*.pdf", [2]],
    ["1.3", [0]],
  ];
  for (const [query, found] of table) {
    const finds = searcher(query);
    assertEquals(rows.map((row, i) => finds(row) ? i : -1).filter((i) => i >= 0), found, query);
  }
  fc.assert(fc.property(nastyText, nastyText, nastyText, (query, name, title) => {
    assertEquals(typeof searcher(query)({ name, title }), "boolean");
    assert(searcher(name)({ name, title: "" }));
  }));
});

Deno.test("searcher: finds what its words say one by one, whatever is looked at first", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "b", "/", ".", "*", "?", "[", "]", "{", ",", "}"),
    maxLength: 8,
  });
  fc.assert(
    fc.property(text, text, text, (word, name, title) => {
      const plainly = name.includes(word) || title.includes(word) || (isGlob(word) && matcher([word])(name));
      assertEquals(searcher(word)({ name, title }), plainly);
    }),
    { numRuns: 5_000 },
  );
});
