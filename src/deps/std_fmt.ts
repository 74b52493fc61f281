/**
 * Door to `@std/fmt`: sizes, durations and colours for people. The package has no common entrance, so the
 * parts that share a name are renamed here. Types are beside this file.
 */

// @ts-types="./std_fmt_bytes.d.ts"
export { format as formatBytes } from "npm:deno-std@1.3.1/fmt/bytes.js";
// @ts-types="./std_fmt_duration.d.ts"
export { format as formatDuration } from "npm:deno-std@1.3.1/fmt/duration.js";
// @ts-types="./std_fmt_colors.d.ts"
export {
  blue,
  bold,
  cyan,
  dim,
  getColorEnabled,
  gray,
  green,
  inverse,
  magenta,
  red,
  setColorEnabled,
  stripAnsiCode,
  underline,
  yellow,
} from "npm:deno-std@1.3.1/fmt/colors.js";
