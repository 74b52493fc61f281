/**
 * The log of a serve that runs inside the menu. Nothing is written while a question is open: the last lines are kept,
 * and what the person should know waits until the next question.
 */

import type { Clock } from "../../../base/clock.ts";
import type { Logger } from "../../../base/log.ts";
import { TOLD } from "../../logging.ts";
import type { Tone } from "./prompts.ts";

/** A line of the log. */
export interface LogEntry {
  /** Milliseconds since 1970. */
  time: number;
  tone: Tone;
  message: string;
}

/** Lines that are kept. */
const KEPT = 100;

/** A logger that keeps its last lines. */
export class MenuLog implements Logger {
  #entries: LogEntry[] = [];
  #news: LogEntry[] = [];
  #missed = 0;
  #onTrouble: (() => void) | undefined;

  /** @param file the command's own log, when that goes into a file. */
  constructor(private readonly clock: Clock, private readonly file?: Logger) {}

  /** The last lines, oldest first. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  debug(message: string, properties?: Record<string, unknown>): void {
    this.file?.debug(message, { ...properties, [TOLD]: true });
  }
  info(message: string, properties?: Record<string, unknown>): void {
    this.#keep("info", message);
    this.file?.info(message, { ...properties, [TOLD]: true });
  }
  warn(message: string, properties?: Record<string, unknown>): void {
    this.#hear(this.#keep("warn", message));
    this.file?.warn(message, { ...properties, [TOLD]: true });
  }
  error(message: string, properties?: Record<string, unknown>): void {
    this.#hear(this.#keep("error", message));
    this.file?.error(message, { ...properties, [TOLD]: true });
  }

  /** Something that is no trouble, but worth a line before the next question. */
  news(message: string, tone: Tone = "info"): void {
    this.#note({ time: this.clock.now(), tone, message });
  }

  /** Resolves at the next warning or error. */
  trouble(): Promise<void> {
    return new Promise((resolve) => this.#onTrouble = resolve);
  }

  /**
   * What has come in since the last time, and forgets that it is new.
   *
   * @returns the last lines, and how many before them were too many.
   */
  takeNews(): { lines: LogEntry[]; missed: number } {
    const taken = { lines: this.#news, missed: this.#missed };
    this.#news = [];
    this.#missed = 0;
    return taken;
  }

  #keep(tone: Tone, message: string): LogEntry {
    const entry = { time: this.clock.now(), tone, message };
    this.#entries.push(entry);
    if (this.#entries.length > KEPT) this.#entries.shift();
    return entry;
  }

  #hear(entry: LogEntry): void {
    this.#note(entry);
    this.#onTrouble?.();
  }

  #note(entry: LogEntry): void {
    this.#news.push(entry);
    if (this.#news.length <= MOST_NEWS) return;
    this.#news.shift();
    this.#missed++;
  }
}

/** More lines than these before a question would push it out of sight. */
const MOST_NEWS = 8;
