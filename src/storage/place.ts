/**
 * Where a path leads: links on the way, and at its end, are followed; what isn't there yet is taken by its name. Looks only
 * where looking has been granted, since on a terminal the runtime would ask, and this is no place to ask.
 */

import { basename, dirname, join, resolve } from "@std/path";
import { nameKey } from "../catalog/names.ts";
import { isGranted } from "./granted.ts";
import { isWithin } from "./root.ts";

/** Links that lead to nothing, one after the other, are followed so often. */
const DANGLING = 40;

/**
 * Absolute path of the place that a path leads to.
 *
 * @example
 * ```ts
 * import { placeOf } from "./place.ts";
 * if (placeOf("/no/such/folder/x") !== "/no/such/folder/x") throw new Error("taken by its name");
 * ```
 */
export function placeOf(path: string): string {
  return follow(resolve(path), DANGLING);
}

/** The same form for all spellings of one place, where the system makes no difference between them. */
export function comparable(place: string): string {
  return Deno.build.os === "linux" ? place : nameKey(place);
}

/**
 * Where links take a path that seemed to lie elsewhere: out of the folder that it is written to lie in, or, when it lies in
 * none of these, anywhere but where it says.
 *
 * @param path absolute.
 * @param folders a link in their own place is their owner's choice, and means no harm.
 * @returns undefined when it lies where it says.
 */
export function leadsAway(path: string, folders: readonly string[]): string | undefined {
  const place = placeOf(path);
  const key = comparable(place);
  const around = folders.filter((folder) => isWithin(path, folder));
  const isThere = around.length > 0
    ? around.some((folder) => isWithin(key, comparable(placeOf(folder))))
    : key === comparable(resolve(path));
  return isThere ? undefined : place;
}

function follow(path: string, left: number): string {
  if (!mayLook(path)) return path;
  try {
    return Deno.realPathSync(path);
  } catch {
    const above = dirname(path);
    if (above === path) return path;
    const place = join(follow(above, left), basename(path));
    const target = left > 0 ? targetOf(place) : undefined;
    return target === undefined ? place : follow(resolve(dirname(place), target), left - 1);
  }
}

/** Where a link leads that leads to nothing: whoever writes there makes what it names. */
function targetOf(path: string): string | undefined {
  try {
    return mayLook(path) ? Deno.readLinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** On a terminal the runtime would ask about a path that hasn't been granted. */
export function mayLook(path: string): boolean {
  return isGranted("read", path);
}
