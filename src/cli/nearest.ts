/** The word that somebody may have meant. */

/**
 * Edits between two words: insertions, deletions, replacements and swaps of neighbours.
 * Its time is the product of the lengths: for words of a person's command line only.
 */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      row.push(cost);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}

/**
 * The candidate nearest to a word, if it is near enough to be what was meant: at most a third of the letters wrong,
 * or one the beginning of the other.
 *
 * @example
 * ```ts
 * import { nearest } from "./nearest.ts";
 * if (nearest("brodcast", ["fetch", "broadcast"]) !== "broadcast") throw new Error("near");
 * if (nearest("xyz", ["fetch", "broadcast"]) !== undefined) throw new Error("far");
 * ```
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const short = word.slice(0, 40).toLowerCase();
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const starts = short.length >= 2 && (candidate.startsWith(short) || short.startsWith(candidate));
    const edits = starts ? 1 : distance(short, candidate);
    if (edits < least && (starts || edits <= Math.max(1, Math.floor(candidate.length / 3)))) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}
