import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { nastyText } from "./_arbitraries.ts";
import { glob } from "./glob.ts";

const GOLDEN: [pattern: string, yes: string[], no: string[]][] = [
  ["a.txt", ["a.txt"], ["A.txt", "a_txt", "a.txtx", "x/a.txt", ""]],
  ["", [""], ["a"]],
  ["*", ["a", "a.txt", ".x", ""], ["a/b"]],
  ["*.txt", ["a.txt", ".txt"], ["a.txt.gz", "d/a.txt"]],
  ["a*b*c", ["abc", "aXbYc", "abbcc"], ["ab", "a/bc"]],
  ["a**b", ["ab", "axxb"], ["a/b"]],
  ["?", ["a", "漢", "😀"], ["", "/", "ab"]],
  ["*?", ["😀", "a😀"], ["", "/"]],
  ["??", ["😀a"], ["😀"]],
  ["*/b*", ["a/b", "/bb"], ["a/c/b", "b"]],
  ["[abc]x", ["ax", "cx"], ["dx", "x"]],
  ["[a-cx-z0]", ["b", "y", "0"], ["d", "1", "-"]],
  ["[!a-c]", ["d", "-"], ["a", "b", "/"]],
  ["[^a]", ["b"], ["a", "/"]],
  ["[a-]", ["a", "-"], ["b"]],
  ["[α-ω😀]", ["β", "😀"], ["a"]],
  ["[a", ["[a"], ["a"]],
  ["[]", ["[]"], [""]],
  ["a]", ["a]"], []],
  ["[a/b]", ["[a/b]"], ["a", "b"]],
  ["{a,b}", ["a", "b"], ["{a,b}", "c"]],
  ["x{a,}y", ["xay", "xy"], ["xby"]],
  ["*.{jpg,p{ng,df}}", ["1.jpg", "1.png", "1.pdf"], ["1.p", "1.gif"]],
  ["{a}", ["{a}"], ["a"]],
  ["{a,b", ["{a,b"], ["a"]],
  ["{a,{b}", ["{a,{b}"], ["a"]],
  ["a,b}", ["a,b}"], ["a"]],
  ["{d,e}/*.x", ["d/1.x", "e/2.x"], ["f/1.x", "d/e/1.x"]],
  ["**", ["a", "a/b", "a/b/c"], []],
  ["**/a", ["a", "x/a", "x/y/a"], ["xa", "x/ya"]],
  ["a/**", ["a/b", "a/b/c"], ["a", "ab", "ab/c"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb"]],
  ["**/x/**/*.c", ["x/1.c", "a/x/b/1.c"], ["1.c", "ax/1.c"]],
  ["a+(b).$^|\\", ["a+(b).$^|\\"], ["aab"]],
];

Deno.test("glob: golden", () => {
  for (const [pattern, yes, no] of GOLDEN) {
    const matches = glob(pattern);
    for (const name of yes) assert(matches(name), `${pattern} matches ${name}`);
    for (const name of no) assert(!matches(name), `${pattern} doesn't match ${name}`);
  }
});

/** A slow, obvious matcher for the signs "*", "?" and letters. */
function obvious(pattern: string, name: string): boolean {
  if (pattern === "") return name === "";
  if (pattern[0] === "*") {
    return obvious(pattern.slice(1), name) ||
      (name !== "" && name[0] !== "/" && obvious(pattern, name.slice(1)));
  }
  const fits = name !== "" && (pattern[0] === "?" ? name[0] !== "/" : pattern[0] === name[0]);
  return fits && obvious(pattern.slice(1), name.slice(1));
}

Deno.test("glob: agrees with an obvious matcher", () => {
  const pattern = fc.string({ unit: fc.constantFrom(..."aab/*?"), maxLength: 10 }).filter((p) =>
    !p.includes("**")
  );
  const name = fc.string({ unit: fc.constantFrom(..."aab/"), maxLength: 10 });
  fc.assert(fc.property(pattern, name, (p, n) => assertEquals(glob(p)(n), obvious(p, n), `${p} ${n}`)), {
    numRuns: 5000,
  });
});

Deno.test("glob: {a,b} is a or b, and garbage never throws", () => {
  const part = fc.string({ unit: fc.constantFrom(..."ab*?/"), maxLength: 4 });
  fc.assert(
    fc.property(part, part, fc.string({ unit: fc.constantFrom(..."ab/"), maxLength: 6 }), (a, b, name) => {
      if ((a + b).includes("**")) return;
      assertEquals(glob(`{${a},${b}}`)(name), glob(a)(name) || glob(b)(name));
    }),
  );
  fc.assert(fc.property(nastyText, nastyText, (p, name) => assertEquals(typeof glob(p)(name), "boolean")));
});

Deno.test("glob: hostile patterns take time linear in the name", () => {
  const patterns = [
    "*a".repeat(500) + "b",
    "**/".repeat(300) + "b",
    "{a,".repeat(250) + "b" + "}".repeat(250),
    "{a,aa}".repeat(160) + "b",
    "{*,**}".repeat(160) + "b",
    "[".repeat(1024),
    "{".repeat(1024),
    "[" + "a-b".repeat(300) + "]*b",
    "*".repeat(1023) + "b",
    "{" + ",".repeat(1000) + "}*b",
  ];
  for (const pattern of patterns) {
    const start = cpuTime();
    const matches = glob(pattern);
    for (const name of ["a".repeat(1024), "a/".repeat(512) + "a"]) matches(name);
    const ms = cpuTime() - start;
    assert(ms < 2000, `${pattern.slice(0, 20)}: ${ms} ms`); // backtracking would take years
  }
  const timeOf = (length: number) => {
    const matches = glob("*a".repeat(100) + "b");
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = cpuTime();
      for (let k = 0; k < 10; k++) matches("a".repeat(length));
      best = Math.min(best, cpuTime() - start);
    }
    return best;
  };
  timeOf(1000);
  const [short, long] = [timeOf(500), timeOf(4000)];
  assert(long < 8 * short * 4, `8 times the name took ${long / short} times as long`);
});
