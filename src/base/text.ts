/** Text from the network, made fit for a terminal, a log and a page. */

/**
 * Replaces whatever would move the cursor, colour the terminal, break the line or turn the reading direction: control and
 * format characters, lone surrogates. Anything else stays, in every script.
 *
 * @example
 * ```ts
 * import { printable } from "./text.ts";
 * if (printable("PC\u001b[31m 7\n") !== "PC\ufffd[31m 7\ufffd") throw new Error("escape sequence got through");
 * ```
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\ufffd");
}
