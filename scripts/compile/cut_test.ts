import { assertEquals, assertThrows } from "@std/assert";
import { cutElf, stripPe } from "./cut.ts";

/** An ELF header whose section table (2 entries of 64 bytes) starts at 100, with a payload behind. */
function elf(): Uint8Array {
  const file = new Uint8Array(300).fill(7);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x7f454c46);
  view.setUint16(4, 0x0201);
  view.setBigUint64(0x28, 100n, true);
  view.setUint16(0x3a, 64, true);
  view.setUint16(0x3c, 2, true);
  return file;
}

/** A PE32+ header with two sections, the last being the payload at 600. */
function pe(name = ".pedata"): Uint8Array {
  const file = new Uint8Array(700);
  const view = new DataView(file.buffer);
  view.setUint16(0, 0x4d5a);
  view.setUint32(0x3c, 64, true);
  view.setUint32(64, 0x50450000);
  view.setUint16(64 + 6, 2, true);
  view.setUint16(64 + 20, 240, true);
  view.setUint16(64 + 24, 0x20b, true);
  view.setUint32(64 + 24 + 56, 9999, true);
  view.setUint32(64 + 24 + 112 + 16, 123, true);
  const last = 64 + 24 + 240 + 40;
  file.set(new TextEncoder().encode(name), last);
  view.setUint32(last + 12, 4096, true);
  view.setUint32(last + 20, 600, true);
  return file;
}

Deno.test("cuts an ELF file behind its section table", () => {
  assertEquals(cutElf(elf()).length, 228);
  assertThrows(() => cutElf(new Uint8Array(100)), TypeError, "not a 64-bit ELF");
  assertThrows(() => cutElf(elf().slice(0, 200)), TypeError, "section table ends at 228, file at 200");
});

Deno.test("strips the payload's section from a PE file", () => {
  const runtime = stripPe(pe());
  const view = new DataView(runtime.buffer);
  assertEquals(runtime.length, 600);
  assertEquals(view.getUint16(64 + 6, true), 1);
  assertEquals(view.getUint32(64 + 24 + 56, true), 4096);
  assertEquals(view.getUint32(64 + 24 + 112 + 16, true), 0);
  assertEquals(runtime.subarray(368, 408).every((b) => b === 0), true);
  assertThrows(() => stripPe(pe(".text")), TypeError, 'the last section is ".text"');
  assertThrows(() => stripPe(elf()), TypeError, "not a PE file");
});
