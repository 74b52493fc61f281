/**
 * The stage of every end-to-end test: a lab whose programs are the compiled executables, run in an empty environment, and
 * what must hold of all of them whatever the test is about.
 */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { EXIT } from "../../src/base/errors.ts";
import { type Ended, type JsonLine, Lab, type Launcher, type Running } from "../../scripts/programs.ts";
import { parsePeak } from "../../scripts/bench/procfs.ts";
import { wineCommand } from "../../scripts/wine/wine.ts";

/** Where the executables are; another folder tries those of another build. */
export const DIST = Deno.env.get("LABSWARM_DIST") ?? fromFileUrl(new URL("../../dist", import.meta.url));

/** The executables of this machine. */
export const PROGRAMS = executables((name) => [join(DIST, name)]);
/** Those of Windows, under Wine. */
export const WINDOWS = executables((name) => wineCommand(join(DIST, `${name}.exe`)));

function executables(launcher: (name: string) => Launcher): { rs: Launcher; peer: Launcher } {
  return { rs: launcher("rs"), peer: launcher("peer") };
}

/** What a test may ask for. */
export interface LabTestOptions {
  programs?: { rs: Launcher; peer: Launcher };
  /** Inherits this process's environment but for what Deno's runtime reads: Wine's launcher needs a PATH. */
  inheritEnv?: boolean;
  /** Why it can't be run here; said aloud. */
  skip?: string | undefined;
  /** Things written to standard error that are no fault in this test. */
  allow?: RegExp;
}

/**
 * A test with a lab of its own, which is cleaned up whatever happens. When it fails, what the programs said is told.
 * When it passes, every program must have kept to the contract of the command line.
 */
export function labTest(
  name: string,
  test: (lab: Lab, t: Deno.TestContext) => Promise<void>,
  options: LabTestOptions = {},
): void {
  const ignore = options.skip !== undefined;
  Deno.test({
    name: ignore ? `${name} (skipped: ${options.skip})` : name,
    ignore,
    fn: (t) => stage(test, options, t),
  });
}

async function stage(
  test: (lab: Lab, t: Deno.TestContext) => Promise<void>,
  options: LabTestOptions,
  t: Deno.TestContext,
): Promise<void> {
  const env = { clearEnv: true, env: options.inheritEnv ? inherited() : {} };
  const lab = new Lab(options.programs ?? PROGRAMS, env);
  try {
    await test(lab, t);
    await lab.close();
    for (const program of lab.started) checkContract(program, (await program.ended).code, options.allow);
  } catch (thrown) {
    for (const program of lab.started) tell(program);
    throw thrown;
  } finally {
    await lab.close();
  }
}

/** Does something while a program stands still: however long it takes, what the program is at isn't over before. */
export async function whileStopped<T>(program: Running, work: () => Promise<T>): Promise<T> {
  program.signal("SIGSTOP");
  try {
    return await work();
  } finally {
    program.signal("SIGCONT");
  }
}

/** Without the settings that this process was given for its own downloads: a PC in a lab has none of them. */
function inherited(): Record<string, string> {
  return Object.fromEntries(Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("DENO")));
}

function tell({ title, stdout, stderr }: Running): void {
  console.log(`--- ${title}\n${stdout.slice(-1500)}${stderr.slice(-1500)}`);
}

/** What holds of every run of every command. */
function checkContract({ title, stdout, stderr }: Running, code: number, allow: RegExp | undefined): void {
  const failed = code > 0 && code <= EXIT.integrity;
  // A terminal shows both on one screen.
  const isOnTerminal = / script -/.test(title);
  if (failed) {
    assert((isOnTerminal ? stdout : stderr).trim() !== "", `${title}: exit code ${code} without a sentence`);
  }
  if (/ --json( |$)/.test(title)) {
    const lines = jsonLines(stdout, title);
    const errors = lines.filter(({ event }) => event === "error");
    if (failed) assertEquals(errors.length, 1, `${title}: exit code ${code}\n${stdout}`);
    else assert(errors.length <= (code === 0 ? 0 : 1), `${title}: exit code ${code}\n${stdout}`);
    if (/ serve /.test(title)) assertEquals(lines[0]?.event ?? "listening", "listening", title);
  }
  const said = allow ? stderr.replace(allow, "") : stderr;
  assert(!/^ +at /m.test(said), `${title}: a stack trace on stderr\n${said}`);
  assert(!/internal error/i.test(said), `${title}: an internal error on stderr\n${said}`);
}

/** The lines of an output that must be JSON lines and nothing else. */
export function jsonLines(stdout: string, title = "stdout"): JsonLine[] {
  // A program that was killed may have been in the middle of a line.
  const lines = stdout.slice(0, stdout.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
  return lines.map((line) => {
    try {
      const parsed = JSON.parse(line);
      assert(typeof parsed.event === "string", `${title}: a line without event: ${line}`);
      return parsed;
    } catch (cause) {
      throw new Error(`${title}: not a JSON line: ${line}`, { cause });
    }
  });
}

/** Ends a test unless a command ended with this code; with what it said. */
export function assertCode(ended: Ended, code: number): Ended {
  assertEquals(ended.code, code, `exit code ${ended.code}\nstdout: ${ended.stdout}\nstderr: ${ended.stderr}`);
  return ended;
}

/** The one sentence with which a command failed; no JSON run. */
export function sentence(ended: Ended): string {
  const lines = ended.stderr.trim().split("\n");
  assertEquals(lines.length, 1, `one sentence on stderr, not: ${ended.stderr}`);
  return lines[0]!;
}

/** Lines of one event. */
export function eventsOf(ended: Ended, event: string): JsonLine[] {
  return ended.lines.filter((line) => line.event === event);
}

/** The bytes of files that the running `peer serve` of a PC has taken from the network, by its own count. */
export async function receivedBy(lab: Lab, pc: string): Promise<number> {
  const ended = assertCode(await lab.run("peer", pc, ["status", "--json"]), 0);
  return Number(eventsOf(ended, "status")[0]?.received);
}

/** The most memory that a running program has used so far, bytes, by the system's count; Linux. */
export function peakMemory({ pid }: Running): number {
  const bytes = parsePeak(Deno.readTextFileSync(`/proc/${pid}/status`));
  assert(bytes > 0, `no peak memory in /proc/${pid}/status`);
  return bytes;
}
