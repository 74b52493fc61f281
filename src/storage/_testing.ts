/** For tests only: temporary folders that go away, a log to read, contents with their hashes. */

import { join } from "@std/path";
import { type Bytes, concat, toHex } from "../base/bytes.ts";
import type { Logger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import { Layout } from "../catalog/layout.ts";
import { sha256 } from "./hashing.ts";
import type { PartSpec } from "./part_spec.ts";

/** A folder of its own for one test; removed at its end. */
export class TempFolder implements Disposable {
  readonly path: string;
  constructor(where?: string) {
    this.path = Deno.realPathSync(Deno.makeTempDirSync(where === undefined ? {} : { dir: where }));
  }

  /** Full path of something below. */
  at(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Makes a folder below. */
  folder(name: string): string {
    Deno.mkdirSync(this.at(name), { recursive: true });
    return this.at(name);
  }

  /** Writes a file below, its folders too. */
  file(name: string, content: string | Uint8Array = name): string {
    const path = this.at(name);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return path;
  }

  read(name: string): string {
    return Deno.readTextFileSync(this.at(name));
  }

  /** Names of all files below, sorted, our own included. */
  list(): string[] {
    const names: string[] = [];
    const walk = (folder: string, prefix: string) => {
      for (const entry of Deno.readDirSync(folder)) {
        if (entry.isDirectory) walk(join(folder, entry.name), `${prefix}${entry.name}/`);
        else names.push(prefix + entry.name);
      }
    };
    walk(this.path, "");
    return names.sort();
  }

  [Symbol.dispose](): void {
    // A worker that was just ended may finish what it was writing.
    for (let attempt = 0;; attempt++) {
      try {
        return Deno.removeSync(this.path, { recursive: true });
      } catch (cause) {
        if (attempt === 20) throw cause;
      }
    }
  }
}

/** A log that keeps its lines. */
export class Lines implements Logger {
  readonly lines: string[] = [];
  debug = (line: string): void => void this.lines.push(`debug ${line}`);
  info = (line: string): void => void this.lines.push(`info ${line}`);
  warn = (line: string): void => void this.lines.push(`warn ${line}`);
  error = (line: string): void => void this.lines.push(`error ${line}`);
}

/** Bytes that look random; the same seed gives the same. */
export function noise(length: number, seed = 1): Bytes {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, length >> 2);
  for (let i = 0; i < words.length; i++) words[i] = random.next() * 2 ** 32;
  for (let i = words.length * 4; i < length; i++) bytes[i] = random.next() * 256;
  return bytes;
}

/** A content of these files with true claims, as a fetch would write it. */
export function specOf(
  files: Record<string, Uint8Array>,
  pieceSize: number,
  more: Partial<PartSpec> = {},
): PartSpec & { piece: (i: number) => Bytes } {
  const list = Object.entries(files).map(([name, bytes]) => ({
    name,
    size: bytes.length,
    sha256: toHex(sha256(bytes)),
  }));
  const all = concat(Object.values(files));
  const layout = new Layout(list, pieceSize);
  const piece = (i: number) => all.slice(i * pieceSize, i * pieceSize + layout.pieceLength(layout.piece(i)));
  return {
    key: "k",
    files: list,
    pieceSize,
    hashes: concat(Array.from({ length: layout.pieceCount }, (_, i) => sha256(piece(i)))),
    targets: list.map(({ name }) => name),
    modified: list.map(() => 0),
    present: list.map(() => false),
    ...more,
    piece,
  };
}

/**
 * A tiny volume of its own, for a full disk.
 *
 * @param where a folder in which it is to lie.
 * @returns undefined where it can't be mounted: not Linux, or not root.
 */
export function tinyVolume(bytes: number, where?: string): (TempFolder & Disposable) | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const folder = new TempFolder(where);
  const mounted = run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder.path);
  if (!mounted) {
    folder[Symbol.dispose]();
    return undefined;
  }
  const dispose = folder[Symbol.dispose].bind(folder);
  folder[Symbol.dispose] = () => {
    run("umount", "-l", folder.path);
    dispose();
  };
  return folder;
}

/** For tests that need such a volume: with the reason in its name where there is none. */
export const NO_VOLUME = tinyVolumeWorks() ? "" : " (skipped: no right to mount a tmpfs here)";

function tinyVolumeWorks(): boolean {
  using volume = tinyVolume(65536);
  return volume !== undefined;
}

function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
