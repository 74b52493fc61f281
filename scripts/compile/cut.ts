/**
 * Cuts the payload off an executable that `deno compile` made, which leaves the runtime that it was made from.
 * Pure: bytes in, bytes out. The caller checks the result against a pinned SHA-256; the checks here only give
 * better messages.
 */

const ELF_SECTION_TABLE = { offset: 0x28, entrySize: 0x3a, entries: 0x3c } as const;
const PE_HEADER_OFFSET = 0x3c;
/** Places within the PE header, counted from its signature. */
const PE = { sections: 6, optionalSize: 20, optional: 24 } as const;
/** Places within the PE32+ optional header. */
const PE_OPTIONAL = { magic: 0, sizeOfImage: 56, directories: 112 } as const;
const PE32_PLUS = 0x20b;
const SECTION_HEADER_BYTES = 40;
const SECTION = { virtualAddress: 12, rawData: 20 } as const;
const RESOURCE_DIRECTORY = 2;
const DIRECTORY_BYTES = 8;
const PAYLOAD_SECTION = ".pedata";

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

/**
 * The Linux runtime: the payload follows the table of section headers, the last thing in an ELF file.
 *
 * @throws {TypeError} when the file is no 64-bit little-endian ELF.
 */
export function cutElf(file: Uint8Array): Uint8Array {
  const view = viewOf(file);
  if (file.length < 64 || view.getUint32(0) !== 0x7f454c46 || view.getUint16(4) !== 0x0201) {
    throw new TypeError("Cannot cut the runtime out: not a 64-bit ELF file");
  }
  const end = Number(view.getBigUint64(ELF_SECTION_TABLE.offset, true)) +
    view.getUint16(ELF_SECTION_TABLE.entrySize, true) * view.getUint16(ELF_SECTION_TABLE.entries, true);
  if (end > file.length) {
    throw new TypeError(`Cannot cut the runtime out: section table ends at ${end}, file at ${file.length}`);
  }
  return file.slice(0, end);
}

/**
 * The Windows runtime: the payload is the last section. Its header and the resource directory go, and the image
 * shrinks by it.
 *
 * @throws {TypeError} when the file is no PE32+ with such a section.
 */
export function stripPe(file: Uint8Array): Uint8Array {
  const view = viewOf(file);
  if (file.length < 64 || view.getUint16(0) !== 0x4d5a) {
    throw new TypeError("Cannot cut the runtime out: not a PE file");
  }
  const pe = view.getUint32(PE_HEADER_OFFSET, true);
  const optional = pe + PE.optional;
  if (view.getUint32(pe) !== 0x50450000 || view.getUint16(optional + PE_OPTIONAL.magic, true) !== PE32_PLUS) {
    throw new TypeError("Cannot cut the runtime out: not a PE32+ file");
  }
  const sections = view.getUint16(pe + PE.sections, true);
  const last = optional + view.getUint16(pe + PE.optionalSize, true) + SECTION_HEADER_BYTES * (sections - 1);
  const name = new TextDecoder().decode(file.subarray(last, last + 8)).replace(/\0+$/, "");
  if (name !== PAYLOAD_SECTION) {
    throw new TypeError(
      `Cannot cut the runtime out: the last section is "${name}", not "${PAYLOAD_SECTION}"`,
    );
  }
  const end = view.getUint32(last + SECTION.rawData, true);
  const imageSize = view.getUint32(last + SECTION.virtualAddress, true);
  const runtime = file.slice(0, end);
  const out = viewOf(runtime);
  out.setUint16(pe + PE.sections, sections - 1, true);
  runtime.fill(0, last, last + SECTION_HEADER_BYTES);
  out.setBigUint64(optional + PE_OPTIONAL.directories + RESOURCE_DIRECTORY * DIRECTORY_BYTES, 0n);
  out.setUint32(optional + PE_OPTIONAL.sizeOfImage, imageSize, true);
  return runtime;
}
