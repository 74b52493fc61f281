/** Text of others in a page. */

import { printable } from "../../catalog/names.ts";

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * A text as it may stand in HTML or SVG, between tags and in quoted attributes alike; what would be obeyed or not seen is
 * spelt out.
 *
 * @example
 * ```ts
 * import { escaped } from "./escape.ts";
 * if (escaped(`<b onclick="x">&'`) !== "&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;") throw new Error("escaped");
 * ```
 */
export function escaped(text: string): string {
  return printable(text, Infinity).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
