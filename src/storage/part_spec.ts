/** The description of a part file, as it goes from the main thread to the workers. */

import type { Bytes } from "../base/bytes.ts";
import type { ContentFile } from "../catalog/layout.ts";

/**
 * Whether a single file's claimed SHA-256 is checked before it gets its name, beside those of its pieces: "small" checks
 * where that is soon done; "never" leaves it to the next scan, which reads the file in any case.
 */
export type CheckWhole = "never" | "small" | "always";

/** What a part file holds, and where it goes. */
export interface PartSpec {
  /** Names the part file: made from what the content is, so that a later run finds it again. */
  key: string;
  files: ContentFile[];
  pieceSize: number;
  /** SHA-256 of each piece, end to end; as many as are known, where the file is being hashed yet. */
  hashes: Bytes;
  /** Final name of each file below the root: differs from the content's own where another file has that name. */
  targets: string[];
  /** Modification time to give each file, milliseconds since 1970; 0 leaves it at now. */
  modified: number[];
  /** True for a file that has its place already: its bytes are taken from there, and it's left alone at the end. */
  present: boolean[];
}
