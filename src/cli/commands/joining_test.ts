import { assertEquals } from "@std/assert";
import { firstLine } from "./joining.ts";

/** Gives so many bytes at a time. */
function inParts(bytes: Uint8Array, size: number) {
  let at = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (at === bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(at, at + Math.min(size, into.length));
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
  };
}

const wide = (text: string) => {
  const units = Uint16Array.from(`\ufeff${text}`, (unit) => unit.charCodeAt(0));
  return new Uint8Array(units.buffer);
};
const narrow = (text: string) => new TextEncoder().encode(text);

Deno.test("a code in a file that Windows' programs wrote is the code", async () => {
  const code = "WESXK-T5D8V-2Q0M4-JH7RC-9AYB3";
  const files = [
    ...["", "\n", "\r\n", " \r\nmore\r\n"].map((end) => narrow(code + end)),
    // Notepad's mark, and PowerShell's way of writing what `rs invite` said.
    narrow(`\ufeff${code}\r\n`),
    ...["", "\r\n", "\r\nmore\r\n"].map((end) => wide(code + end)),
    // What an editor or a paste puts before it.
    ...["\n", "\r\n", " \t\r\n\n  ", "\ufeff\r\n "].map((before) => narrow(`${before}${code}\r\nmore\r\n`)),
    wide(`\r\n  ${code}\r\n`),
  ];
  for (const file of files) {
    for (const size of [1, 7, 1000]) {
      assertEquals(await firstLine(inParts(file, size)), code);
    }
  }
});

Deno.test("no more than a code's length is read of what is no code", async () => {
  const line = await firstLine(inParts(narrow("x".repeat(10_000)), 100));
  assertEquals(line, "x".repeat(256));
  assertEquals(await firstLine(inParts(narrow("\n".repeat(10_000)), 100)), "");
});
