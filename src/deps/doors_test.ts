/** Opens every door once: the names we promise exist in the packages, and do what their types say. */

import * as assertDoor from "./std_assert.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./std_assert.ts";
import { parseArgs, unicodeWidth } from "./std_cli.ts";
import { parse, stringify } from "./std_csv.ts";
import { formatBytes, formatDuration, green, setColorEnabled, stripAnsiCode } from "./std_fmt.ts";
import * as fs from "./std_fs.ts";
import * as path from "./std_path.ts";
import * as clack from "./clack.ts";
import * as fc from "./fast_check.ts";
import * as logtape from "./logtape.ts";
import * as v from "./valibot.ts";

Deno.test("assertions are all there", async () => {
  for (const [name, value] of Object.entries(assertDoor)) assertEquals(typeof value, "function", name);
  assertThrows(() => assertEquals<number>(1, 2), assertDoor.AssertionError);
  await assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
});

Deno.test("arguments and widths", () => {
  const args = parseArgs(["--port", "80", "a.txt"], { string: ["port"] });
  assertEquals(args["port"], "80");
  assertEquals(args._, ["a.txt"]);
  assertEquals(unicodeWidth("日本"), 4);
});

Deno.test("CSV goes out and comes back", () => {
  const text = stringify([{ name: 'a "b", c', size: 3 }], { columns: ["name", "size"] });
  assertEquals(text, 'name,size\r\n"a ""b"", c",3\r\n');
  assertEquals(parse(text, { skipFirstRow: true }), [{ name: 'a "b", c', size: "3" }]);
  assertEquals(parse("1,2\n"), [["1", "2"]]);
});

Deno.test("sizes, durations and colours", () => {
  assertEquals(formatBytes(1_340_000), "1.34 MB");
  assertEquals(formatDuration(62_000, { ignoreZero: true }), "1m 2s");
  setColorEnabled(true);
  assertEquals(stripAnsiCode(green("go")), "go");
});

Deno.test("files and paths", async () => {
  const dir = await Deno.makeTempDir();
  await fs.ensureDir(path.join(dir, "x"));
  await Deno.writeTextFile(path.join(dir, "x", "a.txt"), "a");
  const names: string[] = [];
  for await (const entry of fs.walk(dir, { includeDirs: false })) names.push(path.basename(entry.path));
  for await (const entry of fs.expandGlob("x/*.txt", { root: dir })) names.push(entry.name);
  assertEquals(names, ["a.txt", "a.txt"]);
  assert(await fs.exists(dir));
  await Deno.remove(dir, { recursive: true });
  for (const value of Object.values({ ...fs })) assertEquals(typeof value, "function");
  assertEquals(path.posix.join("a", "..", "b"), "b");
  assertEquals(path.windows.basename("C:\\a\\b.txt"), "b.txt");
  assert(path.globToRegExp("*.txt").test("a.txt"));
  assert(path.SEPARATOR_PATTERN.test(path.SEPARATOR));
});

Deno.test("the other packages", () => {
  assertEquals(v.parse(v.object({ a: v.number() }), { a: 1 }), { a: 1 });
  fc.assert(fc.property(fc.integer(), (n) => n === n + 0));
  assertEquals(typeof logtape.getLogger(["x"]).info, "function");
  assertEquals(typeof clack.select, "function");
});
