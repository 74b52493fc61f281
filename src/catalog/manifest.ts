/**
 * The manifest: what a content is made of, with the SHA-256 of each piece. It is named by the SHA-256 of its own
 * encoded bytes, so one content has one encoding only: canonical JSON, and no other is taken. Who fetches knows the files
 * from the index already, so what a stranger wrote is compared and never parsed.
 *
 *     offset  bytes
 *     0       4       magic "P2DM"
 *     4       1       version, 1
 *     5       4       length of the JSON, big-endian
 *     9       n       {"files":[[name,size,sha256],...],"pieceSize":p} in UTF-8, no spaces
 *     9+n     32 * k  SHA-256 of piece 0, 1, ... k-1, where k = ceil(sum of sizes / p)
 *
 * What it claims (sizes, SHA-256 of whole files) is only a claim; those who hold the bytes check it.
 */
import { type Bytes, isSha256, sameBytes, utf8 } from "../base/bytes.ts";
import { LabError, RemoteProtocolError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type ContentFile, Layout, MAX_PIECE_SIZE, MIN_PIECE_SIZE } from "./layout.ts";
import { nameFault, printable } from "./names.ts";
import { NameSet } from "./nameset.ts";

/** A content: its files in packing order, and the hash of each piece. */
export interface Manifest {
  /** Bytes; a power of two from 256 KiB to 4 MiB. */
  pieceSize: number;
  files: ContentFile[];
  /** SHA-256 of every piece, one after the other: 32 bytes times the number of pieces. */
  hashes: Uint8Array;
}

/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;

const MAGIC = utf8("P2DM");
const VERSION = 1;
const HEADER_BYTES = 9;

/** Says what is wrong with the files or the piece size; types are checked by whoever made them. */
function contentFault(files: readonly ContentFile[], pieceSize: number): string | undefined {
  if (pieceSize < MIN_PIECE_SIZE || pieceSize > MAX_PIECE_SIZE || !Number.isInteger(Math.log2(pieceSize))) {
    return `a piece size of ${pieceSize} is not a power of two from ${MIN_PIECE_SIZE} to ${MAX_PIECE_SIZE}`;
  }
  if (files.length > LIMITS.manifestFiles) {
    return `${files.length} files are more than ${LIMITS.manifestFiles}`;
  }
  const names = new NameSet();
  let total = 0;
  for (const { name, size, sha256 } of files) {
    const fault = nameFault(name);
    if (fault !== undefined) return `the name ${printable(name)} is refused: ${fault}`;
    const clash = names.add(name);
    if (clash !== undefined) return clash;
    if (!isSha256(sha256)) return `the SHA-256 of ${printable(name)} is malformed`;
    total += size;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(total)) {
      return `the size of ${printable(name)}, ${size}, is not a whole number, or the sum reaches 2^53`;
    }
  }
  return undefined;
}

/**
 * Makes sure that files make up a content, before anything of them is read.
 *
 * @throws {LabError} "failed" when nobody could fetch it: a name, size or hash that is refused, names that clash, or a manifest
 * that would be larger than any may be.
 */
export function demandContent(files: readonly ContentFile[], pieceSize: number): void {
  const fault = contentFault(files, pieceSize);
  if (fault !== undefined) throw new LabError("failed", `Cannot make a manifest: ${fault}`);
  const { pieceCount } = new Layout(files, pieceSize);
  if (pieceCount * HASH_BYTES <= LIMITS.manifest) return;
  throw new LabError("failed", `Cannot make a manifest: ${pieceCount} pieces are more than one may have`);
}

function canonicalJson(files: readonly ContentFile[], pieceSize: number): Bytes {
  return utf8(JSON.stringify({ files: files.map((f) => [f.name, f.size, f.sha256]), pieceSize }));
}

/**
 * Writes a manifest. Always the same bytes for the same content; their SHA-256 is the content's name.
 *
 * @throws {LabError} "failed" when nobody could fetch such a content: a name, size or hash that is refused, or too few or
 * too many hashes for the sizes.
 * @example
 * ```ts
 * import { encodeManifest, hashesOf } from "./manifest.ts";
 * const content = { pieceSize: 262144, files: [{ name: "a.txt", size: 5, sha256: "0".repeat(64) }] };
 * const bytes = encodeManifest({ ...content, hashes: new Uint8Array(32).fill(7) });
 * if (hashesOf(bytes, content)[0] !== 7) throw new Error("and back");
 * ```
 */
export function encodeManifest(manifest: Manifest): Bytes {
  const { files, pieceSize, hashes } = manifest;
  const fault = contentFault(files, pieceSize);
  if (fault !== undefined) throw new LabError("failed", `Cannot make a manifest: ${fault}`);
  const { pieceCount } = new Layout(files, pieceSize);
  if (hashes.length !== pieceCount * HASH_BYTES) {
    throw new LabError(
      "failed",
      `Cannot make a manifest of ${pieceCount} pieces with ${hashes.length} bytes of hashes`,
    );
  }
  const json = canonicalJson(files, pieceSize);
  const bytes = new Uint8Array(HEADER_BYTES + json.length + hashes.length);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint8(4, VERSION);
  view.setUint32(5, json.length);
  bytes.set(json, HEADER_BYTES);
  bytes.set(hashes, HEADER_BYTES + json.length);
  return bytes;
}

/**
 * The piece hashes in a manifest, whoever sent it, that must be the one of a known content: compared as bytes, nothing of it
 * is parsed. The hashes are copied: they don't hold on to the message that they came in.
 *
 * Whether the bytes have the SHA-256 that was asked for is for the caller to check.
 *
 * @param known what the content is; already checked by whoever made it up.
 * @returns 32 bytes for each piece, end to end.
 * @throws {RemoteProtocolError} and nothing else: it is damaged, or the manifest of another content.
 */
export function hashesOf(
  bytes: Uint8Array,
  known: { files: readonly ContentFile[]; pieceSize: number },
): Bytes {
  const { pieceCount } = new Layout(known.files, known.pieceSize);
  const { json, hashes } = splitManifest(bytes);
  const expected = canonicalJson(known.files, known.pieceSize);
  if (!sameBytes(json, expected) || hashes.length !== pieceCount * HASH_BYTES) {
    throw refuse("it is the one of another content");
  }
  return hashes.slice();
}

function refuse(reason: string): RemoteProtocolError {
  return new RemoteProtocolError(`Cannot decode the manifest: ${reason}`);
}

/** Cuts off header and JSON, checking lengths before anything is copied. */
function splitManifest(bytes: Uint8Array): { json: Uint8Array; hashes: Uint8Array } {
  if (bytes.length < HEADER_BYTES) throw refuse(`${bytes.length} bytes are less than its header`);
  if (!sameBytes(bytes.subarray(0, 4), MAGIC)) throw refuse("it doesn't start with P2DM");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(4) !== VERSION) throw refuse(`version ${view.getUint8(4)} is not ${VERSION}`);
  const length = view.getUint32(5);
  if (length > LIMITS.manifestJson) {
    throw refuse(`its JSON has ${length} bytes; the limit is ${LIMITS.manifestJson}`);
  }
  const end = HEADER_BYTES + length;
  if (end > bytes.length) {
    throw refuse(`its JSON has ${length} bytes, but only ${bytes.length - HEADER_BYTES} are there`);
  }
  return { json: bytes.subarray(HEADER_BYTES, end), hashes: bytes.subarray(end) };
}

/**
 * Tells whether two contents have the same files in the same order, by name, size and SHA-256.
 *
 * @example
 * ```ts
 * import { sameFiles } from "./manifest.ts";
 * if (!sameFiles([], [])) throw new Error("nothing is nothing");
 * ```
 */
export function sameFiles(a: readonly ContentFile[], b: readonly ContentFile[]): boolean {
  return a.length === b.length && a.every((file, i) => {
    const other = b[i]!;
    return file.name === other.name && file.size === other.size && file.sha256 === other.sha256;
  });
}
