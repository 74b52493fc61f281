/**
 * The file of `--log-file`, for programs that run for years. Rules: however much is logged, the file and the older ones
 * beside it take no more than so many bytes; a file that can't be written or renamed stops nobody and is said once, and
 * tried again each time; how many lines are lost meanwhile stands in it when it can be written again.
 *
 * Where only the file itself may be written, and for as long as another program holds it (on Windows it can't be renamed
 * then), its older half goes instead.
 */

import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";

/** 5 files of 5 MB: a week of a lab's server at level info, and no more than a memory stick notices. */
const MAX_FILE_BYTES = 5_000_000;
/** Files beside the newest. */
export const OLD_FILES = 4;
/** What waits is written after this time, milliseconds: a crash loses no more. */
const FLUSH_MS = 1_000;
/** So much is written at once, UTF-16 units, and so much waits at most while nothing can be written. */
const ENOUGH = 64 * 1024;
const MOST_WAITING = 1_000_000;
/** A rename that failed is tried again after so long, milliseconds: who reads a log reads it for a while. */
const RENAME_AGAIN = 60_000;

/** What a log file works with. */
export interface LogFileOptions {
  path: string;
  /** Older ones may be renamed beside it. */
  rotate: boolean;
  clock: Clock;
  /** Hears, once, that nothing can be written, or that it works again. */
  tell: (sentence: string) => void;
  /** Bytes of one file; for tests. */
  maxBytes?: number;
}

/** A log file. */
export class RotatingFile {
  #o: LogFileOptions;
  #max: number;
  #file: Deno.FsFile | undefined;
  #waiting: string[] = [];
  #length = 0;
  #lost = 0;
  #isBroken = false;
  #renameAfter = -Infinity;
  #stopFlush: (() => void) | undefined;
  #synced: Promise<void> | undefined;

  /** @throws when the file can't be opened. */
  constructor(options: LogFileOptions) {
    this.#o = options;
    this.#max = (options.maxBytes ?? MAX_FILE_BYTES) * (options.rotate ? 1 : 1 + OLD_FILES);
    this.#file = open(options.path);
  }

  /** Takes a line, its end included. */
  write(line: string): void {
    this.#waiting.push(line);
    this.#length += line.length;
    if (this.#length >= ENOUGH && !this.#isBroken) return this.flush();
    this.#stopFlush ??= this.#o.clock.after(FLUSH_MS, () => this.flush());
    if (this.#length > MOST_WAITING) this.#lose();
  }

  /** Writes what waits. */
  flush(): void {
    this.#stopFlush?.();
    this.#stopFlush = undefined;
    if (this.#length === 0) return;
    try {
      this.#follow();
      this.#append(new TextEncoder().encode(this.#note() + this.#waiting.join("")));
      this.#waiting = [];
      this.#length = this.#lost = 0;
      this.#sync();
      if (this.#isBroken) this.#o.tell(`The log file ${this.#o.path} is being written again`);
      this.#isBroken = false;
    } catch (thrown) {
      if (!this.#isBroken) {
        this.#o.tell(
          `Cannot write the log file ${this.#o.path}: ${messageOf(thrown)}; tried again until it works`,
        );
      }
      this.#isBroken = true;
      this.#stopFlush = this.#o.clock.after(FLUSH_MS, () => this.flush());
    }
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    this.flush();
    this.#stopFlush?.();
    await this.#synced;
    this.#file?.close();
    this.#file = undefined;
  }

  /** What is missing in the file, as a line of it. */
  #note(): string {
    if (this.#lost === 0) return "";
    const time = new Date(this.#o.clock.now()).toISOString();
    return JSON.stringify({ time, level: "warn", message: `${this.#lost} lines are missing here` }) + "\n";
  }

  /** Nothing can be written: of what waits the older half goes. */
  #lose(): void {
    const lost = this.#waiting.splice(0, Math.ceil(this.#waiting.length / 2));
    this.#lost += lost.length;
    this.#length = this.#waiting.reduce((sum, line) => sum + line.length, 0);
  }

  /** Others may have renamed it, or removed it: what is written there nobody would find. */
  #follow(): void {
    const { path } = this.#o;
    let there: Deno.FileInfo | undefined;
    try {
      there = Deno.statSync(path);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
    const own = this.#file?.statSync().ino;
    // Windows may not say.
    const isOwn = there !== undefined && (!there.ino || !own || there.ino === own);
    if (!this.#file || !isOwn) this.#reopen();
  }

  #reopen(): Deno.FsFile {
    this.#file?.close();
    this.#file = undefined;
    return this.#file = open(this.#o.path);
  }

  /** All of it, or nothing: half a line is of use to nobody. */
  #append(bytes: Uint8Array): void {
    let file = this.#file ?? this.#reopen();
    let { size } = file.statSync();
    if (size > 0 && size + bytes.length > this.#max) {
      this.#makeRoom();
      file = this.#file ?? this.#reopen();
      ({ size } = file.statSync());
    }
    try {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    } catch (thrown) {
      try {
        // By its name: on Windows a file that is open for appending can't be cut.
        Deno.truncateSync(this.#o.path, size);
      } catch { /* then half a line it is */ }
      throw thrown;
    }
  }

  #makeRoom(): void {
    const { path, rotate, clock } = this.#o;
    const now = clock.monotonic();
    if (rotate && now >= this.#renameAfter) {
      // On Windows a file that is open can't be renamed.
      this.#file?.close();
      this.#file = undefined;
      try {
        shift(path);
        return;
      } catch {
        this.#renameAfter = now + RENAME_AGAIN;
      }
    }
    cut(path, Math.floor(this.#max / 2));
  }

  /** For a power cut; one at a time, and nobody waits for it. */
  #sync(): void {
    this.#synced ??= this.#file?.syncData().catch(() => {/* writing finds out, and tells */}).finally(() =>
      this.#synced = undefined
    );
  }
}

function open(path: string): Deno.FsFile {
  return Deno.openSync(path, { append: true, create: true });
}

/** `x.log` becomes `x.log.1`, that becomes `x.log.2`, and so on; the last one goes. */
function shift(path: string): void {
  for (let i = OLD_FILES - 1; i >= 0; i--) {
    try {
      Deno.renameSync(i === 0 ? path : `${path}.${i}`, `${path}.${i + 1}`);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
}

/** Leaves the last so many bytes of a file, from the beginning of a line. */
function cut(path: string, bytes: number): void {
  const file = Deno.openSync(path, { read: true, write: true });
  try {
    const { size } = file.statSync();
    const kept = new Uint8Array(Math.min(bytes, size));
    file.seekSync(size - kept.length, Deno.SeekMode.Start);
    for (let at = 0; at < kept.length;) {
      const n = file.readSync(kept.subarray(at));
      if (n === null) break;
      at += n;
    }
    const lines = kept.subarray(kept.indexOf(10) + 1);
    file.seekSync(0, Deno.SeekMode.Start);
    for (let at = 0; at < lines.length;) at += file.writeSync(lines.subarray(at));
    file.truncateSync(lines.length);
  } finally {
    file.close();
  }
}
