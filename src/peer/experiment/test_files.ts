/** The files of an experiment: noise, so that nothing on the way can make it smaller, and the same in each run. */

import { dirname } from "@std/path";
import { toHex } from "../../base/bytes.ts";
import { seededRandom } from "../../base/random.ts";
import { sha256 } from "../../storage/hashing.ts";
import type { Root } from "../../storage/root.ts";
import { isoTime } from "../../storage/scan.ts";
import type { SendFile } from "../send_files.ts";

/** Which files. */
export interface TestFiles {
  /** Folder that all of them are offered in, such as "experiment-5f1d/central". */
  folder: string;
  count: number;
  /** Of each, bytes. */
  size: number;
  /** Another seed, other bytes. */
  seed: number;
}

/**
 * Writes the files below a folder.
 *
 * @returns them, ready to be sent.
 */
export function makeTestFiles(root: Root, { folder, count, size, seed }: TestFiles): SendFile[] {
  const width = String(count).length;
  return Array.from({ length: count }, (_, i): SendFile => {
    const name = `${folder}/file-${String(i + 1).padStart(width, "0")}.bin`;
    const bytes = noise(size, seed * 100_003 + i);
    const path = root.pathOf(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeFileSync(path, bytes);
    const modified = isoTime(Deno.statSync(path).mtime);
    return { name, offered: name, root, size, modified, sha256: toHex(sha256(bytes)) };
  });
}

function noise(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  const words = new Uint32Array(Math.ceil(size / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.next() * 2 ** 32;
  return new Uint8Array(words.buffer, 0, size);
}
