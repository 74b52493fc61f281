/** What the main thread and the scan worker say to each other. */

import type { Scanned } from "../catalog/index.ts";
import type { Skipped } from "./scan.ts";

/** To the worker. */
export type ScanOrder =
  | { kind: "start"; share: string; data: string; known: Scanned[] }
  | { kind: "scan" };

/** From the worker. */
export type ScanNews =
  | { kind: "changed"; files: Scanned[] }
  | { kind: "scanned"; gone: string[]; skipped: Skipped[]; files: number }
  | { kind: "failed"; message: string };
