/**
 * The data folder holds this PC's key, and on the server's PC the whole lab: it must not be offered to others, nor written
 * to from outside. So nothing that is shared, sent or saved to may be it, lie around it, or be one of its files. What a
 * folder in it holds (an inbox, files that were replaced) may be sent: that came from outside.
 */

import { basename, dirname, join } from "@std/path";
import { LabError } from "../base/errors.ts";
import { comparable, mayLook, placeOf } from "./place.ts";
import { isWithin } from "./root.ts";

/**
 * Throws when a share and a data folder overlap, as the system sees them: through links, and in any case where that makes no
 * difference.
 *
 * @throws {LabError} "not_permitted".
 */
export function demandApart(share: string, data: string): void {
  const [outer, inner] = [place(share), place(data)];
  if (!isWithin(inner, outer) && !isWithin(outer, inner)) return;
  throw new LabError(
    "not_permitted",
    `Cannot share ${share}: it and the data folder ${data}, which holds this PC's key, lie in one another; choose folders apart`,
  );
}

/**
 * Throws when a path that somebody named would give away, or touch, what a data folder keeps.
 *
 * @throws {LabError} "not_permitted".
 */
export function demandNoState(path: string, data: string): void {
  const [wanted, state] = [place(path), place(data)];
  if (!isWithin(state, wanted) && dirname(wanted) !== state) return;
  if (dirname(wanted) === state && isFolder(wanted)) return;
  throw new LabError(
    "not_permitted",
    `Cannot use ${path}: the data folder ${data} holds this PC's key and is not for files; choose another place`,
  );
}

/** What the programs keep directly in a data folder. */
const STATE_FILE =
  /^(?:(?:peer|network|joining|membership|control|store|servers|authority|members|backup|last-backup)\.json|index\.csv|page\.key|serve\.lock|.*\.sqlite(?:-\w+)?)$/i;

/**
 * Throws when a log is to lie where a folder of the program's own is or is going to be, or over a file of its state.
 *
 * @param path absolute.
 * @throws {LabError} "usage".
 */
export function demandLogPlace(path: string, { share, data }: { share: string; data: string }): void {
  const [wanted, state] = [place(path), place(data)];
  const isTaken = isWithin(state, wanted) || isWithin(place(share), wanted);
  if (!isTaken && !(dirname(wanted) === state && STATE_FILE.test(basename(wanted)))) return;
  throw new LabError(
    "usage",
    `Cannot write the log ${path}: ${
      isTaken ? "that is where a folder of this program lies" : "this program keeps something else there"
    }; name a file, as in --log-file ${join(data, "labswarm.log")}`,
  );
}

function isFolder(path: string): boolean {
  try {
    return mayLook(path) && Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

function place(path: string): string {
  return comparable(placeOf(path));
}
