import { assert, assertEquals, assertThrows } from "@std/assert";
import { LabError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { nastyText, validName } from "./_arbitraries.ts";
import {
  checkName,
  cleanPeerName,
  conflictName,
  nameFault,
  nameKey,
  peerNameFault,
  printable,
  utf8Length,
} from "./names.ts";
import { NameSet } from "./nameset.ts";

const GOOD = [
  "a",
  "a.txt",
  "docs/report.txt",
  ".hidden",
  "..hidden",
  "-rf",
  "~$report.docx",
  "a b/c d.txt",
  "console.log",
  "com10.txt",
  "con-1.txt",
  "xcon",
  "aux2/prn1/lpt.txt",
  "a[1].txt",
  "{a}.txt",
  "100%.txt",
  "a;b,c='d'.txt",
  "日本語/ファイル.txt",
  "cafe\u0301.txt",
  "😀.png",
  "نام\u200cفایل.txt",
  "labswarm.txt",
  "x.labswarm",
  "a".repeat(255),
  "é".repeat(127),
  Array(32).fill("d").join("/"),
  Array(4).fill("e".repeat(255)).join("/"),
];

const BAD: [name: string, reason: string][] = [
  ["", "it is empty"],
  ["/etc/passwd", "it is an absolute path"],
  ["//server/share/x", "it is an absolute path"],
  ["C:/x", "it starts with a drive letter"],
  ["c:x", "it starts with a drive letter"],
  ["a.txt:stream", "it has a colon"],
  ["a/b::$DATA", "it has a colon"],
  ["..\\up.txt", 'it has a backslash; folders are separated by "/"'],
  ["\\\\?\\C:\\x", 'it has a backslash; folders are separated by "/"'],
  ["a//b", "it has an empty part"],
  ["a/", "it has an empty part"],
  [".", 'it has the part "."'],
  ["a/./b", 'it has the part "."'],
  ["..", 'it has the part ".."'],
  ["a/../../b", 'it has the part ".."'],
  ["a.", 'its part "a." ends with a dot or a space'],
  ["a /b", 'its part "a " ends with a dot or a space'],
  ["...", 'its part "..." ends with a dot or a space'],
  [" ", 'its part " " ends with a dot or a space'],
  ["x/ a", 'its part " a" starts with a space'],
  ["a\nb", "it has the control character \\u{a}"],
  ["a\x00", "it has the control character \\u{0}"],
  ["a\x7f", "it has the control character \\u{7f}"],
  ["a\x85", "it has the control character \\u{85}"],
  ["gpj\u202eexe.scr", "it has the control character \\u{202e}"],
  ["a\u2066b", "it has the control character \\u{2066}"],
  ["a\u2028b", "it has the control character \\u{2028}"],
  ["\ufeffa", "it has the control character \\u{feff}"],
  ["a\ud800", "it has half a character (a lone surrogate)"],
  ["\udc00a", "it has half a character (a lone surrogate)"],
  ["a?", "it has the character ?, which Windows forbids"],
  ["CON", 'its part "CON" is a Windows device name'],
  ["a/nul", 'its part "nul" is a Windows device name'],
  ["aux.tar.gz", 'its part "aux.tar.gz" is a Windows device name'],
  ["Prn  .txt", 'its part "Prn  .txt" is a Windows device name'],
  ["com0", 'its part "com0" is a Windows device name'],
  ["LPT9.x/y", 'its part "LPT9.x" is a Windows device name'],
  ["COM¹", 'its part "COM¹" is a Windows device name'],
  ["lpt³.txt", 'its part "lpt³.txt" is a Windows device name'],
  ["conin$", 'its part "conin$" is a Windows device name'],
  ["CONOUT$.x", 'its part "CONOUT$.x" is a Windows device name'],
  ["clock$", 'its part "clock$" is a Windows device name'],
  [".labswarm", 'its part ".labswarm" is reserved for LabSwarm'],
  ["a/.LabSwarm-part/x", 'its part ".LabSwarm-part" is reserved for LabSwarm'],
  [".lab\u200dswarm/x", 'its part ".lab\u200dswarm" is reserved for LabSwarm'],
  ["LABSWA~1/x", 'its part "LABSWA~1" is reserved for LabSwarm'],
  ["a".repeat(256), `its part "${"a".repeat(59)}…" is longer than 255 bytes`],
  ["é".repeat(128), `its part "${"é".repeat(59)}…" is longer than 255 bytes`],
  [Array(33).fill("d").join("/"), "it has 33 parts; the limit is 32"],
  [Array(5).fill("e".repeat(204)).join("/") + "/x", "it is longer than 1024 bytes"],
];

Deno.test("names: good ones pass", () => {
  for (const name of GOOD) assertEquals(nameFault(name), undefined, printable(name));
});

Deno.test("names: bad ones are refused with a reason", () => {
  for (const [name, reason] of BAD) assertEquals(nameFault(name), reason, printable(name));
  for (const c of '<>:"|?*\\') assert(nameFault(`a${c}b`) !== undefined, c);
});

Deno.test("checkName throws name_refused, and the message can't hurt a terminal", () => {
  assertEquals(checkName("a/b"), "a/b");
  const error = assertThrows(() => checkName("\x1b[2J"), LabError);
  assertEquals(error.code, "name_refused");
  assertEquals(error.message, "Cannot accept the name \\u{1b}[2J: it has the control character \\u{1b}");
});

Deno.test("names: an accepted name stays inside its folder by Windows's and by POSIX rules", () => {
  fc.assert(
    fc.property(nastyText, (name) => {
      if (nameFault(name) !== undefined) return;
      for (const windows of [false, true]) {
        const parts = name.split(windows ? /[\\/]/ : /\//);
        assert(parts.every((p) => p !== "" && p !== "." && p !== ".." && !(windows && /[. ]$|:/.test(p))));
      }
      assert(name.isWellFormed() && utf8Length(name) === new TextEncoder().encode(name).length);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("nameKey: one key for names that Windows or macOS holds for one", () => {
  assertEquals(nameKey("A/É.TXT"), nameKey("a/e\u0301.txt"));
  assertEquals(nameKey("ΟΔΟΣ"), nameKey("οδοσ"));
  fc.assert(fc.property(validName, (name) => assertEquals(nameKey(nameKey(name)), nameKey(name))));
});

Deno.test("peer names", () => {
  for (const name of ["pc7", "PC 7", "lab-1.school.local", "用户", "a".repeat(64)]) {
    assertEquals(peerNameFault(name), undefined, name);
  }
  for (
    const name of [
      "",
      "a/b",
      ".pc",
      "rs",
      "RS",
      "all",
      "All",
      "a".repeat(65),
      "con",
      "pc:7",
      "pc ",
      "rs\u200b",
      "rs\u200d",
      "pc\u00ad7",
      "pc\u{e0041}",
      "\ue000",
      "😀".repeat(64),
    ]
  ) {
    assert(peerNameFault(name) !== undefined, name);
  }
});

Deno.test("cleanPeerName: always valid", () => {
  const table: [string, string][] = [
    ["pc7", "pc7"],
    ["DESKTOP-4F", "DESKTOP-4F"],
    ["", "peer"],
    ["...", "peer"],
    ["con", "peer-con"],
    ["NUL.lab.local", "peer-NUL.lab.local"],
    ["rs", "peer-rs"],
    [".labswarm", "labswarm"],
    ["a,b/c", "a-b-c"],
    ["x".repeat(100), "x".repeat(64)],
    ["\ud800", "-"],
  ];
  for (const [raw, clean] of table) assertEquals(cleanPeerName(raw), clean);
  fc.assert(fc.property(nastyText, (raw) => assertEquals(peerNameFault(cleanPeerName(raw)), undefined)));
  assertEquals(peerNameFault(cleanPeerName("😀".repeat(500))), undefined);
});

Deno.test("conflictName: golden", () => {
  const table: [string, string, number, string][] = [
    ["dir/report.txt", "pc7", 1, "dir/report (pc7).txt"],
    ["dir/report.txt", "pc7", 2, "dir/report (pc7 2).txt"],
    ["report", "rs", 1, "report (rs)"],
    [".bashrc", "pc7", 1, ".bashrc (pc7)"],
    ["a.tar.gz", "pc7", 1, "a.tar (pc7).gz"],
    ["d.x/a", "../up", 1, "d.x/a (-up)"],
    ["a".repeat(255), "pc7", 1, "a".repeat(249) + " (pc7)"],
    ["é".repeat(120) + ".txt", "pc7", 1, "é".repeat(120) + " (pc7).txt"],
    ["é".repeat(125) + ".txt", "pc7", 1, "é".repeat(122) + " (pc7).txt"],
  ];
  for (const [name, peer, attempt, wanted] of table) assertEquals(conflictName(name, peer, attempt), wanted);
  assertThrows(() => conflictName("../x", "pc7"), LabError);
});

Deno.test("conflictName: valid and new, however long the name", () => {
  const long = fc.array(fc.nat(255), { minLength: 1, maxLength: 6 })
    .map((sizes) => sizes.map((size) => "漢字d.".repeat(64).slice(0, size / 3 + 1) + "x").join("/"))
    .filter((name) => nameFault(name) === undefined);
  fc.assert(
    fc.property(fc.oneof(validName, long), nastyText, fc.integer({ min: 1, max: 1e9 }), (name, peer, n) => {
      const other = conflictName(name, peer, n);
      assertEquals(nameFault(other), undefined, other);
      assert(other !== name);
      assert(conflictName(name, peer, n + 1) !== other);
    }),
    { numRuns: 1000 },
  );
  const full = Array(4).fill("e".repeat(254)).join("/") + "/abc";
  assertEquals(nameFault(full), undefined);
  assertEquals(nameFault(conflictName(full, "p".repeat(64), 99)), undefined);
});

Deno.test("printable: one harmless line within its length", () => {
  assertEquals(printable("plain é 漢 😀 text"), "plain é 漢 😀 text");
  assertEquals(
    printable("a\r\n\x1b]0;x\x07\u202e\u200b\ud800"),
    "a\\u{d}\\u{a}\\u{1b}]0;x\\u{7}\\u{202e}\\u{200b}\\u{d800}",
  );
  assertEquals(printable("x".repeat(200)), "x".repeat(200));
  assertEquals(printable("x".repeat(201)), "x".repeat(199) + "…");
  fc.assert(fc.property(nastyText, fc.integer({ min: 1, max: 50 }), (text, max) => {
    const shown = printable(text, max);
    assert(shown.length <= max && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufeff]/u.test(shown));
  }));
});

Deno.test("NameSet: clashes in either order, and a refused name leaves no trace", () => {
  const names = new NameSet();
  for (const name of ["a/b/c.txt", "a/b/d.txt", "x"]) assertEquals(names.add(name), undefined);
  for (const name of ["A/b/C.txt", "a/B", "a", "x/y", "X/y/z"]) assert(names.add(name) !== undefined, name);
  assertEquals(names.add("y/z"), undefined);
});
