/**
 * Tries to break out of the sandbox, as a program would whose author had been fooled: what is refused here is refused whatever the
 * rest of the program does. Rules: what succeeds changes nothing that stays; on a terminal nothing is tried that the
 * runtime would ask about, since a question is no refusal; then the runtime is asked what it would do.
 */

import { join } from "@std/path";
import { LabError, messageOf } from "../../base/errors.ts";
import { Root } from "../../storage/root.ts";

/** A way out. */
export interface Attempt {
  /** Fixed word, for scripts. */
  name: string;
  /** What is tried, in words. */
  what: string;
  /** What the runtime is asked about before, where somebody could be asked. */
  needs?: Deno.PermissionDescriptor;
  /** Returns what it got; throws where it's refused. */
  act: () => Promise<string> | string;
}

/** How an attempt ended. */
export interface Outcome {
  name: string;
  what: string;
  refused: boolean;
  /** How it was refused, or what it got. */
  seen: string;
}

/** Where the attempts start from: absolute paths. */
export interface Ground {
  share: string;
  data: string;
  /** The folder that the program was started in. */
  here: string;
  os: typeof Deno.build.os;
}

const WORD = "labswarm-doctor";

/** All ways out that are tried. */
export function attempts({ share, data, here, os }: Ground): Attempt[] {
  const isWindows = os === "windows";
  const system = isWindows ? "C:\\Windows\\win.ini" : "/etc/passwd";
  const folder = isWindows ? "C:\\" : "/";
  const beside = join(here, `${WORD}.txt`);
  const program = isWindows ? "cmd.exe" : "/bin/true";
  const secret = isWindows ? "USERPROFILE" : "HOME";
  return [
    {
      ...{ name: "read a system file", what: system, needs: { name: "read", path: system } },
      act: async () => `${(await Deno.readFile(system)).length} bytes`,
    },
    {
      ...{ name: "list a system folder", what: folder, needs: { name: "read", path: folder } },
      act: () => `${[...Deno.readDirSync(folder)].length} entries`,
    },
    {
      ...{ name: "write beside the folders", what: beside, needs: { name: "write", path: beside } },
      act: async () => {
        await Deno.writeTextFile(beside, WORD, { createNew: true });
        await Deno.remove(beside);
        return "the file was written";
      },
    },
    {
      ...{ name: "run a program", what: program, needs: { name: "run", command: program } },
      act: async () => `it ended with ${(await new Deno.Command(program).output()).code}`,
    },
    {
      ...{ name: "load a library", what: "a system library", needs: { name: "ffi" } },
      act: () => {
        Deno.dlopen(isWindows ? "kernel32.dll" : "libc.so.6", {}).close();
        return "it was loaded";
      },
    },
    {
      ...{ name: "read the environment", what: secret },
      // Variables look unset instead of being refused.
      act: () => notNothing(Deno.env.get(secret) ?? Deno.env.get("PATH"), "it looks empty"),
    },
    ...linkAttempts({ share, data, here, os }),
    {
      ...{
        name: "read the data folder through the share",
        what: "../peer-data and the like, by the names that peers use",
      },
      act: () => throughShare(share, data),
    },
  ];
}

function linkAttempts({ share, here }: Ground): Attempt[] {
  const link = join(share, `${WORD}-link`);
  return [
    {
      ...{ name: "make a link out of the share", what: link, needs: { name: "write", path: here } },
      act: () => {
        Deno.symlinkSync(here, link, { type: "dir" });
        Deno.removeSync(link);
        return "the link was made";
      },
    },
    { name: "follow a link out of the share", what: "links that lie in it", act: () => followLinks(share) },
  ];
}

/** Links that somebody else put into the share are there; our own storage must not follow those that leave. */
function followLinks(share: string): string {
  const root = Root.open(share, "read");
  let refused = 0;
  for (const { name, isSymlink } of Deno.readDirSync(root.path)) {
    if (!isSymlink) continue;
    for (const inside of [name, `${name}/hostname`, `${name}/x`]) {
      const path = tryOr(() => root.pathToRead(inside));
      if (path === undefined) refused++;
      else if (leaves(path, root.path)) return `${path} could be read`;
    }
  }
  throw new LabError(
    "not_permitted",
    refused > 0 ? "links that leave it are not followed" : "it holds no links",
  );
}

function leaves(path: string, share: string): boolean {
  const real = tryOr(() => Deno.realPathSync(path));
  const home = tryOr(() => Deno.realPathSync(share));
  return real !== undefined && home !== undefined && !real.startsWith(home);
}

function tryOr<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

/** The names that a peer could ask for, to get at what is beside the share. */
function throughShare(share: string, data: string): string {
  const root = Root.open(share, "read");
  const last = data.split(/[\\/]/).at(-1)!;
  const names = [
    `../${last}/peer.json`,
    `..\\${last}\\peer.json`,
    join(data, "peer.json"),
    "../x",
    `./../${last}/control.json`,
  ];
  let why = "";
  for (const name of names) {
    try {
      return `${root.pathToRead(name)} could be read`;
    } catch (cause) {
      why = messageOf(cause);
    }
  }
  throw new LabError("not_permitted", why);
}

function notNothing(value: string | undefined, refusal: string): string {
  if (value === undefined) throw new LabError("not_permitted", refusal);
  return "it could be read";
}

/**
 * Tries all ways out.
 *
 * @param canAsk somebody sits there whom the runtime would ask.
 */
export async function tryAll(
  list: readonly Attempt[],
  canAsk: boolean,
  query: (needs: Deno.PermissionDescriptor) => Promise<{ state: string }> = (needs) =>
    Deno.permissions.query(needs),
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, what, needs, act } of list) {
    const state = canAsk && needs ? (await query(needs)).state : undefined;
    if (state === "prompt") {
      outcomes.push({ name, what, refused: true, seen: "not granted: the runtime would ask you" });
      continue;
    }
    try {
      outcomes.push({ name, what, refused: false, seen: await act() });
    } catch (cause) {
      outcomes.push({ name, what, ...judge(cause) });
    }
  }
  return outcomes;
}

/** Only a refusal is one: a file that isn't there was not refused. */
function judge(cause: unknown): { refused: boolean; seen: string } {
  const seen = messageOf(cause).split(", run again")[0]!;
  const refused = cause instanceof Deno.errors.NotCapable ||
    (cause instanceof LabError && ["not_permitted", "name_refused"].includes(cause.code));
  return { refused, seen: refused ? seen : `not refused, though it failed: ${seen}` };
}
