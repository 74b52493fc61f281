/**
 * What is to be compiled and how: the command line of `deno task compile` turned into the arguments of
 * `deno compile`. Pure, so that the sandbox that gets baked in can be read and tested in one place.
 */

import { parseArgs } from "@std/cli";

/** The two executables. */
export const PROGRAMS = ["rs", "peer"] as const;
/** Name of an executable. */
export type Program = typeof PROGRAMS[number];

/** Systems that we compile for. */
export type System = "linux" | "windows";

/** What Deno calls them. */
export const TARGETS: Record<System, string> = {
  linux: "x86_64-unknown-linux-gnu",
  windows: "x86_64-pc-windows-msvc",
};

/** Modules that run as workers; those that aren't there (yet) are left out. */
export const WORKERS = ["src/storage/scan_worker.ts", "src/peer/receive_worker.ts"] as const;

/** Files that the programs read out of themselves. */
const ASSETS = ["src/protocol/wireshark/p2pdi.lua", "src/dashboard/page"] as const;

/** The folder that each program keeps its data in, unless another one is baked. */
const DATA: Record<Program, string> = { rs: "./rs-data", peer: "./peer-data" };
const SHARE = "./share";

/** What the person asked for. */
export interface Options {
  /** Absent: this machine. */
  system?: System;
  programs: readonly Program[];
  output: string;
  /** Folders to bake instead of ./share and ./peer-data or ./rs-data. */
  share?: string;
  data?: string;
  /** Leave alone what is up to date. */
  ifNeeded: boolean;
  /** With OpenTelemetry, which is off otherwise. */
  otel: boolean;
  /** For Windows too, where Wine is set up to run the result. */
  wine: boolean;
  /** "deno": only Deno's own download; "npm": only the packages. */
  runtime: "auto" | "deno" | "npm";
  help: boolean;
}

/** Shown by --help. */
export const HELP = `deno task compile [OPTIONS]: makes the executables rs and peer

  --target linux|windows   default: this machine
  --share DIR              bake this folder instead of ./share
  --data DIR               bake this folder instead of ./peer-data (peer) and ./rs-data (rs); for a PC that runs
                           both, compile each with its own: --only rs, --only peer
  --only rs|peer           just this one
  --output DIR             default: dist
  --runtime auto|deno|npm  where the runtime comes from; default: auto (DENORT_BIN, Deno's download, npm)
  --otel                   with OpenTelemetry, sent where the variables OTEL_... say when rs is started
  --if-needed              leave alone what is up to date

Examples:
  deno task compile
  deno task compile --target windows --share D:\\share --data D:\\labswarm`;

/** A wrong command line. */
export class UsageError extends Error {
  override name = "UsageError";
}

const STRINGS = ["target", "share", "data", "only", "output", "runtime", "_"] as const;

/**
 * Reads the command line.
 *
 * @throws {UsageError} saying which argument is wrong.
 *
 * @example
 * ```ts
 * import { readOptions } from "./plan.ts";
 * if (readOptions(["--target", "windows"]).system !== "windows") throw new Error();
 * ```
 */
export function readOptions(args: readonly string[]): Options {
  const parsed = parseArgs(args, {
    string: STRINGS,
    boolean: ["if-needed", "otel", "wine", "help"],
    unknown: (arg) => {
      throw new UsageError(`Unknown argument ${arg}; see --help`);
    },
  });
  const text = (name: typeof STRINGS[number]): string | undefined => {
    const value = parsed[name];
    if (value === "" || Array.isArray(value)) throw new UsageError(`--${name} needs one value; see --help`);
    return value as string | undefined;
  };
  const only = text("only");
  if (only !== undefined && only !== "rs" && only !== "peer") {
    throw new UsageError(`--only ${only}: rs or peer`);
  }
  const runtime = text("runtime") ?? "auto";
  if (runtime !== "auto" && runtime !== "deno" && runtime !== "npm") {
    throw new UsageError(`--runtime ${runtime}: auto, deno or npm`);
  }
  const [target, share, data] = [text("target"), text("share"), text("data")];
  return {
    ...(target !== undefined && { system: systemOf(target) }),
    ...(share !== undefined && { share }),
    ...(data !== undefined && { data }),
    programs: only === undefined ? PROGRAMS : [only],
    output: text("output") ?? "dist",
    ifNeeded: parsed["if-needed"] === true,
    otel: parsed["otel"] === true,
    wine: parsed["wine"] === true,
    runtime,
    help: parsed["help"] === true,
  };
}

function systemOf(target: string): System {
  for (const [system, name] of Object.entries(TARGETS)) {
    if (target === system || target === name) return system as System;
  }
  throw new UsageError(`--target ${target}: linux or windows`);
}

/** Name of the file that a program becomes. */
export function fileName(program: Program, system: System): string {
  return system === "windows" ? `${program}.exe` : program;
}

/**
 * The sandbox: network, the program's own folders, the machine's name, addresses and free space, and nothing to run
 * or load. `--ignore-env` makes all other variables look unset instead of asking for them. There is no
 * `--no-prompt`: on a terminal the runtime asks for folders that the person names.
 */
export function permissions(program: Program, folders: { share?: string; data?: string }): string[] {
  const paths = [folders.share ?? SHARE, folders.data ?? DATA[program]].map((p) => p.replaceAll(",", ",,"))
    .join(",");
  return [
    "--allow-net",
    "--allow-sys=hostname,networkInterfaces,statfs",
    "--allow-env=TERM,NO_COLOR",
    "--ignore-env",
    `--allow-read=${paths}`,
    `--allow-write=${paths}`,
    "--deny-run",
    "--deny-ffi",
    "--unstable-worker-options",
    "--unstable-net",
  ];
}

/**
 * How the runtime is to run both programs.
 *
 * All functions are compiled at once, not each one when it is first called: the runtime keeps what was compiled beside its
 * temporary files, so that happens once per PC, and the first broadcast that a PC takes part in doesn't wait for it. On a
 * star of 16 PCs on two cores this alone took 4 % off the CPU and 0.02 off the makespan by F/B; it costs 2 MB.
 *
 * The server answers thousands of peers, and each answer leaves some garbage in the old heap (the runtime's own, for each
 * read): by itself V8 lets that grow to several times what lives before it collects. With the growth of 50 % it collects at
 * one and a half times, and what is new takes two or three times the semi-space at most: with 10,000 peers 100 MB less, at
 * the same time per operation. A peer that receives 10,000 files takes 236 MB with them and 290 without, in the same time.
 * The server has room for more of what is new, from its start: it is collected less often then, which with 64 clients took
 * 6 % off the CPU per operation and a quarter off the longest 1 % of the answers.
 */
const V8_FLAGS: Readonly<Record<Program, readonly string[]>> = {
  rs: ["--no-lazy", "--heap-growing-percent=50", "--min-semi-space-size=12", "--max-semi-space-size=12"],
  peer: ["--no-lazy", "--heap-growing-percent=50", "--max-semi-space-size=8"],
};

/** What the program finds as its first argument when other folders are baked. */
export function bakedArgument(program: Program, folders: { share?: string; data?: string }): string[] {
  if (folders.share === undefined && folders.data === undefined) return [];
  return [`@baked=${JSON.stringify({ share: folders.share ?? SHARE, data: folders.data ?? DATA[program] })}`];
}

/** Arguments for `deno`, to be run in the project's root. */
export function compileArguments(
  program: Program,
  system: System,
  options: Options,
  paths: { workers: readonly string[]; output: string; lock: string },
): string[] {
  return [
    "compile",
    "--quiet",
    "--config=deno.json",
    `--lock=${paths.lock}`,
    "--frozen",
    `--target=${TARGETS[system]}`,
    `--v8-flags=${V8_FLAGS[program].join(",")}`,
    ...permissions(program, options),
    ...[...paths.workers, ...ASSETS].map((path) => `--include=${path}`),
    `--output=${paths.output}`,
    `src/cli/${program}.ts`,
    ...bakedArgument(program, options),
  ];
}
