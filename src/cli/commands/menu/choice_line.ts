/** How a choice of the menu looks in its one line, on a terminal that may be made wider or narrower meanwhile. Pure. */

import { unicodeWidth } from "@std/cli";
import { shorten } from "../../table.ts";
import type { Choice } from "./prompts.ts";

/** Columns that clack keeps free: the bar as it counts it, with its colours, and the mark. */
const MARGIN = 15;
/** Columns of the space and the brackets around a hint. */
const HINT_MARGIN = 3;
/** A label is not cut shorter. */
const LEAST_LABEL = 20;
/** A hint that would be shorter says nothing. */
const LEAST_HINT = 9;

/** A choice as it is shown: cut when it is looked at, to the width of that moment. */
export interface ChoiceLine {
  value: string;
  readonly label: string;
  /** Empty where there is none, or no room for it. */
  readonly hint: string;
}

/**
 * Fits a choice into one line.
 *
 * @param columns how wide the terminal is now.
 */
export function choiceLine({ value, label, hint = "" }: Choice, columns: () => number): ChoiceLine {
  const room = () => Math.max(LEAST_LABEL, columns() - MARGIN);
  return {
    value,
    get label() {
      return shorten(label, room());
    },
    get hint() {
      const width = room();
      const left = width - unicodeWidth(shorten(label, width)) - HINT_MARGIN;
      return left >= LEAST_HINT ? cut(hint, left) : "";
    },
  };
}

/** Cuts a text off at its end: unlike a name, a hint says most at its beginning. */
function cut(text: string, width: number): string {
  if (unicodeWidth(text) <= width) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (unicodeWidth(kept + segment) >= width) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}
