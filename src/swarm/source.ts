/** What the scheduler knows of one source: what was asked of it, and how fast it delivers. */

import type { PieceOrder, SourceId } from "./types.ts";

/** A request under way. */
export interface Asked {
  content: string;
  piece: number;
  /** When it was asked, milliseconds. */
  since: number;
  /** Bytes of the piece. */
  length: number;
}

/** Weight of the newest measurement in the moving average of the rate. */
const NEWEST = 0.3;

/** One source. */
export class SourceState {
  /** Bytes asked for and not there yet. */
  bytes = 0;
  /** Pieces that have come. */
  delivered = 0;
  /** Bytes of the largest piece that it was asked for. */
  largest = 0;
  /** Bytes per second, a moving average; 0 until the first piece has come. */
  rate = 0;
  /** When it last delivered, or was last idle and then asked, milliseconds. */
  lastProgress: number;
  #asked = new Map<string, Asked>();

  constructor(readonly id: SourceId, now: number, readonly holder: string) {
    this.lastProgress = now;
  }

  /** Requests under way. */
  get requests(): number {
    return this.#asked.size;
  }

  /** All requests under way, the oldest first. */
  asked(): Iterable<Asked> {
    return this.#asked.values();
  }

  /** It owes us this piece. */
  isAsked(content: string, piece: number): boolean {
    return this.#asked.has(`${content}/${piece}`);
  }

  /** It owes us one piece more; the time of its last progress starts anew when it owed none. */
  ask({ content, piece }: PieceOrder, length: number, now: number): void {
    if (this.#asked.size === 0) this.lastProgress = now;
    this.#asked.set(`${content}/${piece}`, { content, piece, since: now, length });
    this.bytes += length;
    this.largest = Math.max(this.largest, length);
  }

  /** The request has been answered, with `delivered` bytes. */
  settle({ content, piece }: PieceOrder, delivered: number, now: number): void {
    const key = `${content}/${piece}`;
    const asked = this.#asked.get(key);
    if (!asked) return;
    this.#asked.delete(key);
    this.bytes -= asked.length;
    if (delivered > 0) {
      this.delivered++;
      const seconds = Math.max(now - Math.max(this.lastProgress, asked.since), 0.1) / 1000;
      const seen = delivered / seconds;
      this.rate = this.rate === 0 ? seen : this.rate + NEWEST * (seen - this.rate);
    }
    this.lastProgress = now;
  }

  /** It owes us nothing more of a content. */
  forgetContent(content: string): void {
    for (const [key, asked] of this.#asked) {
      if (asked.content !== content) continue;
      this.#asked.delete(key);
      this.bytes -= asked.length;
    }
  }
}
