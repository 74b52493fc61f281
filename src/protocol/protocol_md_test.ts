/** Holds PROTOCOL.md against the code, so that the specification can't rot. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ERROR_CODES } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { PROTOCOL_VERSION } from "./codec.ts";
import { CONTROL, DATA, RESERVED } from "./messages.ts";

const TEXT = await Deno.readTextFile(new URL("PROTOCOL.md", import.meta.url));
/** Without the spaces that align its tables. */
const SPEC = TEXT.replaceAll(/ +/g, " ");
const hex = (type: number) => `0x${type.toString(16).padStart(2, "0")}`;
const bytes = (n: number) => `${n.toLocaleString("en-US")} bytes`;

/** The text under a message's heading. */
function section(heading: string): string {
  const [, after] = SPEC.split(`\n#### ${heading}\n`);
  assert(after !== undefined, `PROTOCOL.md has no "#### ${heading}"`);
  return after.split(/\n##+ /)[0]!.replaceAll("\n", " ");
}

for (const [kind, { type, cap }] of Object.entries({ ...CONTROL, ...DATA })) {
  Deno.test(`PROTOCOL.md has ${kind} with its number and cap`, () => {
    assertMatch(section(`${hex(type)} ${kind}`), new RegExp(`[Cc]ap ${bytes(cap)}\\.`));
  });
}

for (const [kind, { type, schema }] of Object.entries(CONTROL)) {
  Deno.test(`PROTOCOL.md has the fields of ${kind}, and no others`, () => {
    const fields = Object.entries(schema.entries).map(([name, field]) =>
      `| \`${name}\`${(field as { type: string }).type === "optional" ? "?" : ""} |`
    );
    const written = section(`${hex(type)} ${kind}`).match(/\| `\w+`\?? \|/g) ?? [];
    assertEquals<string[]>(written, fields);
  });
}

Deno.test("no field is called kind, for that is the message's name in the program", () => {
  for (const { schema } of Object.values(CONTROL)) assert(!Object.hasOwn(schema.entries, "kind"));
});

Deno.test("numbers are given once, and every heading belongs to a message", () => {
  const numbers = [...Object.values(CONTROL), ...Object.values(DATA)].map((e) => e.type as number);
  const all = [...numbers, ...Object.values(RESERVED)];
  assertEquals(new Set(all).size, all.length);
  assertEquals((SPEC.match(/^#### /gm) ?? []).length, numbers.length);
});

Deno.test("PROTOCOL.md has the numbers kept for later, the error codes, the version, the limits", () => {
  for (const [name, type] of Object.entries(RESERVED)) {
    assertStringIncludes(SPEC, `\n| ${hex(type)} | ${name} |`);
  }
  const [, errors] = /\n## Errors\n([^]*?)\n## /.exec(SPEC)!;
  const codes = errors!.match(/^\| `\w+`/gm)!.map((c) => c.slice(3, -1));
  assertEquals(codes.toSorted(), Object.keys(ERROR_CODES).toSorted());
  assertStringIncludes(SPEC, `# P2P-DI/${PROTOCOL_VERSION}\n`);
  for (const n of [LIMITS.handshakeFrame, LIMITS.unknownMessage]) assertStringIncludes(SPEC, bytes(n));
});

for (const kind of ["Hello", "Welcome", "PieceRequest", "PieceData"]) {
  Deno.test(`the worked example of ${kind} is the vector, byte for byte`, async () => {
    const file = new URL(`../../test/vectors/${kind}.json`, import.meta.url);
    const vector: { frame: string[] } = JSON.parse(await Deno.readTextFile(file));
    const [, dump] = new RegExp("```\n" + kind + "\n([^`]+)```").exec(TEXT)!;
    const shown = dump!.trimEnd().split("\n").map((line) => line.slice(6, 53).replaceAll(" ", ""));
    assertEquals(shown.join(""), vector.frame.join(""));
  });
}
