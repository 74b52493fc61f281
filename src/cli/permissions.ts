/**
 * The only place that asks for permission. The executables may touch their own folders; a path that the person names
 * on the command line may lie elsewhere. Then, on a terminal, the runtime asks for just that path, once to read and
 * once to write; without one the command ends with a sentence that names the folder that would do. The runtime takes a path
 * by its name: where a link in the share leads out of it, the place it leads to is asked about here as any other.
 *
 * Not here: whether the path exists, and links in what is below it. That is storage's.
 */

import { LabError } from "../base/errors.ts";
import { printable, windowsFault } from "../catalog/names.ts";
import type { Folders } from "./baked.ts";

/** What somebody wants to do with a path. */
export type Access = "read" | "write" | "read-write";

/** Says how to avoid the question. */
export interface AccessHint {
  /** The flag that the path came from, such as "--out"; without it, it was an argument. */
  flag?: string;
  /** The folder to use instead: the share unless said. */
  folder?: keyof Folders;
}

/**
 * Makes sure that a path may be touched.
 *
 * @param path as the person wrote it; against the current folder when relative.
 * @returns the absolute path, with `.` and `..` resolved without looking at the disk; where links lead out of the folder
 *          that it lies in, the place they lead to.
 * @throws {LabError} "not_permitted", exit code 4; "interrupted" instead of a question, when a signal came before it.
 */
export type EnsureAccess = (path: string, access: Access, hint?: AccessHint) => Promise<string>;

/** The part of `Deno.permissions` that is used. */
export interface PermissionsApi {
  query(wanted: { name: "read" | "write"; path: string }): Promise<{ state: string }>;
  request(wanted: { name: "read" | "write"; path: string }): Promise<{ state: string }>;
}

/** What the guard has to know. */
export interface GuardOptions {
  /** The folders that were compiled in. */
  folders: Readonly<Folders>;
  /** The data folder in use: nothing but what is meant for it may be it, hold it, or be one of its files. */
  data?: string | undefined;
  /** Somebody is there to be asked: stdin and stderr are terminals. */
  canAsk: boolean;
  /** Whoever has been told to stop asks nothing more. */
  signal?: AbortSignal;
  /** Announces the question. */
  note: (text: string) => void;
  permissions?: PermissionsApi;
  /** Tells whether a path that may be read exists: somebody who names a file of the share may leave the share out. */
  exists?: (path: string) => Promise<boolean>;
  /** Absolute form of a path. */
  resolve?: (path: string) => Promise<string>;
  /** As `Deno.build.os` has it. */
  os?: string;
  /** Where links take an absolute path, when that is out of the folder that it lies in. */
  leadsAway?: (path: string, folders: readonly string[]) => Promise<string | undefined>;
}

/** Makes the guard of a command. */
export function accessGuard(options: GuardOptions): EnsureAccess {
  const { permissions = Deno.permissions, resolve = lexically, exists = isThere } = options;
  const { leadsAway = byLinks, os = Deno.build.os } = options;
  const refused = new Set<string>();

  /** What somebody means who leaves the share out. Never a look outside of it: that would be a question of its own. */
  async function inShare(path: string): Promise<string | undefined> {
    if (/^[/\\]|:|\.\./.test(path)) return undefined;
    const meant = `${options.folders.share}/${path}`;
    return await exists(meant) ? meant : undefined;
  }

  async function ensure(
    path: string,
    absolute: string,
    name: "read" | "write",
    hint: AccessHint,
  ): Promise<void> {
    const wanted = { name, path: absolute } as const;
    const before = (await permissions.query(wanted)).state;
    if (before === "granted") return;
    const { share, data } = options.folders;
    const meant = name === "read" && hint.flag === undefined ? await inShare(path) : undefined;
    if (before === "denied" || !options.canAsk || refused.has(`${name} ${absolute}`)) {
      throw notPermitted(path, name, options, hint, meant);
    }
    options.signal?.throwIfAborted();
    const perhaps = meant === undefined ? "" : `; if you mean ${meant}, answer n and say that`;
    options.note(`${path} is outside of ${share} and ${data}: the runtime asks now${perhaps}`);
    if ((await permissions.request(wanted)).state === "granted") return;
    refused.add(`${name} ${absolute}`);
    throw notPermitted(path, name, options, hint, meant);
  }

  async function ensureBoth(path: string, absolute: string, access: Access, hint: AccessHint): Promise<void> {
    if (access !== "read") await ensure(path, absolute, "write", hint);
    if (access !== "write") await ensure(path, absolute, "read", hint);
  }

  return async (path, access, hint = {}) => {
    if (os === "windows" && access !== "read") demandWindowsName(path);
    const absolute = await resolve(path);
    if (options.data !== undefined && hint.folder !== "data") await keepApart(absolute, options.data, hint);
    await ensureBoth(path, absolute, access, hint);
    const { share, data } = options.folders;
    const away = await leadsAway(absolute, [await resolve(share), await resolve(data)]);
    if (away === undefined) return absolute;
    await ensureBoth(`${path} (a link to ${away})`, away, access, hint);
    return away;
  };
}

/** A drive, and the prefixes that switch Windows' own reading of names off. */
const WINDOWS_START = /^(?:[\\/]{2}[?.][\\/])?(?:[a-z]:)?/i;

/** Windows makes a device, a stream or another name of such a one, and then nothing fits any more. */
function demandWindowsName(path: string): void {
  for (const part of path.replace(WINDOWS_START, "").split(/[\\/]+/)) {
    const fault = part === "" || part === "." || part === ".." ? undefined : windowsFault(part.trimStart());
    if (fault !== undefined) {
      throw new LabError("usage", `Cannot use ${printable(path, 300)}: ${fault}; choose another name`);
    }
  }
}

async function byLinks(path: string, folders: readonly string[]): Promise<string | undefined> {
  const { leadsAway } = await import("../storage/place.ts");
  return leadsAway(path, folders);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** What is shared lies apart from the data folder; what is sent, or saved to, isn't what that folder keeps. */
async function keepApart(path: string, data: string, { flag }: AccessHint): Promise<void> {
  const { demandApart, demandNoState } = await import("../storage/apart.ts");
  if (flag === "--share") demandApart(path, data);
  else demandNoState(path, data);
}

async function lexically(path: string): Promise<string> {
  const { resolve } = await import("@std/path");
  return resolve(path);
}

function notPermitted(
  path: string,
  name: "read" | "write",
  options: GuardOptions,
  hint: AccessHint,
  meant: string | undefined,
): LabError {
  const { folders: { share, data }, canAsk } = options;
  const what = name === "read" ? `read ${path}` : `write to ${path}`;
  const folder = options.folders[hint.folder ?? "share"];
  const instead = hint.flag !== undefined
    ? `use ${hint.flag} ${folder}/...`
    : meant !== undefined
    ? `say ${meant} if you mean that,`
    : name === "read"
    ? `copy it into ${folder} first`
    : `choose a place in ${folder}`;
  const or = canAsk ? "run it again and allow it when asked" : "run it on a terminal to be asked";
  return new LabError(
    "not_permitted",
    `Cannot ${what}: this program may only touch ${share} and ${data} here; ${instead} or ${or}`,
  );
}
