/**
 * A block of lines at the bottom of the terminal that is drawn again in place. Each drawing is one write that goes over the
 * old text line by line and erases only what is left of it, so nothing flickers. Whatever else is written takes the block
 * away first; the next drawing brings it back.
 */

import { unicodeWidth } from "@std/cli";
import type { Output } from "./output.ts";

const ERASE_TO_LINE_END = "\x1b[K";
const ERASE_BELOW = "\x1b[J";

/**
 * What to write to draw lines over those that were drawn before; the cursor is at the end of the last one.
 *
 * @param before rows that the old lines take up; 0 when there are none.
 * @param lines the new ones, none wider than the terminal. None at all takes the old ones away.
 */
export function repaint(before: number, lines: readonly string[]): string {
  const up = before > 1 ? `\x1b[${before - 1}A` : "";
  const text = lines.map((line) => line + ERASE_TO_LINE_END).join("\r\n");
  // The cursor stays on the last line: a line end there would scroll a full screen.
  return before === 0 ? text : `\r${up}${text}${ERASE_BELOW}`;
}

/** A block of lines that is drawn in place. */
export class LiveBlock {
  #widths: number[] = [];
  #previous: (() => void) | undefined;

  constructor(private readonly output: Output) {
    this.#previous = output.beforeWrite;
    output.beforeWrite = () => {
      this.#previous?.();
      this.clear();
    };
  }

  /** Draws lines in the place of those before; harmless and narrower than the terminal. */
  draw(lines: readonly string[]): void {
    const text = repaint(this.#rows(), lines);
    this.#widths = lines.map((line) => unicodeWidth(line));
    this.output.paint(text);
  }

  /** Takes the block away. */
  clear(): void {
    if (this.#widths.length === 0) return;
    const text = repaint(this.#rows(), []);
    this.#widths = [];
    this.output.paint(text);
  }

  /** Takes the block away for good. */
  close(): void {
    this.clear();
    this.output.beforeWrite = this.#previous;
  }

  /** Rows that what was drawn takes up now: a terminal that has become narrower has wrapped the lines. */
  #rows(): number {
    const columns = Math.max(1, this.output.screen()?.columns ?? 80);
    return this.#widths.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
  }
}
