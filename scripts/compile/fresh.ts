/**
 * Tells whether an executable is up to date: a stamp keeps the hash of everything that went into it and of the
 * executable itself. Used by the demo and the end-to-end tests, so that nobody tests yesterday's program.
 */

import { exists, walk } from "@std/fs";
import { join, relative, SEPARATOR } from "@std/path";
import { sha256 } from "./runtime.ts";

/** Files beside `src` that decide what comes out. */
const INPUTS = ["deno.json", "deno.lock"];

/** Hash over the sources and the arguments of the compiler. */
export async function inputHash(root: string, args: readonly string[]): Promise<string> {
  const paths = [...INPUTS];
  for await (const entry of walk(join(root, "src"), { includeDirs: false })) {
    const path = relative(root, entry.path).replaceAll(SEPARATOR, "/");
    if (!path.endsWith("_test.ts") && !path.endsWith(".md")) paths.push(path);
  }
  const lines = [Deno.version.deno, ...args];
  for (const path of paths.sort()) {
    lines.push(`${path} ${await sha256(await Deno.readFile(join(root, path)))}`);
  }
  return await sha256(new TextEncoder().encode(lines.join("\n")));
}

/** A stamp's text: what went in, what came out. */
export async function stampOf(inputs: string, executable: string): Promise<string> {
  return `${inputs} ${await sha256(await Deno.readFile(executable))}\n`;
}

/** Tells whether the executable is there and is the one that the stamp speaks of, made from these inputs. */
export async function isFresh(inputs: string, executable: string, stamp: string): Promise<boolean> {
  if (!await exists(executable) || !await exists(stamp)) return false;
  return await Deno.readTextFile(stamp) === await stampOf(inputs, executable);
}
