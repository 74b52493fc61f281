/** Door to `@std/fs`: walking folders, globs, existence. Types are beside this file. */

// @ts-types="./std_fs.d.ts"
export {
  copy,
  emptyDir,
  ensureDir,
  ensureFile,
  exists,
  existsSync,
  expandGlob,
  move,
  walk,
  walkSync,
} from "npm:deno-std@1.3.1/fs/mod.js";
