/**
 * Pages that are open, and telling them what changes: server-sent events, one message for all.
 *
 * Rules: nobody looks, nothing is worked out. However large the lab, at most a twentieth of the time goes into this. A page
 * that doesn't read is let go: its browser comes back and begins anew.
 */

import type { Clock } from "../base/clock.ts";
import { LabError } from "../base/errors.ts";
import type { Feed } from "./feed.ts";

/** Pages open at once. */
const PAGES = 64;
/** Between two looks, milliseconds. */
const EVERY = 500;
/** Share of the time that may go into looking. */
const SHARE = 20;
/** A sign of life, so that pages whose PC was switched off are noticed; milliseconds. */
const BEAT = 15_000;
/** Messages that a page may leave unread. */
const UNREAD = 40;

type Page = ReadableStreamDefaultController<Uint8Array>;

/** Pages that are open. */
export class Live {
  #pages = new Set<Page>();
  #encoder = new TextEncoder();
  #stopLooking = () => {};
  #stopBeat = () => {};
  #closed = false;

  constructor(private feed: Feed, private clock: Clock) {}

  /** Pages that are open now. */
  get size(): number {
    return this.#pages.size;
  }

  /**
   * Opens a stream of events for one more page.
   *
   * @throws {LabError} "busy".
   */
  open(): ReadableStream<Uint8Array> {
    if (this.#closed || this.#pages.size >= PAGES) {
      throw new LabError("busy", `Cannot open the page: ${PAGES} are open already; close some`);
    }
    let page: Page;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        page = controller;
        if (this.#pages.size === 0) this.#begin();
        else this.#look();
        this.#pages.add(page);
        this.#tell(page, `retry: 2000\nevent: all\ndata: ${this.feed.all()}\n\n`);
      },
      cancel: () => this.#end(page),
    }, { highWaterMark: UNREAD });
  }

  /** Closes all. */
  close(): void {
    this.#closed = true;
    for (const page of [...this.#pages]) this.#drop(page);
    this.#end();
  }

  #begin(): void {
    this.feed.step();
    this.#plan(EVERY);
    this.#stopBeat = this.clock.every(BEAT, () => {
      for (const page of [...this.#pages]) this.#tell(page, ": still here\n\n");
    });
  }

  #plan(ms: number): void {
    this.#stopLooking = this.clock.after(ms, () => {
      const began = this.clock.monotonic();
      this.#look();
      if (this.#pages.size > 0) this.#plan(Math.max(EVERY, SHARE * (this.clock.monotonic() - began)));
    });
  }

  #look(): void {
    const changes = this.feed.step();
    if (changes === undefined) return;
    for (const page of [...this.#pages]) this.#tell(page, `event: changes\ndata: ${changes}\n\n`);
  }

  #tell(page: Page, text: string): void {
    if ((page.desiredSize ?? 0) <= 0) return this.#drop(page);
    page.enqueue(this.#encoder.encode(text));
  }

  #drop(page: Page): void {
    try {
      page.close();
    } catch { /* its reader has gone already */ }
    this.#end(page);
  }

  #end(page?: Page): void {
    if (page) this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    this.#stopLooking();
    this.#stopBeat();
  }
}
