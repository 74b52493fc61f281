import { assertEquals, assertThrows } from "@std/assert";
import { concat, fromHex, Gathering, isSha256, sameBytes, toHex, utf8 } from "./bytes.ts";
import { seededRandom, systemRandom } from "./random.ts";
import { printable } from "./text.ts";

Deno.test("hexadecimal goes out and comes back", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assertEquals(fromHex(toHex(all)), all);
  assertEquals(toHex(fromHex("00FFab")), "00ffab");
  assertEquals(fromHex(""), new Uint8Array(0));
  for (const wrong of ["0", "0g", " 00", "00\n"]) assertThrows(() => fromHex(wrong), TypeError);
});

Deno.test("joining and comparing", () => {
  assertEquals(concat([]), new Uint8Array(0));
  assertEquals(concat([utf8("a"), utf8(""), utf8("bc")]), utf8("abc"));
  assertEquals([sameBytes(utf8("ab"), utf8("ab")), sameBytes(utf8("ab"), utf8("a"))], [true, false]);
});

Deno.test("gathering: parts in order, no more than the length, whole when full", () => {
  const gathering = new Gathering(5);
  gathering.add(utf8("ab"));
  gathering.add(utf8(""));
  assertEquals(gathering.whole(), undefined);
  assertThrows(() => gathering.add(utf8("cdef")), RangeError);
  gathering.add(utf8("cde"));
  assertEquals(gathering.whole(), utf8("abcde"));
  assertEquals(new Gathering(0).whole(), new Uint8Array(0));
});

Deno.test("a SHA-256 is 64 lower-case digits", () => {
  const sha = "0a".repeat(32);
  assertEquals([sha, sha.toUpperCase(), sha + "0", sha.slice(1), sha + "\n"].map(isSha256), [
    true,
    false,
    false,
    false,
    false,
  ]);
});

Deno.test("text from the network loses what steers a terminal, and nothing else", () => {
  assertEquals(printable("Übung データ 👍 a\tb"), "Übung データ 👍 a\\u{9}b");
  assertEquals(printable("\u001b]0;x\u0007\u009b1m\r\n"), "\\u{1b}]0;x\\u{7}\\u{9b}1m\\u{d}\\u{a}");
  assertEquals(printable("a\u202egnp.exe\u200f\ud800\u2028"), "a\\u{202e}gnp.exe\\u{200f}\\u{d800}\\u{2028}");
});

Deno.test("a seed gives the same numbers again; ids have the length asked for", () => {
  const [one, two] = [seededRandom(7), seededRandom(7)];
  const numbers = Array.from({ length: 1000 }, () => one.next());
  assertEquals(numbers, Array.from({ length: 1000 }, () => two.next()));
  assertEquals(numbers.every((n) => n >= 0 && n < 1), true);
  assertEquals(one.id(16), two.id(16));
  for (const random of [one, systemRandom]) assertEquals(/^[0-9a-f]{32}$/.test(random.id(16)), true);
});
