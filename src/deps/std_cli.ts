/** Door to `@std/cli`: command-line arguments and the width of text on a terminal. Types are beside this file. */

// @ts-types="./std_cli.d.ts"
export { parseArgs } from "npm:deno-std@1.3.1/cli/parse_args.js";
export { unicodeWidth } from "./string_width.ts";
