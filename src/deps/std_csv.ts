/** Door to `@std/csv`: reading and writing RFC 4180 CSV. Types are beside this file. */

// @ts-types="./std_csv.d.ts"
export { parse, stringify } from "npm:deno-std@1.3.1/csv/mod.js";
