/** What must hold of every input; cheap, since it's asked a million times. */

/** @throws when it doesn't hold. */
export function demand(holds: boolean, what: string, cause?: unknown): asserts holds {
  if (!holds) throw new Error(`Broken: ${what}`, { cause });
}

/** @throws unless both are the same. */
export function same(seen: unknown, wanted: unknown, what: string): void {
  if (seen !== wanted) throw new Error(`Broken: ${what}:\n  ${show(seen)}\nis not\n  ${show(wanted)}`);
}

function show(value: unknown): string {
  return String(value).slice(0, 2000);
}
