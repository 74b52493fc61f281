/** Random names, rows and files for the property tests of this folder. */
import * as fc from "../deps/fast_check.ts";
import type { ContentFile } from "./layout.ts";
import { nameFault } from "./names.ts";
import { type IndexRow, NOT_IN_TITLE } from "./row.ts";

/** Text rich in what matters here: separators, quotes, formula starts, controls, halves of characters. */
export const nastyText: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."abcAZ09 ./\\:;,\"'=+-@\t\r\n~()[]{}*?!^$"),
    fc.constantFrom(
      "\u0000",
      "\u001b",
      "\u007f",
      "\u0085",
      "\u2028",
      "\u202e",
      "\u2066",
      "\ufeff",
      "\ud800",
      "\udc00",
    ),
    fc.constantFrom(
      "é",
      "e\u0301",
      "ß",
      "Σ",
      "ς",
      "İ",
      "漢",
      "😀",
      "＝",
      "\u200d",
      "con",
      "..",
      ".labswarm",
      "COM¹",
    ),
  ),
  maxLength: 40,
});

/** Valid names, some of them odd, many of them colliding on Windows. */
export const validName: fc.Arbitrary<string> = fc.oneof(
  fc.array(fc.constantFrom("a", "A", "b", "docs", "Docs", "x.txt", "é", "e\u0301", "=1", "'q", "n;=1"), {
    minLength: 1,
    maxLength: 4,
  }).map((parts) => parts.join("/")),
  nastyText.map((text) => text.replace(/[^\p{L}\p{N}=+@'; ,.\-/]/gu, "")),
).filter((name) => nameFault(name) === undefined);

/** A SHA-256 in hexadecimal. */
export const sha256: fc.Arbitrary<string> = fc.nat(0xffff).map((n) => n.toString(16).padStart(64, "0"));

/** A valid row of an index. */
export const validRow: fc.Arbitrary<IndexRow> = fc.record({
  name: validName,
  title: nastyText.filter((title) => !NOT_IN_TITLE.test(title)),
  size: fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER)),
  sha256,
  modified: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((d) =>
    d.toISOString()
  ),
  flag: fc.constantFrom<0 | 1>(0, 1),
});

/** A file of a content with a small size. */
export const contentFile: fc.Arbitrary<ContentFile> = fc.record({
  name: validName,
  size: fc.oneof(fc.constant(0), fc.nat(40)),
  sha256,
});
