/**
 * What must be in a name or its title for a search to find it, as far as that can be told beforehand: for passing over
 * blocks of names that can't have it. Pure.
 *
 * Rule: what catalog/search.ts would find is never passed over.
 */

import { globParts, isGlob, nameIn } from "../catalog/search.ts";
import { needed, type Signature } from "./signature.ts";

/** With more patterns than this, looking what each needs costs more than it saves. */
const PATTERNS_MAX = 32;

/**
 * Tells of a block whether something in it may be found.
 *
 * @returns undefined when anything may be found anywhere.
 */
export function needsOf(
  { patterns, query }: { patterns?: readonly string[] | undefined; query?: string | undefined },
): ((signature: Signature) => boolean) | undefined {
  const any = patternNeeds(patterns);
  const all = needed(queryParts(query ?? ""));
  if (!any && all.size === 0) return undefined;
  return (signature) =>
    signature.mayHold(all) && (any === undefined || any.some((needs) => signature.mayHold(needs)));
}

/** For each pattern what it needs; undefined when one of them needs nothing, or there are too many. */
function patternNeeds(patterns: readonly string[] | undefined): Set<number>[] | undefined {
  if (patterns === undefined || patterns.length > PATTERNS_MAX) return undefined;
  const needs = patterns.map((pattern) => needed(isGlob(pattern) ? globParts(pattern) : [nameIn(pattern)]));
  return needs.some((each) => each.size === 0) ? undefined : needs;
}

function queryParts(query: string): string[] {
  const whole = query.trim();
  // A glob with spaces may be one glob or several words: which letters it needs then isn't plain.
  if (/\s/.test(whole) && /[[{]/.test(whole)) return [];
  return whole.split(/\s+/).flatMap(literals);
}

function literals(word: string): string[] {
  return isGlob(word) ? globParts(word) : [word];
}
