/**
 * Whose a data folder is: one program's for good, by what lies in it, and one `serve`'s at a time, by a lock. How to talk to
 * the serve that has it is in control.ts.
 */

import { existsSync } from "node:fs";
import { join } from "@std/path";
import { LabError } from "../base/errors.ts";
import { type FileLock, tryLock } from "../storage/lock.ts";

/** Files by which one knows whose data folder it is. */
const MARKS = {
  rs: ["rs.sqlite", "authority.json", "store.json"],
  peer: ["peer.json", "index.csv"],
} as const;

/**
 * Throws when a data folder is the other program's: `peer` would pass for the registration server with the keys that lie
 * there, and `rs` make a lab of its own over those of the peer. It happens where one folder was compiled into both.
 *
 * @throws {LabError} "usage".
 */
export function demandDataOf(program: "rs" | "peer", data: string): void {
  const has = (marks: readonly string[]) => marks.some((name) => existsSync(join(data, name)));
  const isTheirs = program === "peer" ? has(MARKS.rs) : has(MARKS.peer) && !has(MARKS.rs);
  if (!isTheirs) return;
  const other = program === "peer" ? "rs" : "peer";
  throw new LabError(
    "usage",
    `Cannot use ${data} for ${program}: it is the data folder of ${other}; choose another with --data ${
      join(data, program)
    }`,
  );
}

/**
 * Takes the data folder for this process, until the lock is released or the process ends.
 *
 * @param what it is wanted for, as in "Cannot serve".
 * @throws {LabError} "failed" when another serve works on it, "usage" when it is the other program's.
 */
export function lockDataFolder(data: string, program: "rs" | "peer", what = "serve"): FileLock {
  demandDataOf(program, data);
  const lock = tryLock(join(data, "serve.lock"));
  if (lock) return lock;
  throw new LabError(
    "failed",
    what === "serve"
      ? `Cannot serve: another ${program} serve uses the data folder ${data}; end it or choose another with --data`
      : `Cannot ${what}: ${
        program === "rs" ? "an" : "a"
      } ${program} serve uses the data folder ${data}; end it first`,
  );
}

/** Tells whether a process has taken the data folder, however it does. */
export function isServed(data: string): boolean {
  const lock = tryLock(join(data, "serve.lock"));
  lock?.release();
  return lock === undefined;
}
