/**
 * What was compiled in. `deno task compile --share DIR --data DIR` bakes one argument in front of the person's own,
 * `@baked={"share":"DIR","data":"DIR"}`: it names the folders that the executable's permissions name, so that defaults
 * and error messages agree with the sandbox. It grants nothing by itself.
 */

import { LabError } from "../base/errors.ts";

/** The two folders that a program works in. */
export interface Folders {
  /** Files that are offered to others, and where fetched ones land. */
  share: string;
  /** What the program keeps for itself: index, parts, records, logs. */
  data: string;
}

/** The folders that were compiled in, and the arguments that the person gave. */
export interface Baked {
  folders: Folders;
  args: string[];
}

const MARK = "@baked=";

/**
 * Takes the baked argument off, if there is one. Only the first argument can be it.
 *
 * @param args as the process got them.
 * @param fallback the folders of a program that had none baked in.
 * @throws {LabError} "usage" when the argument is damaged: the executable was put together wrongly.
 * @example
 * ```ts
 * import { unbake } from "./baked.ts";
 * const { folders, args } = unbake(['@baked={"share":"D:/lab"}', "serve"], { share: "./share", data: "./peer-data" });
 * if (folders.share !== "D:/lab" || folders.data !== "./peer-data" || args[0] !== "serve") throw new Error("unbaked");
 * ```
 */
export function unbake(args: readonly string[], fallback: Folders): Baked {
  const first = args[0];
  if (!first?.startsWith(MARK)) return { folders: { ...fallback }, args: [...args] };
  const baked = readBaked(first.slice(MARK.length));
  return {
    folders: { share: baked["share"] ?? fallback.share, data: baked["data"] ?? fallback.data },
    args: args.slice(1),
  };
}

function readBaked(json: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  const fine = typeof value === "object" && value !== null &&
    Object.values(value).every((folder) => typeof folder === "string" && folder !== "");
  if (!fine) {
    throw new LabError("usage", `Cannot read the folders compiled in, ${json}: compile the executable again`);
  }
  return value as Record<string, string>;
}
