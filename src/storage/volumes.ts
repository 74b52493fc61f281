/** What a rename does within a volume and can't from one to another. */

/** Tells whether a rename or a link failed because it led to another volume. */
export function isOtherVolume(thrown: unknown): boolean {
  const number = /\(os error (\d+)\)/.exec(thrown instanceof Error ? thrown.message : "")?.[1];
  return number === (Deno.build.os === "windows" ? "17" : "18");
}

/** Copies a file with its time, as a rename would move it. */
export function copyWithTime(from: string, to: string): void {
  Deno.copyFileSync(from, to);
  const { atime, mtime } = Deno.statSync(from);
  if (atime && mtime) Deno.utimeSync(to, atime, mtime);
}
