/**
 * Door to `@std/path`: paths of this machine, and of POSIX for names in the index and on the wire.
 * Types are beside this file.
 */

// @ts-types="./std_path.d.ts"
export {
  basename,
  common,
  dirname,
  extname,
  fromFileUrl,
  globToRegExp,
  isAbsolute,
  isGlob,
  join,
  normalize,
  parse,
  relative,
  resolve,
  SEPARATOR,
  SEPARATOR_PATTERN,
  toFileUrl,
} from "npm:deno-std@1.3.1/path/mod.js";
// @ts-types="./std_path_flavour.d.ts"
export * as posix from "npm:deno-std@1.3.1/path/posix/mod.js";
// @ts-types="./std_path_flavour.d.ts"
export * as windows from "npm:deno-std@1.3.1/path/windows/mod.js";
