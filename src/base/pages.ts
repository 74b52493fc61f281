/** Lists that don't fit one message travel in several. */

import { LIMITS } from "./limits.ts";

/** Cuts a list so that each part stays within a page's rows and bytes. */
export function* inPages<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  bytesMax: number = LIMITS.pageBytes,
): Generator<T[]> {
  let page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (page.length >= LIMITS.pageRows || (page.length > 0 && bytes + size > bytesMax)) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(item);
    bytes += size;
  }
  if (page.length > 0) yield page;
}
