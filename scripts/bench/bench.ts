/** What every bench has, and what benches of the compiled executables share. */

import { join } from "@std/path";
import { type Lab, type Launcher, type Running } from "../programs.ts";
import { ROOT } from "./results.ts";
import { CannotRun } from "./tools.ts";

/** A bench: one file each. */
export interface Bench {
  name: string;
  /** One line for the list. */
  summary: string;
  /** Its flags, for --help. */
  help: string;
  /** Does it; gives the exit code: 0 measured and all targets met, 1 not. */
  run(args: readonly string[]): Promise<number>;
}

/** The compiled executables of this machine. */
export const PROGRAMS: { rs: Launcher; peer: Launcher } = {
  rs: [join(ROOT, "dist", "rs")],
  peer: [join(ROOT, "dist", "peer")],
};

/** Compiles what is missing or old. @throws {CannotRun} when it can't be. */
export async function compile(): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--lock=deno.lock", "--frozen", "scripts/compile.ts", "--if-needed"],
    cwd: ROOT,
    stdin: "null",
  }).spawn().status;
  if (!success) throw new CannotRun("The executables can't be compiled");
}

/** A registration server with one peer that holds files, in a lab. */
export interface Holder {
  address: string;
  rs: Running;
  peer: Running;
}

/** Longest wait for the holder's first index, milliseconds: 20 GB take about 20 s. */
const INDEX_LIMIT_MS = 600_000;
const POLL_MS = 500;

/**
 * Starts a registration server and a peer, and waits until all of the peer's files can be fetched. Its share isn't looked
 * at again: a scan of 10,000 files in the middle of another program's run would disturb that one.
 *
 * @param files how many it has.
 */
export async function startHolder(lab: Lab, files: number): Promise<Holder> {
  const { running, address } = await lab.rs("server", "--host", "127.0.0.1");
  const flags = ["--host", "127.0.0.1", "--index-interval", "86400", "--log-level", "warn"];
  const peer = await lab.peer("holder", address, ...flags);
  const deadline = performance.now() + INDEX_LIMIT_MS;
  while (true) {
    const { lines, stderr } = await lab.run("peer", "asker", ["index", "--json", "--rs", address]);
    if (lines.filter((line) => line.event === "file").length >= files) return { address, rs: running, peer };
    if (performance.now() > deadline) throw new Error(`The holder's index is not complete: ${stderr}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** An unknown flag or a value that can't be read; the exit code is 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Reads a whole number from 1. @throws {UsageError} */
export function readCount(flag: string, text: unknown): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new UsageError(`Cannot read --${flag} ${text}: it must be a whole number from 1`);
}

/** Reads "1G" or "256M" (powers of 1024), or bytes. @throws {UsageError} */
export function readSize(flag: string, text: unknown): number {
  const match = /^(\d+)([KMG]?)$/.exec(String(text));
  const size = Number(match?.[1]) * 1024 ** ["", "K", "M", "G"].indexOf(match?.[2] ?? "");
  if (size >= 1) return size;
  throw new UsageError(`Cannot read --${flag} ${text}: write it like 256M or 1G`);
}
