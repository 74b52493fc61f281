/**
 * index.csv in the data folder. A damaged or locked one never stops the peer: a damaged one is set aside under another
 * name, a locked one is tried again at the next scan. What others did to it while the peer runs is noticed by its size and
 * time, and put right.
 */

import { basename, dirname, join } from "@std/path";
import type { Clock } from "../base/clock.ts";
import { LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { decodeIndex, encodeIndex, MAX_INDEX_TEXT } from "../catalog/csv.ts";
import type { IndexRow } from "../catalog/row.ts";
import { requirePermission } from "./root.ts";
import { renameWithRetry, writeAtomic } from "./atomic.ts";

/** Damaged ones that are kept, the newest: more of them tell nobody more. */
const DAMAGED_KEPT = 10;

/** Reads and writes index.csv of one data folder. */
export class IndexFile {
  readonly path: string;
  #clock: Clock;
  #log: Logger;
  #pending: readonly IndexRow[] | undefined;
  /** Size and time of the file as it was read or written last. */
  #left: string | undefined;
  /** Rows that were left out are in the file still: the next {@linkcode keep} puts it right. */
  #hasDamage = false;

  constructor(dataFolder: string, options: { clock: Clock; log: Logger }) {
    this.path = join(dataFolder, "index.csv");
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** The rows on disk; none when there is no file, or when it was damaged and set aside. */
  async load(): Promise<IndexRow[]> {
    let text: string;
    try {
      requirePermission(this.path, "read");
      const { size, isFile } = await Deno.stat(this.path);
      if (!isFile) {
        await this.#setAside(new LabError("failed", "it is no file"));
        return [];
      }
      if (size > MAX_INDEX_TEXT) {
        await this.#setAside(new LabError("failed", `it has ${size} bytes: limit is ${MAX_INDEX_TEXT}`));
        return [];
      }
      text = await Deno.readTextFile(this.path);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) {
        this.#log.warn(`Cannot read ${this.path}: ${messageOf(cause)}; the share is indexed afresh`);
      }
      return [];
    }
    try {
      const { rows, problems } = decodeIndex(text);
      this.#left = await this.#look();
      if (problems.length > 0) {
        this.#log.warn(`${this.path} has damaged rows, left out: ${problems.slice(0, 3).join("; ")}`);
        this.#hasDamage = true;
      }
      return rows;
    } catch (cause) {
      await this.#setAside(cause);
      return [];
    }
  }

  /**
   * Writes the rows. When the file is held by another program, says so and keeps them for {@linkcode retry}.
   *
   * @returns true when they are on disk.
   */
  async save(rows: readonly IndexRow[]): Promise<boolean> {
    try {
      await writeAtomic(this.path, encodeIndex(rows), { clock: this.#clock });
      this.#pending = undefined;
      this.#hasDamage = false;
      this.#left = await this.#look();
      return true;
    } catch (cause) {
      if (!this.#pending) {
        this.#log.warn(
          `${
            messageOf(cause)
          }; if it is open in another program, close it there. Tried again at the next scan`,
        );
      }
      this.#pending = rows;
      return false;
    }
  }

  /**
   * Nothing new is to be written: writes what could not be written before, and puts right what others did to the file. A
   * damaged one is set aside.
   */
  async keep(rows: readonly IndexRow[]): Promise<void> {
    if (this.#pending || this.#hasDamage) return void await this.save(rows);
    const found = await this.#look();
    if (found !== undefined && found === this.#left) return;
    if (found !== undefined) await this.load();
    await this.save(rows);
  }

  /** Writes what could not be written before, if anything. */
  async retry(): Promise<void> {
    if (this.#pending) await this.save(this.#pending);
  }

  async #look(): Promise<string | undefined> {
    try {
      requirePermission(this.path, "read");
      const { size, mtime } = await Deno.stat(this.path);
      return `${size} ${mtime?.getTime()}`;
    } catch {
      return undefined;
    }
  }

  async #setAside(cause: unknown): Promise<void> {
    const aside = `${this.path}.damaged-${
      new Date(this.#clock.now()).toISOString().replaceAll(/[:.]/g, "-")
    }`;
    try {
      await renameWithRetry(this.path, aside, this.#clock);
      this.#forgetOldDamage();
      this.#log.warn(`${this.path} is damaged (${messageOf(cause)}); it was set aside as ${aside}`);
    } catch (failed) {
      this.#log.warn(`${this.path} is damaged and could not be set aside: ${messageOf(failed)}`);
    }
  }

  /** Where a program damages it again and again there would be one more with each scan. */
  #forgetOldDamage(): void {
    const [folder, prefix] = [dirname(this.path), `${basename(this.path)}.damaged-`];
    const old = [...Deno.readDirSync(folder)].filter(({ name, isFile }) => isFile && name.startsWith(prefix))
      .map(({ name }) => name).sort().slice(0, -DAMAGED_KEPT);
    for (const name of old) Deno.removeSync(join(folder, name));
  }
}
