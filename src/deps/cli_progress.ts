/** Door to `cli-progress`: progress bars. For terminals only. Types are beside this file. */

// @ts-types="./cli_progress.d.ts"
import cliProgress from "npm:cli-progress@3.12.0";

/** One bar. */
export const SingleBar = cliProgress.SingleBar;
/** Several bars below each other. */
export const MultiBar = cliProgress.MultiBar;
/** Ready-made looks. */
export const Presets = cliProgress.Presets;
export type { Bar, BarOptions, MultiBarHandle, Preset } from "./cli_progress.d.ts";
