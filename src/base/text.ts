/** Text from the network, made fit for a terminal, a log and a page. */

/** What a terminal would obey, or a reader would not see; joiners are left, since emoji and Persian need them. */
export const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Co}]|(?![\u200c\u200d])\p{Cf}/u;

/**
 * A text as it may be shown on a terminal or in a log, whoever wrote it: one line, nothing that moves the cursor,
 * changes the reading direction or hides.
 *
 * @param text anything.
 * @param max longest answer in UTF-16 units, the ellipsis included; at least 1.
 * @example
 * ```ts
 * import { printable } from "./text.ts";
 * if (printable("a\x1b[2J\nb") !== "a\\u{1b}[2J\\u{a}b") throw new Error("harmless");
 * if (printable("abcdef", 4) !== "abc…") throw new Error("cut");
 * ```
 */
export function printable(text: string, max = 200): string {
  let shown = "";
  let fits = 0; // length of the longest start that leaves room for the ellipsis
  for (const character of text) {
    shown += UNPRINTABLE.test(character) ? `\\u{${character.codePointAt(0)!.toString(16)}}` : character;
    if (shown.length > max) return shown.slice(0, fits) + "…";
    if (shown.length < max) fits = shown.length;
  }
  return shown;
}
