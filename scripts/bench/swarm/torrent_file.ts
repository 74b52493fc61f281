/** A .torrent file (BEP 3) for one file. */

import { createHash } from "node:crypto";
import { concat } from "../../../src/base/bytes.ts";

type Value = number | string | Uint8Array | { [key: string]: Value };

/** Bencoding; the keys of a dictionary are sorted. */
export function bencode(value: Value): Uint8Array {
  const text = (part: string) => new TextEncoder().encode(part);
  if (typeof value === "number") return text(`i${value}e`);
  if (typeof value === "string") return bencode(text(value));
  if (value instanceof Uint8Array) return concat([text(`${value.length}:`), value]);
  const entries = Object.keys(value).sort().flatMap((key) => [bencode(key), bencode(value[key]!)]);
  return concat([text("d"), ...entries, text("e")]);
}

/**
 * Describes a file.
 *
 * @param options.pieceSize bytes.
 * @returns the torrent, and the hex SHA-1 of its info dictionary.
 */
export async function torrentOf(
  path: string,
  { name, announce, pieceSize }: { name: string; announce: string; pieceSize: number },
): Promise<{ torrent: Uint8Array; infoHash: string }> {
  const hashes: Uint8Array[] = [];
  using file = await Deno.open(path);
  const length = (await file.stat()).size;
  const buffer = new Uint8Array(pieceSize);
  for (let at = 0; at < length; at += pieceSize) {
    let filled = 0;
    while (filled < Math.min(pieceSize, length - at)) filled += (await file.read(buffer.subarray(filled)))!;
    hashes.push(sha1(buffer.subarray(0, filled)));
  }
  const info = { length, name, "piece length": pieceSize, pieces: concat(hashes) };
  return { torrent: bencode({ announce, info }), infoHash: sha1(bencode(info)).toHex() };
}

function sha1(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha1").update(bytes).digest());
}
