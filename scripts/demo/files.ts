/** The files of the demo: made anew each time, real ones in real folders; and how the demo hashes them on its own. */

import { walk } from "@std/fs";
import { dirname, join, relative } from "@std/path";

/** Size of the one large file, bytes: it takes about two seconds at the holder's rate, so that half-way exists. */
export const IMAGE_SIZE = 60_000_000;
/** The large file. */
export const IMAGE = "image.bin";

const RFC_1149 = `Network Working Group                                        D. Waitzman
Request for Comments: 1149                                       BBN STC
                                                            1 April 1990


   A Standard for the Transmission of IP Datagrams on Avian Carriers

Status of this Memo

   A file for LabSwarm's demo: it has an RFC's head, so that the index finds the title.
`;

const RFC_2549 = `Network Working Group                                        D. Waitzman
Request for Comments: 2549                                   IronBridge
Updates: 1149                                               1 April 1999
Category: Experimental


           IP over Avian Carriers with Quality of Service

Status of this Memo

   Another file for LabSwarm's demo, with another title.
`;

/** What each PC shares at the beginning, without the large file, which is anna's. */
export const SHARES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  anna: {
    "rfc1149.txt": RFC_1149,
    "rfc2549.txt": RFC_2549,
    "notes/monday.txt": "Monday: what a registration server knows.\n",
    "notes/tuesday.txt": "Tuesday: what a registration server need not know.\n",
  },
  ben: {
    "timetable.csv": "hour,room\r\n9,Lab 1\r\n10,Lab 2\r\n",
    "report.txt": "Lab report by ben: the pigeons were late, but the hashes were right.\n",
  },
  cleo: {},
};

/** Titles that the index must find by itself. */
export const TITLES: Readonly<Record<string, string>> = {
  "rfc1149.txt": "A Standard for the Transmission of IP Datagrams on Avian Carriers",
  "rfc2549.txt": "IP over Avian Carriers with Quality of Service",
};

/** Writes the files of one PC into its share. */
export async function makeShare(share: string, pc: string): Promise<void> {
  for (const [name, text] of Object.entries(SHARES[pc] ?? {})) {
    const path = join(share, name);
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  if (pc === "anna") await writeRandom(join(share, IMAGE), IMAGE_SIZE);
}

async function writeRandom(path: string, size: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  const chunk = new Uint8Array(65536);
  for (let left = size; left > 0;) {
    const part = crypto.getRandomValues(chunk).subarray(0, Math.min(left, chunk.length));
    left -= await file.write(part);
  }
}

/** SHA-256 of a file, as 64 hexadecimal digits. */
export async function hashOf(path: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(path)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All files of a share by name, with their SHA-256. */
export async function hashAll(share: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const entry of walk(share, { includeDirs: false })) {
    const name = relative(share, entry.path).replaceAll("\\", "/");
    if (!name.startsWith(".labswarm")) found.set(name, await hashOf(entry.path));
  }
  return found;
}

/**
 * How many bytes of a file an interrupted fetch has left behind: the unfinished file is compared with the original,
 * block by block.
 *
 * @param block bytes that count only together; at most the size of a piece.
 */
export async function bytesLeftBehind(pc: string, original: string, block = 262144): Promise<number> {
  let part: string | undefined;
  for await (const entry of walk(pc, { includeDirs: false, exts: [".part"] })) part = entry.path;
  if (part === undefined) return 0;
  const [whole, half] = await Promise.all([Deno.readFile(original), Deno.readFile(part)]);
  let held = 0;
  for (let at = 0; at < Math.min(whole.length, half.length); at += block) {
    const end = Math.min(at + block, whole.length);
    if (end <= half.length && same(whole, half, at, end)) held += end - at;
  }
  return held;
}

function same(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i]) return false;
  return true;
}
