import { cpuTime } from "../base/_cpu_time.ts";
import { assert, assertEquals } from "@std/assert";
import * as fc from "../deps/fast_check.ts";
import { nastyText } from "./_arbitraries.ts";
import { RFCS } from "./_rfc_heads.ts";
import { MAX_TITLE, NOT_IN_TITLE } from "./row.ts";
import { titleOf } from "./title.ts";

Deno.test("titleOf: published RFCs, with every line end, under their name or another", () => {
  for (const [name, title, head] of RFCS) {
    assertEquals(titleOf(name, head), title, name);
    assertEquals(titleOf(`docs/${name.toUpperCase()}`, head.replaceAll("\n", "\r\n")), title, name);
    assertEquals(titleOf("notes.txt", head), title, name);
    assertEquals(titleOf(name, "\f" + head), title, name);
    assertEquals(titleOf(name.replace("txt", "md"), head), "", name);
  }
});

Deno.test("titleOf: titles of several lines, and header lines after a gap", () => {
  const head = (rest: string) =>
    `Network Working Group            A. Author
Request for Comments: 4242        Somewhere


${rest}

Abstract

   Words.
`;
  const table: [rest: string, title: string][] = [
    [
      "              A Long Title That Goes\n            On for Another Line",
      "A Long Title That Goes On for Another Line",
    ],
    ["Category: Informational                 May 2005\n\n\n               After the Gap", "After the Gap"],
    ["                                        May 2005\n\n\n               After a Date", "After a Date"],
    ["1 April 2005\n\n               After a Date", "After a Date"],
    ["A Title at the Left Margin", "A Title at the Left Margin"],
    ["Status of this Memo\n\n   Prose.", ""],
    ["Prose that goes on\nand on at the left\nmargin for lines.", ""],
    [Array(9).fill("        too many lines").join("\n"), ""],
    ["      Title \x1b[31mwith\u202e controls\t and   gaps", "Title [31mwith controls and gaps"],
  ];
  for (const [rest, title] of table) assertEquals(titleOf("x.txt", head(rest)), title, rest);
});

Deno.test("titleOf: other texts have none", () => {
  const texts = [
    "",
    "\n\n\n",
    "Dear all,\n\nsee RFC 791 and Request for Comments: 793.\n\n        Regards\n",
    "   A centred poem\n\n   of two lines\n",
    "\n".repeat(40) + "Request for Comments: 1\n\n\n      Too Late\n",
    "Internet-Drafting is fun\n\n     Not a Title\n".replace("Drafting", "drafting"),
  ];
  for (const text of texts) assertEquals(titleOf("notes.txt", text), "", text);
  assertEquals(titleOf("rfc9999.txt", ""), "");
  assertEquals(titleOf("rfc9999.txt", "Prose, and prose,\nand nothing but prose\nin this file.\n"), "");
});

Deno.test("titleOf: any head gives a valid title, in no time", () => {
  const start = "Request for Comments: 1\n\n   ";
  fc.assert(fc.property(fc.array(nastyText), (lines) => {
    const title = titleOf("rfc1.txt", start + lines.join(" "));
    assert(title.length <= MAX_TITLE && !NOT_IN_TITLE.test(title) && title === title.trim());
  }));
  for (
    const unit of ["a", " ", "Title:", "=-", "a:", "\t\v", "draft-", "jan ", "Obsoletes ", "😀", "   x\n"]
  ) {
    const began = cpuTime();
    for (const before of ["", start]) {
      const title = titleOf("rfc1.txt", before + unit.repeat(8192));
      assert(title.length <= MAX_TITLE && title.isWellFormed());
    }
    assert(cpuTime() - began < 500, unit);
  }
});
