/**
 * What manifests claimed of whole files, kept until the scan of the share has read the file itself. Not responsible for
 * reading it, nor for what follows from a false claim.
 */

import { printable } from "../../catalog/names.ts";
import type { FetchedFile } from "../fetch/content_run.ts";

/** Claims that nobody has checked yet, by the path of the file. */
export class Claims {
  #open = new Map<string, FetchedFile>();

  /** A file has come; nothing is claimed of one that was there already. */
  note(file: FetchedFile): void {
    if (!file.present) this.#open.set(file.path, file);
  }

  /**
   * The whole file has been read: forgets the claim.
   *
   * @param path the file.
   * @param sha256 what it really is.
   * @returns a claim that was false, with a sentence for the log.
   */
  check(path: string, sha256: string): { claimed: string; sentence: string } | undefined {
    const claim = this.#open.get(path);
    this.#open.delete(path);
    if (!claim || claim.sha256 === sha256) return undefined;
    const from = claim.from.map((peer) => printable(peer)).join(", ");
    return {
      claimed: claim.sha256,
      sentence:
        `${printable(claim.name)} is not what ${from} claimed: its SHA-256 is ${sha256.slice(0, 12)}..., ` +
        `not ${claim.sha256.slice(0, 12)}...; do not trust it, and fetch it from another peer`,
    };
  }
}
