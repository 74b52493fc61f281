/** Types of the part of `@std/path` that we use. */

export * from "./std_path_flavour.d.ts";
