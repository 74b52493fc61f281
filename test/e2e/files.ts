/** Files for end-to-end tests: made by chance from a seed, compared, waited for. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { assertEquals } from "@std/assert";
import { dirname, join, relative } from "@std/path";
import { walk } from "@std/fs";

/** MB of the contracts: 10^6 bytes. */
export const MB = 1_000_000;

/** Bytes by chance: the same for the same seed. */
export function bytesOf(size: number, seed: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Writes a file, with the folders that it is in. */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  Deno.mkdirSync(dirname(path), { recursive: true });
  if (typeof content === "string") Deno.writeTextFileSync(path, content);
  else Deno.writeFileSync(path, content);
  return path;
}

/** SHA-256 of bytes, hexadecimal. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** SHA-256 of a file, hexadecimal. */
export function sha256Of(path: string): string {
  return sha256(Deno.readFileSync(path));
}

/** Ends the test unless a file holds just these bytes; says what differs without printing megabytes. */
export function assertFile(path: string, content: Uint8Array | string): void {
  const expected = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const seen = Deno.readFileSync(path);
  // Tests compare gigabytes: that is quicker than to hash them.
  if (Buffer.compare(seen, expected) === 0) return;
  assertEquals(
    `${seen.length} bytes, ${sha256(seen)}`,
    `${expected.length} bytes, ${sha256(expected)}`,
    path,
  );
}

/** All files below a folder, links included, as `name` relative to it, in order. */
export async function tree(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (
    const entry of walk(folder, { includeDirs: false, includeSymlinks: true, followSymlinks: false })
  ) {
    names.push(relative(folder, entry.path).replaceAll("\\", "/"));
  }
  return names.sort();
}

/** The same without the files in which a program keeps unfinished work: those are never shared. */
export async function shared(pc: string): Promise<string[]> {
  return (await tree(join(pc, "share"))).filter((name) => !name.includes(".labswarm-"));
}

/** Ends the test unless nothing of the program's own is left beside the files of a PC's share. */
export async function assertTidy(pc: string): Promise<void> {
  assertEquals((await tree(join(pc, "share"))).filter((name) => name.includes(".labswarm-")), []);
}

/**
 * Waits until a file's text fits; looks again each time something changes in its folder.
 *
 * @throws after `timeout` milliseconds, with the text that was seen last.
 */
export async function textUntil(
  path: string,
  fits: (text: string) => boolean,
  timeout = 60_000,
): Promise<string> {
  let text = "";
  const look = () => {
    try {
      text = Deno.readTextFileSync(path);
    } catch {
      text = "";
    }
    return fits(text);
  };
  const watcher = Deno.watchFs(dirname(path));
  const end = () => {
    try {
      watcher.close();
    } catch { /* leaving its loop has closed it */ }
  };
  const timer = setTimeout(end, timeout);
  try {
    if (look()) return text;
    for await (const _ of watcher) if (look()) return text;
  } finally {
    clearTimeout(timer);
    end();
  }
  throw new Error(`${path} did not become what was waited for within ${timeout / 1000} s; it is:\n${text}`);
}
