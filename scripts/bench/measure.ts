/**
 * Times one command: from its start to its end, with its CPU time and peak memory (GNU time), and those of the server
 * that it talks to (/proc). The same for every program that is measured.
 */

import { cpuOf, killTree, machineUser, peakOf } from "./procfs.ts";

/** How often servers' peak memory is looked at, milliseconds: their children may end before the command does. */
const SAMPLE_MS = 100;

/** What one run cost. */
export interface Run {
  /** From the start of the command to its end. */
  seconds: number;
  /** CPU seconds, user and system, of the command and all that it started. */
  clientCpu: number;
  /** The same of the servers, while the command ran. */
  serverCpu: number;
  /** Peak resident bytes of the command's largest process. */
  clientPeak: number;
  /** Peak resident bytes of the servers' largest process, since it started. */
  serverPeak: number;
  /** Cores that programs which are no part of the bench kept busy (user mode). */
  foreign: number;
}

/** What a command is measured with. */
export interface MeasureOptions {
  /** Process ids of its servers. */
  servers?: readonly number[];
  cwd: string;
  /** Folder for GNU time's notes. */
  work: string;
  /** After so many milliseconds it is killed, and the run has failed. */
  limit?: number;
  /** Ends the command. */
  signal: AbortSignal;
}

/** A run that doesn't count. */
export class RunFailed extends Error {
  override name = "RunFailed";
}

/**
 * Runs a command to its end.
 *
 * @throws {RunFailed} when it fails or takes too long.
 */
export async function measure(command: readonly string[], options: MeasureOptions): Promise<Run> {
  const { servers = [], cwd, work, limit = 300_000 } = options;
  options.signal.throwIfAborted();
  const notes = `${work}/time`;
  const before = { servers: cpuOf(servers), own: cpuOf([Deno.pid]), machine: machineUser() };
  const began = performance.now();
  const child = new Deno.Command("/usr/bin/time", {
    args: ["-q", "-f", "%U %S %M", "-o", notes, ...command],
    cwd,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const stop = AbortSignal.any([options.signal, AbortSignal.timeout(limit)]);
  const kill = () => killTree(child.pid);
  stop.addEventListener("abort", kill, { once: true });
  let serverPeak = 0;
  const sampler = setInterval(() => serverPeak = Math.max(serverPeak, peakOf(servers)), SAMPLE_MS);
  const { code, stderr } = await child.output();
  const seconds = (performance.now() - began) / 1000;
  clearInterval(sampler);
  stop.removeEventListener("abort", kill);
  options.signal.throwIfAborted();
  if (stop.aborted) throw new RunFailed(`${command[0]} was not done within ${limit / 1000} s`);
  if (code !== 0) {
    const said = new TextDecoder().decode(stderr).trim().slice(-300);
    throw new RunFailed(`${command[0]} ended with exit code ${code}: ${said}`);
  }
  const [user, system, peak] = (await Deno.readTextFile(notes)).trim().split(/\s+/).map(Number) as [
    number,
    number,
    number,
  ];
  const after = { servers: cpuOf(servers), own: cpuOf([Deno.pid]), machine: machineUser() };
  // Our own time holds that of the servers and of the command, for all of them are our children.
  const known = after.own.user - before.own.user;
  return {
    seconds,
    clientCpu: user + system,
    serverCpu: after.servers.total - before.servers.total,
    clientPeak: peak * 1024,
    serverPeak: Math.max(serverPeak, peakOf(servers)),
    foreign: Math.max(0, after.machine - before.machine - known) / seconds,
  };
}

/** Runs a command that isn't measured, and gives what it wrote to standard output. @throws {RunFailed} */
export async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new RunFailed(
    `${command} ${args.join(" ")} failed (${code}): ${new TextDecoder().decode(stderr).trim()}`,
  );
}
