/**
 * Binary search, once for all who keep something in order: a place is found by what comes before it, not by a key, so
 * that "the first not below", "the first above" and "the last at or below" are the same question.
 */

/**
 * How many items at the start of `sorted` come before the place that is looked for: the place's index, from 0 to
 * `sorted.length`. Asks `isBefore` about log2 of the length many items.
 *
 * `isBefore` must be true for a first part of the items and false for the rest; whether it is isn't looked at.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(partitionPoint([2, 3, 3, 7], (item) => item < 3), 1);
 * assertEquals(partitionPoint([2, 3, 3, 7], (item) => item <= 3), 3);
 * ```
 */
export function partitionPoint<Item>(sorted: ArrayLike<Item>, isBefore: (item: Item) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(sorted[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
