/**
 * The living index of a share: rows in memory, index.csv on disk, a worker that scans. Change notices of the system only
 * hurry a scan; the scan every interval is the truth. Starting the worker costs more than most scans, so an empty share
 * has none.
 */

import type { Clock } from "../base/clock.ts";
import { LabError, messageOf } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { applyScan, type Scanned } from "../catalog/index.ts";
import { printable } from "../catalog/names.ts";
import type { IndexRow } from "../catalog/row.ts";
import { demandApart } from "../storage/apart.ts";
import { IndexFile } from "../storage/index_file.ts";
import { PieceHashes } from "../storage/piece_hashes.ts";
import type { ScanNews, ScanOrder } from "../storage/scan_protocol.ts";
import { OWN_PREFIX } from "../storage/root.ts";
import type { Skipped } from "../storage/scan.ts";
import { ShareWatch } from "./share_watch.ts";

/** What changed in the index. */
export interface IndexNews {
  added: IndexRow[];
  gone: IndexRow[];
}

/** What a share index works with. */
export interface ShareIndexOptions {
  /** Absolute path of the share. */
  share: string;
  /** Absolute path of the data folder. */
  data: string;
  clock: Clock;
  log: Logger;
  changed?: (news: IndexNews) => void;
}

/** Pause between a change notice and the scan, milliseconds: a copy of many files is one scan. */
const SETTLE = 300;

/** The index of one share. */
export class ShareIndex {
  readonly pieces: PieceHashes;
  #o: ShareIndexOptions;
  #file: IndexFile;
  #rows: IndexRow[] = [];
  #byHash = new Map<string, IndexRow[]>();
  #found = new Map<string, Scanned>();
  #isOpen = false;
  #worker: Worker | undefined;
  #fault: LabError | undefined;
  #scanning: Promise<void> | undefined;
  #again = false;
  #scanned = { resolve: () => {}, reject: (_: unknown) => {} };
  #told = new Set<string>();
  #watch: ShareWatch | undefined;
  #stops: (() => void)[] = [];
  #cancelSoon = () => {};
  #isSoon = false;
  /** When to scan, unless something more changes until then; monotonic milliseconds. */
  #soonAt = 0;

  constructor(options: ShareIndexOptions) {
    this.#o = options;
    this.pieces = new PieceHashes(options.data);
    this.#file = new IndexFile(options.data, options);
  }

  /** All rows, those of files that have gone included. */
  get rows(): readonly IndexRow[] {
    return this.#rows;
  }

  /** Rows of files that are there. */
  present(): IndexRow[] {
    return this.#rows.filter((row) => row.flag === 1);
  }

  /** A file with this content, the one of this name if there are several. */
  find(sha256: string, name?: string): IndexRow | undefined {
    const rows = this.#byHash.get(sha256);
    return rows?.find((row) => row.name === name) ?? rows?.[0];
  }

  /** The hash of a file as the index knows it, if it hasn't changed since. */
  known(name: string, size: number, modified: number): string | undefined {
    const file = this.#found.get(name);
    return file && file.size === size && Date.parse(file.modified) === modified ? file.sha256 : undefined;
  }

  /**
   * Reads index.csv.
   *
   * @throws {LabError} "not_permitted" when share and data folder lie in one another.
   */
  async open(): Promise<void> {
    demandApart(this.#o.share, this.#o.data);
    this.#setRows(await this.#file.load());
    for (const { flag, ...file } of this.#rows) if (flag === 1) this.#found.set(file.name, file);
    this.#isOpen = true;
  }

  /** Starts the scan worker if it doesn't run: the first file that comes need not wait for it. */
  warm(): void {
    if (this.#worker || this.#fault || !this.#isOpen) return;
    const { share, data } = this.#o;
    this.#worker = startWorker(share, data);
    this.#worker.onmessage = ({ data: news }: MessageEvent<ScanNews>) => this.#hear(news);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new LabError("failed", `The scan of the share failed: ${event.message}`));
    };
    this.#tell({ kind: "start", share, data, known: [...this.#found.values()] });
  }

  /** Scans now; while a scan runs, waits for it and scans once more. */
  scan(): Promise<void> {
    if (this.#scanning) {
      this.#again = true;
      return this.#scanning;
    }
    this.#scanning = this.#scanAll().finally(() => this.#scanning = undefined);
    return this.#scanning;
  }

  /** Scans in a moment; more calls until then are one scan. */
  scanSoon(): void {
    const { clock } = this.#o;
    // Called for each of 10,000 files that come: the timer that runs already is asked to wait, not made anew.
    this.#soonAt = clock.monotonic() + SETTLE;
    if (this.#isSoon) return;
    this.#isSoon = true;
    const look = () => {
      const left = this.#soonAt - clock.monotonic();
      if (left > 0) return void (this.#cancelSoon = clock.after(left, look));
      this.#isSoon = false;
      this.scan().catch((cause) => this.#o.log.error(`Cannot scan the share: ${messageOf(cause)}`));
    };
    this.#cancelSoon = clock.after(SETTLE, look);
  }

  /**
   * A file has come into the share, which a notice may miss. While more are coming it is found at their end, or by a scan at
   * the interval: 10,000 files that come slowly enough were scanned again and again.
   */
  came(): void {
    if (!this.#watch?.isResting) this.scanSoon();
  }

  /** Scans every so many milliseconds, and soon after the system says that something changed. */
  keepCurrent(interval: number): void {
    this.#stops.push(this.#o.clock.every(interval, () => this.scanSoon()));
    this.#watch = new ShareWatch({ ...this.#o, changed: () => this.scanSoon() });
  }

  /** Files come into the share, and our own writes are no news. @returns to be called when they have come. */
  incoming(): () => void {
    return this.#watch?.rest() ?? (() => {});
  }

  /** Writes what is to be written and ends the worker. */
  async close(): Promise<void> {
    this.#isOpen = false;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#cancelSoon();
    this.#watch?.close();
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#scanned.reject(new LabError("interrupted", "The scan was interrupted"));
    await this.#scanning?.catch(() => {/* whoever asked for it hears */});
    await this.#file.retry();
  }

  async #scanAll(): Promise<void> {
    do {
      this.#again = false;
      if (this.#worker || !this.#isEmpty()) await this.#scanByWorker();
      await this.#update({ save: true });
    } while (this.#again);
  }

  #scanByWorker(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.warm();
      if (!this.#worker) return reject(this.#fault ?? new LabError("interrupted", "The index is closed"));
      this.#scanned = { resolve, reject };
      this.#tell({ kind: "scan" });
    });
  }

  /** Nothing to look at: no file that was there, and none that is. */
  #isEmpty(): boolean {
    if (this.#fault || !this.#isOpen || this.#found.size > 0) return false;
    try {
      for (const { name } of Deno.readDirSync(this.#o.share)) {
        if (!name.toLowerCase().startsWith(OWN_PREFIX)) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** The worker is of no use any more: a scan that runs fails, and so does every later one. */
  #fail(fault: LabError): void {
    this.#fault = fault;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#scanned.reject(fault);
  }

  #tell(order: ScanOrder): void {
    this.#worker!.postMessage(order);
  }

  #hear(news: ScanNews): void {
    switch (news.kind) {
      case "changed":
        for (const file of news.files) this.#found.set(file.name, file);
        // Told at once, so that a long first scan makes files available as it goes.
        this.#update({ save: false });
        return;
      case "scanned":
        for (const name of news.gone) this.#found.delete(name);
        this.#tellSkipped(news.skipped);
        this.#scanned.resolve();
        return;
      case "failed":
        // The worker goes on: the next scan may do better.
        this.#scanned.reject(new LabError("failed", news.message));
        return;
    }
  }

  #dirty = false;

  async #update(options: { save: boolean }): Promise<void> {
    // During the first scan, rows of an earlier run that haven't been looked at yet are still in `found`.
    const change = applyScan(this.#rows, [...this.#found.values()]);
    const changed = change.added.length > 0 || change.gone.length > 0;
    if (changed) {
      this.#dirty = true;
      this.#setRows(change.rows);
      this.#o.changed?.({ added: change.added, gone: change.gone });
    }
    if (!options.save) return;
    if (this.#dirty) {
      this.#dirty = false;
      await this.#file.save(this.#rows);
      this.pieces.keepOnly(new Set(this.present().map((row) => row.sha256)));
    } else {
      await this.#file.keep(this.#rows);
    }
  }

  #setRows(rows: IndexRow[]): void {
    this.#rows = rows;
    this.#byHash.clear();
    for (const row of rows) {
      if (row.flag === 0) continue;
      const same = this.#byHash.get(row.sha256);
      if (same) same.push(row);
      else this.#byHash.set(row.sha256, [row]);
    }
  }

  #tellSkipped(skipped: Skipped[]): void {
    const news = skipped.filter(({ name, reason }) => !this.#told.has(`${name}\n${reason}`));
    for (const { name, reason } of news.slice(0, 20)) {
      this.#o.log.warn(`Not shared: ${printable(name)}: ${printable(reason)}`);
    }
    if (news.length > 20) this.#o.log.warn(`Not shared: ${news.length - 20} more`);
    this.#told = new Set(skipped.map(({ name, reason }) => `${name}\n${reason}`));
  }
}

function startWorker(share: string, data: string): Worker {
  return new Worker(new URL("../storage/scan_worker.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        read: [share, data],
        write: [data],
        net: false,
        env: false,
        run: false,
        ffi: false,
        sys: false,
      },
    },
  });
}
