/**
 * A lead's broadcast takes the name, and those of the folders above it. What had it before is not lost: it is moved to
 * `replaced` in the data folder, under its name and the time.
 */

import { existsSync } from "node:fs";
import { dirname, join } from "@std/path";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import { printable, replacedName } from "../../catalog/names.ts";
import { FolderView } from "../../storage/folder_view.ts";
import { fileError, type Root } from "../../storage/root.ts";
import { copyWithTime, isOtherVolume } from "../../storage/volumes.ts";

/** Moves files out of the way. */
export class Aside {
  /** @param o `rename`: the system's own, but for tests. */
  constructor(
    private o: { root: Root; data: string; clock: Clock; log: Logger; rename?: typeof Deno.renameSync },
  ) {}

  /**
   * Frees the names of files that are whole now.
   *
   * @returns puts the old files back.
   * @throws {LabError} when one can't be moved; all are then where they were.
   */
  makeRoom(files: readonly { present: boolean; target: string }[]): () => void {
    const undo: (() => void)[] = [];
    const putBack = () => undo.splice(0).forEach((each) => each());
    try {
      const view = new FolderView(this.o.root);
      const folders = new Set<string>();
      for (const { present, target } of files) {
        if (present) continue;
        for (const folder of foldersAbove(target)) {
          if (folders.has(folder)) continue;
          folders.add(folder);
          if (this.#isFile(folder)) undo.push(this.free(folder));
        }
        if (view.has(target)) undo.push(this.free(target));
      }
    } catch (cause) {
      putBack();
      throw cause;
    }
    return putBack;
  }

  #isFile(name: string): boolean {
    try {
      return Deno.lstatSync(this.o.root.pathOf(name)).isFile;
    } catch {
      return false;
    }
  }

  /**
   * Frees a name.
   *
   * @returns puts the old file back, unless the name is taken by then.
   * @throws {LabError} when the file that has it can't be moved; it is then where it was.
   */
  free(name: string): () => void {
    const { root, data, clock, log, rename = Deno.renameSync } = this.o;
    const path = root.pathOf(name);
    try {
      Deno.lstatSync(path);
    } catch {
      return () => {};
    }
    const time = new Date(clock.now()).toISOString().replaceAll(/[:.]/g, "-");
    const folder = join(data, "replaced");
    const aside = freePath(folder, name, time);
    try {
      Deno.mkdirSync(dirname(aside), { recursive: true });
      move(path, aside, rename);
    } catch (cause) {
      throw fileError(cause, `Cannot move the old ${printable(name)} away to ${folder}`);
    }
    log.info(`Replaced ${printable(name)}: the old one is ${aside}`);
    return () => {
      try {
        if (existsSync(path)) return;
        move(aside, path, rename);
        log.info(`${printable(name)} was not replaced: the old one is back`);
      } catch (cause) {
        log.error(`Cannot put the old ${printable(name)} back; it is ${aside}: ${messageOf(cause)}`);
      }
    };
  }
}

/** The folders that a file lies in, the outermost first. */
function foldersAbove(name: string): string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** The first path for an old file that nothing has. */
function freePath(folder: string, name: string, time: string): string {
  for (let attempt = 1;; attempt++) {
    const path = join(folder, ...replacedName(name, time, attempt).split("/"));
    if (!existsSync(path)) return path;
  }
}

/**
 * The data folder may be on another volume, where a rename can't lead. A file that can't be moved for another reason, such
 * as a program that has it open on Windows, is not copied: each further try would leave one more copy.
 */
function move(from: string, to: string, rename: typeof Deno.renameSync): void {
  try {
    rename(from, to);
  } catch (cause) {
    if (!isOtherVolume(cause)) throw cause;
    try {
      copyWithTime(from, to);
      Deno.removeSync(from);
    } catch (cause) {
      // Half a copy takes the room that the program's own files need.
      if (existsSync(to)) Deno.removeSync(to);
      throw cause;
    }
  }
}
