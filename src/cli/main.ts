/**
 * From the arguments to the exit code: reads them, sets the stage for one command, runs it, and tells how it ended.
 *
 * Rules: exactly one sentence for a failure; no stack unless debugging; stdout closed by its reader ends a command
 * quietly; the first signal aborts `ctx.signal`, the second one ends the process.
 */

import { EXIT, LabError, messageOf } from "../base/errors.ts";
import { type Folders, unbake } from "./baked.ts";
import type { CommandContext } from "./context.ts";
import { explain } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { commandHelp, overview } from "./help.ts";
import { type Host, systemHost } from "./host.ts";
import { type Log, type LogFile, openLog, TOLD } from "./logging.ts";
import { Output } from "./output.ts";
import { parse, type Parsed, peek } from "./parse.ts";
import { accessGuard, type EnsureAccess } from "./permissions.ts";
import { createProgress } from "./progress.ts";
import type { ProgramSpec } from "./spec.ts";
import { VERSION, versionLine } from "./version.ts";

/** After a signal a command has this long to tidy up, milliseconds; then the process ends anyway. */
const STOP_GRACE_MS = 10_000;

type Run = Extract<Parsed, { kind: "run" }>;

/** What one run of a program works with. */
interface Session {
  program: ProgramSpec;
  host: Host;
  output: Output;
  /** Compiled in, or the program's own. */
  folders: Folders;
}

/** Runs a program with the process's own arguments, and ends the process. */
export async function main(program: ProgramSpec): Promise<void> {
  const host = systemHost();
  host.exit(await runProgram(program, Deno.args, host));
}

/**
 * Runs a program.
 *
 * @param args as the process got them, the baked one included.
 * @returns the exit code.
 */
export async function runProgram(program: ProgramSpec, args: readonly string[], host: Host): Promise<number> {
  const { json, quiet, debug } = peek(args);
  const { stdout, stderr, plain } = host;
  const output = new Output({ json, quiet, debug, stdout, stderr, plain });
  try {
    const baked = unbake(args, program.folders);
    const session = { program, host, output, folders: baked.folders };
    const parsed = parse(program, baked.args.length > 0 ? baked.args : alone(program, host));
    if (parsed.kind === "run") return await runCommand(session, parsed);
    return showInstead(session, parsed);
  } catch (thrown) {
    output.error(thrown);
    return explain(thrown).exitCode;
  }
}

/** What a program does that was started without a word; by a double click there's a terminal, and it closes at the end. */
function alone({ alone }: ProgramSpec, { stdinIsTerminal, stdout }: Host): string[] {
  return alone !== undefined && stdinIsTerminal && stdout.isTerminal ? [alone] : [];
}

/** Help and version, which run no command. */
function showInstead({ program, output, folders }: Session, parsed: Exclude<Parsed, Run>): number {
  if (parsed.kind === "nothing") {
    if (output.isJson) throw new LabError("usage", `Missing command: see "${program.name} --help"`);
    output.ownNote(overview(program));
    return EXIT.usage;
  }
  if (parsed.kind === "version") {
    output.json({ event: "version", program: program.name, version: VERSION });
    output.ownText(versionLine(program.name));
    return EXIT.done;
  }
  const text = parsed.command ? commandHelp(program, parsed.command, folders) : overview(program);
  output.json({ event: "help", text });
  output.ownText(text);
  return EXIT.done;
}

async function runCommand(session: Session, run: Run): Promise<number> {
  const { host, output } = session;
  const stop = new AbortController();
  output.onClosed = () => stop.abort(new LabError("failed", "Nobody reads standard output any more"));
  const stage = await setStage(session, run, stop.signal);
  const { ctx, log } = stage;
  const strays: unknown[] = [];
  const endStrays = host.watchStrays({
    stray(thrown) {
      strays.push(thrown);
      ctx.log.error(`Internal error: ${messageOf(thrown)}`, { error: thrown });
      if (output.debug) output.error(thrown);
    },
  });
  const endSignals = listen(session, ctx, stop);
  try {
    const code = await act(run, ctx, log);
    if (code !== EXIT.done || strays.length === 0 || run.command.serves) return code;
    // The log has said it on stderr; when debugging, all of it was told at once.
    if (!output.debug) output.json({ event: "error", code: "failed", message: explain(strays[0]).message });
    return EXIT.failed;
  } finally {
    ctx.progress.stop();
    endSignals();
    await log.close().catch((thrown) => output.note(`Cannot finish the log: ${messageOf(thrown)}`));
    endStrays();
  }
}

/** Loads the command's module and runs it; tells what went wrong. */
async function act(run: Run, ctx: CommandContext<Flags>, log: Log): Promise<number> {
  try {
    if (run.command.serves || run.flags.logFile !== undefined) await log.start();
    const module = await run.command.run();
    const code = await module.run(ctx);
    return code ?? (isInterrupted(ctx.signal) ? EXIT.interrupted : EXIT.done);
  } catch (thrown) {
    ctx.progress.stop();
    return tellEnd(run, ctx, thrown);
  }
}

/** A command that was told to stop has no other fault than that; what it throws then is only of use for debugging. */
function tellEnd(run: Run, ctx: CommandContext<Flags>, thrown: unknown): number {
  const { signal, output } = ctx;
  if (signal.aborted) {
    ctx.log.debug(`Stopped: ${messageOf(thrown)}`, { error: thrown });
    if (!isInterrupted(signal)) return EXIT.failed;
    output.error(signal.reason);
    return EXIT.interrupted;
  }
  output.error(thrown);
  const failure = explain(thrown);
  if (run.flags.logFile !== undefined) ctx.log.error(failure.message, { error: thrown, [TOLD]: true });
  return failure.exitCode;
}

function isInterrupted(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof LabError && signal.reason.code === "interrupted";
}

/** Everything that the command is handed. */
async function setStage(session: Session, run: Run, signal: AbortSignal) {
  const { program, host, output, folders } = session;
  const { command, args, flags, given } = run;
  const text = (name: string) => typeof flags[name] === "string" ? { [name]: flags[name] } : {};
  const inUse: Folders = { ...folders, ...text("share"), ...text("data") };
  const ensureAccess = accessGuard({
    folders,
    data: inUse.data,
    canAsk: host.stdinIsTerminal && host.stderr.isTerminal,
    signal,
    note: (text) => output.note(text),
    permissions: host.permissions,
  });
  const file = flags.logFile === undefined
    ? undefined
    : await logFile(flags.logFile, inUse, ensureAccess, host);
  const log = openLog({
    level: flags.logLevel ?? command.logLevel ?? "warn",
    quiet: flags.quiet,
    clock: host.clock,
    colour: output.errColour,
    write: (line) => output.logLine(line),
    ...(file ? { file } : {}),
  });
  const ctx: CommandContext<Flags> = {
    program: program.name,
    command: command.name,
    args,
    flags: flags as CommandContext<Flags>["flags"],
    given,
    output,
    log: log.logger,
    signal,
    folders: inUse,
    clock: host.clock,
    random: host.random,
    progress: createProgress(output, host.clock),
    ensureAccess,
  };
  return { ctx, log };
}

/** Makes sure that a log file may be written; only in a folder that is ours can old ones be renamed. */
async function logFile(
  path: string,
  folders: Folders,
  ensureAccess: EnsureAccess,
  host: Host,
): Promise<LogFile> {
  const absolute = await ensureAccess(path, "read-write", { flag: "--log-file", folder: "data" });
  const { demandLogPlace } = await import("../storage/apart.ts");
  demandLogPlace(absolute, folders);
  const { dirname } = await import("@std/path");
  const folder = dirname(absolute);
  const rotate = (await host.permissions.query({ name: "write", path: folder })).state === "granted";
  if (rotate) {
    await Deno.mkdir(folder, { recursive: true }).catch(async (cause) => {
      const { fileError } = await import("../storage/root.ts");
      throw fileError(cause, `Cannot write the log ${absolute}`);
    });
  }
  return { path: absolute, rotate };
}

/** First signal: abort, and a limit to the tidying up. Second: out. */
function listen({ host }: Session, ctx: CommandContext<Flags>, stop: AbortController): () => void {
  let endGrace = () => {};
  const leave = () => {
    ctx.progress.stop();
    host.exit(EXIT.interrupted);
  };
  const endSignals = host.watchSignals({
    first(signal) {
      endGrace = host.clock.after(STOP_GRACE_MS, leave);
      stop.abort(new LabError("interrupted", `Interrupted (${signal})`));
    },
    again: leave,
  });
  return () => {
    endGrace();
    endSignals();
  };
}
