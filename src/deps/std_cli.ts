/** Door to `@std/cli`: command-line arguments and the width of text on a terminal. Types are beside this file. */

// @ts-types="./std_cli.d.ts"
export { parseArgs, unicodeWidth } from "npm:deno-std@1.3.1/cli/mod.js";
