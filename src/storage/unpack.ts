/**
 * Gives the files of a whole, verified pack their names. A folder that isn't there yet is filled under a name of ours and
 * appears at once, complete; in one that is there, each file appears by itself. Nothing that is there is ever replaced.
 */

import { existsSync } from "node:fs";
import { dirname, join, SEPARATOR } from "@std/path";
import { type Bytes, toHex, utf8 } from "../base/bytes.ts";
import { isReadOnly, LabError } from "../base/errors.ts";
import type { ContentFile } from "../catalog/layout.ts";
import { printable } from "../catalog/names.ts";
import { readAt, sha256 } from "./hashing.ts";
import type { PartSpec } from "./part_spec.ts";
import { fileError, OWN_PREFIX, type Root } from "./root.ts";
import { copyWithTime, isOtherVolume } from "./volumes.ts";

/** Some files of a pack could not be put in their places; the others were. */
export class Unplaced extends LabError {
  override name = "Unplaced";

  /**
   * @param paths the path of each file of the pack; of those that have none, what it would have been.
   * @param faults why, by place in the pack.
   */
  constructor(readonly paths: string[], readonly faults: ReadonlyMap<number, LabError>) {
    const [first] = faults.values();
    super(first!.code, first!.message);
  }
}

/** A file of the pack on its way to its place. */
interface Item {
  /** Its place in the pack. */
  file: number;
  target: string;
  /** Milliseconds since 1970, 0 for now. */
  modified: number;
}

/**
 * Puts all files of a pack in their places.
 *
 * @param file the part file, all of its pieces verified.
 * @param present says of a file that it's in its place already, and where.
 * @returns the path of each file.
 * @throws {Unplaced} when some could not be put in their places, such as where a name was taken meanwhile.
 * @throws {LabError} "integrity" when a file is not what it was claimed to be, "disk_full": those after it are then not
 * looked at.
 */
export function unpack(
  root: Root,
  spec: PartSpec,
  file: Deno.FsFile,
  present: (i: number) => string | undefined,
): string[] {
  const window = new ReadWindow(file);
  const paths: string[] = [];
  const faults = new Map<number, LabError>();
  const failed = (i: number, cause: unknown) => {
    const fault = fileError(cause, `Cannot put ${printable(spec.files[i]!.name)} in its place`);
    // What would befall the others, too.
    if (fault.code === "integrity" || fault.code === "disk_full" || isReadOnly(cause)) throw fault;
    faults.set(i, fault);
  };
  let folder: NewFolder | undefined;
  let offset = 0;
  try {
    for (const [i, claim] of spec.files.entries()) {
      const there = present(i);
      // Checks the name, before anything is written under it.
      const path = there ?? root.pathOf(spec.targets[i]!);
      if (there === undefined) {
        const bytes = window.at(offset, claim.size);
        checkClaim(claim, toHex(sha256(bytes)));
        const item = { file: i, target: spec.targets[i]!, modified: spec.modified[i]! };
        const name = folderOf(item.target);
        if (folder?.name !== name) {
          folder?.appear(failed);
          folder = NewFolder.begin(root, name, `${spec.key}-${i}.dir`);
        }
        try {
          if (folder) folder.add(item, bytes);
          else writeOne(root, item, bytes, root.ownPath(`${spec.key}-${i}.tmp`));
        } catch (cause) {
          failed(i, cause);
        }
      }
      paths.push(path);
      offset += claim.size;
    }
    folder?.appear(failed);
    if (faults.size > 0) throw new Unplaced(paths, faults);
    return paths;
  } catch (cause) {
    // What it held is in the part file still.
    folder?.discard();
    throw cause;
  }
}

/** Throws unless the hash is the claimed one. */
export function checkClaim(claim: ContentFile, seen: string): void {
  if (seen === claim.sha256) return;
  throw new LabError(
    "integrity",
    `Cannot keep ${printable(claim.name)}: its SHA-256 is ${seen.slice(0, 12)}..., not the claimed ${
      claim.sha256.slice(0, 12)
    }...`,
  );
}

/** Gives a file of ours its final name and time. */
export function giveName(root: Root, temporary: string, { target, modified }: Omit<Item, "file">): string {
  setTime(temporary, modified);
  if (takeNameIn(root, temporary, target)) return root.pathOf(target);
  throw new LabError(
    "failed",
    `Cannot finish ${printable(target)}: another file took that name meanwhile; run it again`,
  );
}

/** Another worker may just be putting a whole folder where an empty one was: then the folder is looked up again. */
function takeNameIn(root: Root, temporary: string, target: string): boolean {
  try {
    return takeName(temporary, root.pathToWrite(target));
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound) || !existsSync(temporary)) throw cause;
    root.refresh();
    return takeName(temporary, root.pathToWrite(target));
  }
}

function writeOne(root: Root, item: Item, bytes: Bytes, temporary: string): void {
  try {
    writeNew(temporary, bytes);
    giveName(root, temporary, item);
  } catch (cause) {
    if (existsSync(temporary)) Deno.removeSync(temporary);
    throw cause;
  }
}

/** What an earlier run left there may be another name of a file that is in its place by now: it is not written into. */
function writeNew(path: string, bytes: Bytes): void {
  try {
    Deno.writeFileSync(path, bytes, { createNew: true });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
    Deno.removeSync(path);
    Deno.writeFileSync(path, bytes, { createNew: true });
  }
}

function setTime(path: string, modified: number): void {
  if (modified <= 0) return;
  const time = new Date(modified);
  Deno.utimeSync(path, time, time);
}

function folderOf(target: string): string {
  return target.slice(0, Math.max(0, target.lastIndexOf("/")));
}

/** A folder that does not exist yet, being filled under a name of ours. */
class NewFolder {
  #items: Item[] = [];
  private constructor(private root: Root, readonly name: string, private staging: string) {}

  /** @returns undefined when the folder is there already: its files then go one by one. */
  static begin(root: Root, name: string, id: string): NewFolder | undefined {
    if (name === "" || existsSync(root.pathOf(name))) return undefined;
    const staging = root.ownPath(id);
    if (existsSync(staging)) Deno.removeSync(staging, { recursive: true });
    Deno.mkdirSync(staging);
    return new NewFolder(root, name, staging);
  }

  add(item: Item, bytes: Bytes): void {
    const path = this.#staged(item);
    Deno.writeFileSync(path, bytes);
    setTime(path, item.modified);
    this.#items.push(item);
  }

  /** All that was added is in its place when this returns, but what `failed` was told of. */
  appear(failed: (file: number, cause: unknown) => void): void {
    try {
      Deno.renameSync(this.staging, this.root.pathToWrite(this.name));
    } catch (cause) {
      // Somebody made the folder meanwhile: what they put there stays.
      for (const item of this.#items) {
        try {
          if (cause instanceof LabError) throw cause;
          giveName(this.root, this.#staged(item), { ...item, modified: 0 });
        } catch (cause) {
          failed(item.file, cause);
        }
      }
      this.discard();
    }
  }

  discard(): void {
    if (existsSync(this.staging)) removeIfFree(this.staging);
  }

  #staged(item: Item): string {
    // The last part of a checked name: there is nothing to normalize, and joining ten thousand times is dear.
    return this.staging + SEPARATOR + item.target.slice(this.name.length + 1);
  }
}

/** Reads a file from front to back in large parts, and hands out small ones. */
class ReadWindow {
  #buffer: Bytes = new Uint8Array(2 * 1024 * 1024);
  #start = 0;
  #filled = 0;

  constructor(private file: Deno.FsFile) {}

  /** Bytes at an offset; valid until the next call. */
  at(offset: number, length: number): Bytes {
    if (length > this.#buffer.length) this.#buffer = new Uint8Array(length);
    if (offset < this.#start || offset + length > this.#start + this.#filled) {
      this.#start = offset;
      this.#filled = readAt(this.file, this.#buffer, offset);
    }
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/**
 * Gives a file its final name, unless something has it already. A hard link never replaces anything, and costs no look
 * beforehand; where the volume has none (FAT), it's a look and a rename.
 *
 * @returns false when the name is taken.
 */
function takeName(temporary: string, path: string): boolean {
  try {
    Deno.linkSync(temporary, path);
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists || existsSync(path)) return false;
    if (cause instanceof Deno.errors.NotFound) throw cause;
    if (isOtherVolume(cause)) return takeNameElsewhere(temporary, path);
    Deno.renameSync(temporary, path);
    return true;
  }
  removeIfFree(temporary);
  return true;
}

/** A folder of the share may be a volume of its own: the file is copied there first, under a name of ours. */
function takeNameElsewhere(temporary: string, path: string): boolean {
  const there = join(
    dirname(path),
    `${OWN_PREFIX}${toHex(sha256(utf8(path))).slice(0, 32)}.tmp`,
  );
  try {
    if (existsSync(there)) Deno.removeSync(there);
    copyWithTime(temporary, there);
    if (!takeName(there, path)) return false;
  } finally {
    if (existsSync(there)) removeIfFree(there);
  }
  removeIfFree(temporary);
  return true;
}

/**
 * A virus scanner that holds what was just written keeps it there: it does no harm, and goes when it is old, or when the
 * next one needs its name.
 */
function removeIfFree(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch { /* held */ }
}
