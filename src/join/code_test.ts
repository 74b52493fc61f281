import { assertEquals, assertThrows } from "@std/assert";
import { fromHex } from "../base/bytes.ts";
import { LabError } from "../base/errors.ts";
import * as fc from "../deps/fast_check.ts";
import { formatCode, isCode, parseCode } from "./code.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const codes = fc.record({ fingerprint: bytes(10), secret: bytes(5) })
  .map(({ fingerprint, secret }) => ({ fingerprint: fingerprint.slice(), secret: secret.slice() }));

Deno.test("a golden code", () => {
  const code = { fingerprint: fromHex("00112233445566778899"), secret: fromHex("aabbccddee") };
  assertEquals(formatCode(code), "008J4-CT4AN-K7F24-SNAXW-SQFEW");
  assertEquals(parseCode(formatCode(code)), code);
});

Deno.test("codes come back, however they're typed", () => {
  fc.assert(fc.property(codes, (code) => {
    const text = formatCode(code);
    assertEquals(/^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/.test(text), true, text);
    for (
      const typed of [text, text.toLowerCase(), text.replaceAll("-", ""), ` ${text.replaceAll("-", " ")}\n`]
    ) assertEquals(parseCode(typed), code);
    assertEquals(parseCode(text.replaceAll("0", "O").replaceAll("1", "l")), code);
    assertEquals([isCode(text), isCode(text.replaceAll("-", "").toLowerCase()), isCode(`${text}0`)], [
      ...[true, true, false],
    ]);
  }));
});

Deno.test("one wrong symbol, or two that changed places, are seen", () => {
  const symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  fc.assert(fc.property(codes, fc.nat(24), fc.nat(24), fc.nat(31), (code, i, j, k) => {
    const typed = [...formatCode(code).replaceAll("-", "")];
    const right = typed.join("");
    const wrong = typed.with(i, symbols[k]!).join("");
    const swapped = typed.with(i, typed[j]!).with(j, typed[i]!).join("");
    for (const each of [wrong, swapped]) {
      if (each !== right) assertThrows(() => parseCode(each), LabError, "mistyped");
    }
  }));
});

Deno.test("whatever is typed gives a code or one sentence that doesn't repeat it", () => {
  fc.assert(fc.property(fc.string({ maxLength: 300, unit: "binary" }), (typed) => {
    try {
      parseCode(typed);
    } catch (thrown) {
      if (!(thrown instanceof LabError) || thrown.code !== "not_permitted") throw thrown;
      if (typed.length > 12) assertEquals(thrown.message.includes(typed), false);
    }
  }));
});
