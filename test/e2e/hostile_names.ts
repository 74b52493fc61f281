/** Names that nobody may ever write to a disk. */

/** Each of them is refused on every platform. */
const BASES: readonly string[] = [
  // Out of the folder.
  ...["..", "../pwned", "../../pwned", "../../../../../../../../tmp/pwned", "a/../../pwned", "./pwned", "."],
  ...[
    "..\\pwned",
    "a\\..\\..\\pwned",
    "\\pwned",
    "..\\..\\..\\Windows\\pwned.exe",
    "a/..",
    "a/.",
    "..../../pwned",
  ],
  // Absolute, drives, shares.
  ...["/pwned", "/etc/passwd", "//server/share/pwned", "\\\\server\\share\\pwned", "\\\\?\\C:\\pwned"],
  ...["C:\\pwned", "C:pwned", "c:/pwned", "Z:\\tmp\\pwned", "file:///pwned"],
  // Devices.
  ...[
    "CON",
    "con.txt",
    "NUL",
    "nul.tar.gz",
    "AUX",
    "aux.c",
    "PRN.pdf",
    "COM1",
    "com9.log",
    "LPT1",
    "lpt3.txt",
  ],
  ...["COM¹", "CONIN$", "conout$.txt", "CLOCK$", "nul .txt", "Con", "LPT9.", "com1 "],
  // Streams.
  ...["a.txt:pwned", "a.txt::$DATA", ":pwned", "a.txt:pwned:$DATA"],
  // Controls, direction, what can't be seen.
  ...[
    "a\0b",
    "a\nb",
    "a\rb",
    "\x1b[2J\x1b[31mpwned",
    "\x07bell",
    "a\x7fb",
    "a\x9bb",
    "a\u2028b",
    "a\u202etxt.exe",
  ],
  ...["\ufeffa", "a\u2066b", "tab\tb", "\ud800", "a\udfffb"],
  // Dots and spaces at the end, what Windows forbids, what is ours.
  ...["a.", "a ", "a. ", " a", "a./b", "a /b", "a<b", "a>b", 'a"b', "a|b", "a?b", "a*b"],
  ...[".labswarm-0.part", ".LabSwarm-x", "LABSWA~1", ".labswarm"],
  // Too long, empty.
  ...["x".repeat(300), `${"y".repeat(256)}.txt`, "é".repeat(150), "日".repeat(90), "a/".repeat(40) + "b"],
  ...["", "a//b", "a/", "/"],
];

/** Makes more of each: deep in folders, as a folder, both. */
const AROUND: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => `docs/${name}`,
  (name) => `${name}/file.txt`,
  (name) => `a/b/${name}/c.txt`,
  (name) => `${name}/${name}`,
  (name) => `docs/${name}/deep/er/x`,
  (name) => `z/${name}`,
];

/** 500 hostile names. */
export const HOSTILE_NAMES: readonly string[] = [...new Set(AROUND.flatMap((around) => BASES.map(around)))]
  .filter((name) => name.length <= 1024)
  .slice(0, 500);
