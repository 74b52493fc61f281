/**
 * Broadcast files that lie in the registration server's own share: it can deliver them itself, after the command that
 * sent them has ended. Files elsewhere live as long as their command.
 *
 * Rules: only regular files below the share, looked at when they are taken over. A file whose time or size is another
 * later is not delivered until it has been hashed, once for that time and size and elsewhere than on this thread: with the
 * same SHA-256 it goes on being delivered, with another one it doesn't, which is said once. Until a broadcast has been
 * looked at after a start, nothing of it counts as being here.
 */

import { basename, dirname, relative, SEPARATOR } from "../deps/std_path.ts";
import type { Clock } from "../base/clock.ts";
import { LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { printable } from "../catalog/names.ts";
import { Root } from "../storage/root.ts";
import { isoTime } from "../storage/scan.ts";
import type { BroadcastFile, BroadcastStore } from "./broadcast_store.ts";

/** A file of ours, as it was when it was taken over, or last found to be the same. */
export interface OwnFile {
  /** Name below the root. */
  name: string;
  root: Root;
  size: number;
  /** ISO 8601. */
  modified: string;
}

/** What looking after the files needs. */
export interface LocalShareSetting {
  store: BroadcastStore;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  /** SHA-256 of a file below this folder, read on another thread; undefined when it can't be read. */
  hash?: ((folder: string, name: string) => Promise<string | undefined>) | undefined;
  /** More, or fewer, of a broadcast's files are here than before. */
  changed?: ((id: string) => void) | undefined;
}

/** For so long what was seen of a broadcast's files is believed, milliseconds: who fetches looks at each one in any case. */
const BELIEVED = 5_000;
/** Files looked at in one go: some milliseconds. */
const AT_ONCE = 200;
/** Hashes remembered of files that were read: as many files may change at once. */
const HASHES_KEPT = 10_000;

/** A file of a broadcast, and what is known of it. */
interface Kept extends OwnFile {
  /** What the broadcast calls it. */
  title: string;
  sha256: string;
  sound: boolean;
  /** The time with which it turned out to be another one. */
  refused?: string;
  /** That it isn't what it was has been said. */
  told?: boolean;
}

interface KeptBroadcast {
  /** By SHA-256 and name. */
  files: Map<string, Kept>;
  /** When they were last looked at, monotonic milliseconds; undefined before the first time. */
  looked: number | undefined;
  isLooking: boolean;
  sound: number;
}

/** Broadcast files in the registration server's own share. */
export class LocalShare {
  #root: Root | undefined;
  #broadcasts = new Map<string, KeptBroadcast>();
  /** Several broadcasts may have one file: it's read once. */
  #hashing = new Map<string, Promise<string | undefined>>();
  #reading: Promise<unknown> = Promise.resolve();

  /** @param share absolute path; without one nothing is delivered from here. */
  constructor(share: string | undefined, private o: LocalShareSetting) {
    try {
      if (share !== undefined) this.#root = Root.open(share, "read");
    } catch {
      // Not there, or not allowed: there is nothing in it.
    }
  }

  /** Tells how many files of a broadcast can be had here, as far as is known; looks again where that was long ago. */
  count(id: string): number {
    const kept = this.#broadcasts.get(id);
    if (!kept) return 0;
    const now = this.o.clock.monotonic();
    if (!kept.isLooking && (kept.looked === undefined || now - kept.looked > BELIEVED)) {
      this.#look(id, kept).catch((thrown) =>
        this.o.log.warn(`Cannot look at the files of a broadcast: ${messageOf(thrown)}`)
      );
    }
    return kept.sound;
  }

  /** A file of some broadcast. */
  find(sha256: string, name: string): OwnFile | undefined {
    for (const { files } of this.#broadcasts.values()) {
      const found = files.get(`${sha256} ${name}`);
      if (found?.sound) return found;
    }
    return undefined;
  }

  /** Takes up again what was taken over before a restart. */
  async load(ids: Iterable<string>): Promise<void> {
    for (const id of ids) this.#keep(id, await this.o.store.files(id), false);
  }

  /**
   * Takes a broadcast's files over.
   *
   * @param paths absolute paths as they were broadcast: files and folders below the share.
   * @throws {LabError} when one is not below the share, or not as it was told.
   */
  async adopt(id: string, paths: readonly string[]): Promise<void> {
    const root = this.#root;
    const { store } = this.o;
    if (!root) throw new LabError("not_found", "Cannot deliver from here: this server has no share");
    const folders = new Map(paths.map((path) => [basename(path), folderOf(root, path)]));
    const files = (await store.files(id)).map((file) => ({ ...file, here: look(root, file, folders) }));
    await store.saveFiles(id, 0, files);
    this.#keep(id, files, true);
  }

  /** It is not to be had here any longer. */
  forget(id: string): void {
    this.#broadcasts.delete(id);
  }

  /** Looks again at what has changed, for it may have been put back. */
  lookAgain(): void {
    for (const [id, { files, sound }] of this.#broadcasts) if (sound < files.size) this.count(id);
  }

  #keep(id: string, files: readonly BroadcastFile[], sound: boolean): void {
    const root = this.#root;
    if (!root || files.length === 0 || files.some(({ here }) => !here)) return;
    const kept = files.map(({ name, size, sha256, here }): [string, Kept] => [
      `${sha256} ${name}`,
      { ...here!, root, size, sha256, sound, title: name },
    ]);
    const looked = sound ? this.o.clock.monotonic() : undefined;
    this.#broadcasts.set(id, {
      ...{ files: new Map(kept), looked, isLooking: false, sound: sound ? kept.length : 0 },
    });
  }

  /** Looks at all files of a broadcast, and has those read that are not as they were. */
  async #look(id: string, kept: KeptBroadcast): Promise<void> {
    const { store, clock, changed } = this.o;
    kept.isLooking = true;
    let isNews = false;
    let looked = 0;
    try {
      for (const file of kept.files.values()) {
        if (looked++ % AT_ONCE === AT_ONCE - 1) await clock.sleep(0);
        const seen = this.#seen(file);
        if (seen === file.modified) this.#judge(file, true);
        else if (await this.#isSame(kept, file, seen)) isNews = true;
        if (this.#broadcasts.get(id) !== kept) return;
      }
      if (isNews) await store.saveFiles(id, 0, [...kept.files.values()].map(toStore));
    } finally {
      kept.isLooking = false;
      kept.looked = clock.monotonic();
      if (this.#count(kept)) changed?.(id);
    }
  }

  /** @returns true when the number of files that are here has changed. */
  #count(kept: KeptBroadcast): boolean {
    const before = kept.sound;
    kept.sound = [...kept.files.values()].filter(({ sound }) => sound).length;
    return kept.sound !== before;
  }

  /** The time of a file that can be the one that was broadcast; undefined where it can't. */
  #seen({ root, name, size }: Kept): string | undefined {
    try {
      const info = Deno.lstatSync(root.pathToRead(name));
      return info.isFile && info.size === size ? isoTime(info.mtime) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Its time is another one. @returns true when it's the same file all the same. */
  async #isSame(kept: KeptBroadcast, file: Kept, seen: string | undefined): Promise<boolean> {
    const refused = seen ?? "gone";
    if (file.refused === refused) return false;
    // Nobody is sent here for it while it is being read.
    file.sound = false;
    if (this.#count(kept)) this.#changed(kept);
    const sha256 = seen === undefined ? undefined : await this.#hash(file, seen);
    // It may have changed while it was read, or be held by who writes it, and then be anything: the next look tells.
    if (seen !== undefined && (sha256 === undefined || this.#seen(file) !== seen)) {
      this.#tell(file, "can't be read just now");
      return false;
    }
    const isSame = sha256 === file.sha256;
    if (isSame) file.modified = seen!;
    else file.refused = refused;
    this.#judge(file, isSame);
    return isSame;
  }

  #changed(kept: KeptBroadcast): void {
    for (const [id, each] of this.#broadcasts) if (each === kept) this.o.changed?.(id);
  }

  #judge(file: Kept, sound: boolean): void {
    file.sound = sound;
    if (!sound) return this.#tell(file, "is no longer what was broadcast");
    if (file.told) this.o.log.info(`${printable(file.title)} in the share is what was broadcast again`);
    file.told = false;
    delete file.refused;
  }

  /** Once, until it's delivered again. */
  #tell(file: Kept, what: string): void {
    if (file.told) return;
    file.told = true;
    this.o.log.warn(`${printable(file.title)} in the share ${what}: only PCs that have it deliver it`);
  }

  /** One file after the other: the disk is one. */
  #hash({ root, name, size }: Kept, seen: string): Promise<string | undefined> {
    const key = `${seen} ${size} ${name}`;
    const known = this.#hashing.get(key);
    if (known) return known;
    const read = this.#reading.then(() => this.o.hash?.(root.path, name)).catch(() => undefined);
    this.#reading = read;
    this.#hashing.set(key, read);
    read.then((sha256) => sha256 === undefined && this.#hashing.delete(key));
    if (this.#hashing.size > HASHES_KEPT) this.#hashing.delete(this.#hashing.keys().next().value!);
    return read;
  }
}

function toStore({ title, size, sha256, name, modified }: Kept): BroadcastFile {
  return { name: title, size, sha256, here: { name, modified } };
}

/** The folder that a path lies in, below the root, with a slash at its end; empty for the root itself. */
function folderOf(root: Root, path: string): string {
  const folder = relative(root.path, dirname(path)).replaceAll(SEPARATOR, "/");
  return folder === "" ? "" : `${folder}/`;
}

function look(
  root: Root,
  { name, size }: BroadcastFile,
  folders: ReadonlyMap<string, string>,
): { name: string; modified: string } {
  const folder = folders.get(name.split("/", 1)[0]!);
  if (folder === undefined) {
    throw new LabError("not_found", `Cannot find ${printable(name)} in the share`);
  }
  const below = `${folder}${name}`;
  const info = Deno.lstatSync(root.pathToRead(below));
  if (!info.isFile || info.size !== size) {
    throw new LabError("changed", `${printable(name)} is not what was broadcast`);
  }
  return { name: below, modified: isoTime(info.mtime) };
}
