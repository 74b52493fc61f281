/**
 * What manifests claimed of whole files, kept until the scan of the share has read the file itself. Not responsible for
 * reading it, nor for what follows from a false claim.
 */

import { printable } from "../../catalog/names.ts";
import type { FetchedFile } from "../fetch/content_run.ts";

/** Claims whose files are looked for at a time: as many system calls, for which everybody else waits. */
const LOOKED_AT = 200;

/** Claims that nobody has checked yet, by the path of the file. */
export class Claims {
  #open = new Map<string, FetchedFile>();

  /** @param isThere tells whether a path is a file that a scan of the share may come upon. */
  constructor(private isThere: (path: string) => boolean) {}

  /** How many there are. */
  get size(): number {
    return this.#open.size;
  }

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

  /** Forgets claims of files that were removed before any scan came upon them; looks at some, others the next time. */
  tidy(): void {
    for (const [path, file] of [...this.#open.entries().take(LOOKED_AT)]) {
      this.#open.delete(path);
      if (this.isThere(path)) this.#open.set(path, file);
    }
  }
}
