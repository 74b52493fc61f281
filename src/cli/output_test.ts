import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import { fakeOutput } from "./_fakes.ts";
import { jsonLine } from "./output.ts";
import { type Column, layOut, shorten, toCsv } from "./table.ts";
import { colours } from "./terminal.ts";

Deno.test("JSON lines hold any value in harmless characters", () => {
  const event = { event: "x", name: "a\n\x1b[2J\x7f\x9b\u202e\u2028\ufeff\u{e0041}\ud800é日", rate: NaN };
  const line = jsonLine(event);
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x1f\x7f-\x9f\u202e\u2028\ufeff]/.test(line), line);
  assertEquals(JSON.parse(line), { ...event, rate: null });
  assert(line.includes("é日"));
});

Deno.test("with --json stdout holds nothing but JSON", () => {
  const { output, stdout, stderr } = fakeOutput({ json: true });
  output.line("a");
  output.result("b");
  output.table([{ a: 1 }], [{ key: "a" }]);
  output.csv([{ a: 1 }], [{ key: "a" }]);
  output.json({ event: "file", name: "x" });
  output.note("n");
  output.error(new LabError("not_found", "Cannot fetch a:\nno peer holds it"));
  assertEquals(stdout.text.trimEnd().split("\n").map((l) => JSON.parse(l)), [
    { event: "file", name: "x" },
    { event: "error", code: "not_found", message: "Cannot fetch a:\\u{a}no peer holds it" },
  ]);
  assertEquals(stderr.text, "n\nCannot fetch a:\\u{a}no peer holds it\n");
});

Deno.test("with --quiet results and errors remain", () => {
  const { output, stdout, stderr } = fakeOutput({ quiet: true });
  output.line("a");
  output.result("b");
  output.note("n");
  output.json({ event: "x" });
  output.error(new LabError("failed", "It failed"));
  assertEquals([stdout.text, stderr.text], ["b\n", "It failed\n"]);
});

Deno.test("text from the network is harmless, our colours stay on a terminal only", () => {
  const onTerminal = fakeOutput({ terminal: true, plain: false });
  onTerminal.output.result(`${onTerminal.output.colour.green("ok")} \x1b[2J\x1b[999m\nnext`);
  assertEquals(onTerminal.stdout.text, "\x1b[32mok\x1b[39m \\u{1b}[2J\\u{1b}[999m\\u{a}next\n");
  for (const options of [{ terminal: true }, { plain: false }]) {
    const { output, stdout } = fakeOutput(options);
    output.result(output.colour.red("ok") + "\x1b[31m");
    assertEquals(stdout.text, "ok\\u{1b}[31m\n");
  }
});

Deno.test("a stack is shown only when debugging, with its causes", () => {
  const error = new LabError("failed", "Cannot do it", { cause: new Error("the\x07 cause") });
  const plain = fakeOutput();
  plain.output.error(error);
  assertEquals(plain.stderr.text, "Cannot do it\n");
  const debug = fakeOutput({ debug: true });
  debug.output.error(error);
  assert(debug.stderr.text.includes("Caused by: Error: the\\u{7} cause\n    at "), debug.stderr.text);
});

Deno.test("a reader that has gone is noticed once, and nothing is thrown", () => {
  const { output, stdout, stderr } = fakeOutput();
  let closed = 0;
  output.onClosed = () => closed++;
  stdout.fault = new Deno.errors.BrokenPipe("gone");
  stderr.fault = new Deno.errors.BrokenPipe("gone");
  output.result("a");
  output.result("b");
  output.note("c");
  assertEquals([closed, output.closed], [1, true]);
});

Deno.test("a closed pipe is known on Windows too; other faults are told", () => {
  const { output, stdout } = fakeOutput();
  stdout.fault = new Error("Input/output error (os error 5)");
  assertThrows(() => output.result("a"), LabError, "os error 5");
  const windows = fakeOutput();
  windows.stdout.fault = Object.assign(new Error("Pipe not connected. (os error 233)"), { code: "EPIPE" });
  windows.output.result("a");
  assert(windows.output.closed);
});

const ROWS = [
  { name: "notes-of-the-first-lecture.txt", size: 5, from: "192.168.1.10" },
  { name: "日本語.iso", size: 12345, from: "pc2" },
];
const COLUMNS = [{ key: "name" }, { key: "size" }, { key: "from", fixed: true }] as const;

Deno.test("a table is aligned by width, numbers right", () => {
  assertEquals(layOut(ROWS, COLUMNS), [
    "NAME                             SIZE  FROM",
    "notes-of-the-first-lecture.txt      5  192.168.1.10",
    "日本語.iso                      12345  pc2",
  ]);
});

Deno.test("cells have the colour of what they mean, and are as wide as before", () => {
  const rows = [{ is: "WRONG", seen: "a" }, { is: "ok", seen: "b" }];
  const columns: Column<{ is: string; seen: string }>[] = [
    { key: "is", colour: (is) => is === "ok" ? undefined : "red" },
    { key: "seen" },
  ];
  assertEquals(layOut(rows, columns, { colour: colours(true) }), [
    "IS     SEEN",
    "\x1b[31mWRONG\x1b[39m  a",
    "ok     b",
  ]);
  assertEquals(layOut(rows, columns)[1], "WRONG  a");
});

Deno.test("a table fits a terminal by shortening its widest text", () => {
  assertEquals(layOut(ROWS, COLUMNS, { width: 40 }), [
    "NAME                  SIZE  FROM",
    "notes-of-the…re.txt      5  192.168.1.10",
    "日本語.iso           12345  pc2",
  ]);
  const { output, stdout } = fakeOutput({ terminal: true, width: 40 });
  output.table(ROWS, COLUMNS);
  assert(stdout.text.split("\n").every((line) => line.length <= 40));
});

Deno.test("too narrow for all columns: minor ones are left out, the last first; else each cell has a line", () => {
  const columns: Column<(typeof ROWS)[number]>[] = COLUMNS.map((column) =>
    column.key === "name" ? column : { ...column, minor: true }
  );
  assertEquals(layOut(ROWS, columns, { width: 17 }), [
    "NAME         SIZE",
    "notes-…txt      5",
    "日本語.iso  12345",
  ]);
  const narrow = layOut(ROWS, COLUMNS, { width: 18 });
  assertEquals(narrow, [
    "",
    "NAME  notes-of…txt",
    "SIZE  5",
    "FROM  192.168.1.10",
    "",
    "NAME  日本語.iso",
    "SIZE  12345",
    "FROM  pc2",
  ]);
  const { output, stdout } = fakeOutput({ terminal: true, width: 18 });
  output.table(ROWS, COLUMNS);
  assertEquals(stdout.text, narrow.slice(1).join("\n") + "\n");
});

Deno.test("a sentence that has no room in the table follows it whole, once for all who say it", () => {
  const rows = [
    { peer: "pc1", state: "done", why: "" },
    { peer: "pc2", state: "failed", why: "no space is left; free some there" },
    { peer: "日本", state: "failed", why: "no space is left; free some there" },
    { peer: "pc4", state: "failed", why: "revoked" },
  ];
  const columns: Column<(typeof rows)[number]>[] = [{ key: "peer" }, { key: "state" }, {
    key: "why",
    below: true,
  }];
  assertEquals(layOut(rows, columns, { width: 30 }), [
    ...["PEER  STATE", "pc1   done", "pc2   failed", "日本  failed", "pc4   failed", ""],
    ...["pc2, 日本: no space is left;", "  free some there", "pc4: revoked"],
  ]);
  assertEquals(layOut(rows, columns, { width: 47 })[2], "pc2   failed  no space is left; free some there");
  assertEquals(layOut(rows.slice(0, 1), columns, { width: 16 }), ["PEER  STATE  WHY", "pc1   done"]);
});

Deno.test("cells are harmless, formats and titles are used, no rows give a heading", () => {
  const columns = [{ key: "n", title: "Name", format: (v: unknown) => `<${v}>`, align: "right" }] as const;
  assertEquals(layOut([{ n: "a\x1b" }], columns), ["     NAME", "<a\\u{1b}>"]);
  assertEquals(layOut([] as { n: string }[], columns), ["NAME"]);
});

Deno.test("texts are shortened in the middle, never within a letter", () => {
  assertEquals(shorten("abcdefghij", 10), "abcdefghij");
  assertEquals(shorten("abcdefghij", 7), "abcd…ij");
  assertEquals(shorten("日本語日本語", 7), "日本…語");
  assertEquals(shorten("abc", 1), "…");
});

Deno.test("CSV quotes, and disarms formulas", () => {
  const rows = [{ a: '=1+1"', b: -5, c: "x;@y" }, { a: "a,b\r\nc", b: undefined, c: "-" }];
  const columns = [{ key: "a" }, { key: "b" }, { key: "c", title: "C" }] as const;
  assertEquals(toCsv(rows, columns), 'a,b,C\r\n"\'=1+1""",-5,"x;\'@y"\r\n"a,b\r\nc",,\'-\r\n');
});

Deno.test("a heading that ends with somebody's name leaves the name as it is", () => {
  const column: Column<{ a: string }> = { key: "a", title: "to", of: "Zoë\u001b" };
  assertEquals(layOut([{ a: "1 MB/s" }], [column])[0], "TO Zoë\\u{1b}");
});
