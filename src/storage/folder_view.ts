/**
 * What lies in the folders of a root, read once per folder: looking at ten thousand single names would take ten times as
 * long, most of all where nothing is there yet.
 */

import { nameKey } from "../catalog/names.ts";
import { existsSync } from "node:fs";
import type { Root } from "./root.ts";

/** A look at many names of one root. */
export class FolderView {
  #folders = new Map<string, Set<string>>();

  constructor(private root: Root) {}

  /** Tells whether something has that name, as far as the system tells names apart. */
  has(name: string): boolean {
    const slash = name.lastIndexOf("/");
    const folder = name.slice(0, Math.max(0, slash));
    let names = this.#folders.get(folder);
    if (!names) this.#folders.set(folder, names = this.#read(folder));
    return names.has(comparable(name.slice(slash + 1)));
  }

  #read(folder: string): Set<string> {
    const path = folder === "" ? this.root.path : this.root.pathOf(folder);
    const names = new Set<string>();
    if (!existsSync(path)) return names;
    try {
      for (const entry of Deno.readDirSync(path)) names.add(comparable(entry.name));
    } catch { /* a file in the place of a folder: whoever writes there is told */ }
    return names;
  }
}

/** Names that are one name to this system compare equal. */
export function comparable(name: string): string {
  return Deno.build.os === "linux" ? name : nameKey(name);
}
