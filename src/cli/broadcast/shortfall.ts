/** The sentence that ends a broadcast which not everybody has: each end other than exit code 0 has one. Pure. */

import { LabError } from "../../base/errors.ts";
import { formatCount } from "../../base/units.ts";
import { printable } from "../../catalog/names.ts";

/** Names told one by one. */
const MOST_NAMES = 5;

/** How a broadcast ended. */
export interface Shortfall {
  id: string;
  /** The file, or how many there were. */
  name: string;
  /** To how many PCs it went; those that are off aren't counted. */
  peers: number;
  /** Those that don't have it, at least one; the reason is empty where nobody knows one. */
  failed: readonly { name: string; reason?: string | undefined }[];
  /** Nobody gets it any more. */
  withdrawn?: boolean;
}

/**
 * What a broadcast ends with that some PCs don't have.
 *
 * @example
 * ```ts
 * import { notEverywhere } from "./shortfall.ts";
 * const failed = [{ name: "pc2", reason: "Its disk is full" }];
 * const { message } = notEverywhere({ id: "5f1d7c0a", name: "a.iso", peers: 2, failed });
 * // "a.iso isn't on 1 of 2 PCs, pc2: Its disk is full; --retry-failed 5f1d7c0a offers it again"
 * ```
 */
export function notEverywhere({ id, name, peers, failed, withdrawn }: Shortfall): LabError {
  const names = failed.slice(0, MOST_NAMES).map((each) => printable(each.name)).join(", ");
  const more = failed.length > MOST_NAMES ? " and more" : "";
  const reason = failed.find((each) => each.reason)?.reason ?? "it has not said why";
  const first = failed.length > 1 ? "the first reason: " : "";
  const next = withdrawn ? "it was withdrawn meanwhile" : `--retry-failed ${id} offers it again`;
  return new LabError(
    "failed",
    `${printable(name)} isn't on ${failed.length} of ${formatCount(peers, "PC")}, ${names}${more}: ` +
      `${first}${printable(reason)}; ${next}`,
  );
}
