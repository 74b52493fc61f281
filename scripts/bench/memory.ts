/**
 * Peak memory of the peer that holds and of the peer that fetches a very large file. The file is sparse, its copy need
 * not be: the disk must have room for all of it.
 */

import { parseArgs } from "@std/cli";
import { join, resolve } from "@std/path";
import { formatBytes } from "../../src/base/units.ts";
import { Lab } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readSize, startHolder, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { describe, thisMachine } from "./machine.ts";
import { measure, run } from "./measure.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";
import { freeSpace, isTmpfs } from "./space.ts";
import { CannotRun, needTools } from "./tools.ts";

/** What one process may use at most, bytes. */
const LIMIT = 250e6;
/** What is left free on the disk, bytes. */
const SPARE = 5e9;
/** Below this a file says nothing about large files, bytes. */
const SMALLEST = 2 ** 30;
/** Longest wait for the fetch, milliseconds: 20 GB on a slow disk. */
const FETCH_LIMIT_MS = 30 * 60_000;

const HELP = `deno task bench memory [flags]
  --size SIZE   size of the sparse file (default: 20G); less where the disk has no room for a copy, and it says so
  --no-record   leave the file of results alone
  --folder DIR  where to work, on a disk (default: the folder for temporary files)`;

interface Options {
  size: number;
  record: boolean;
  folder?: string;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["size", "folder"],
    unknown: (arg) => {
      throw new UsageError(`bench memory knows no ${arg}`);
    },
  });
  return {
    size: readSize("size", flags.size ?? "20G"),
    record: flags["no-record"] !== true,
    ...(typeof flags.folder === "string" ? { folder: resolve(flags.folder) } : {}),
  };
}

/** The size that fits on the disk. @throws {CannotRun} when that is too little. */
function fitting(wanted: number, folder: string): number {
  const room = Math.floor((freeSpace(folder) - SPARE) / SMALLEST) * SMALLEST;
  const size = Math.min(wanted, room);
  if (size < Math.min(wanted, SMALLEST)) {
    throw new CannotRun(
      `Too little room on the disk of ${folder}: ${formatBytes(freeSpace(folder))} are free`,
    );
  }
  if (size < wanted) {
    console.log(`Only ${formatBytes(size)} instead of ${formatBytes(wanted)}: the disk has no room for more`);
  }
  return size;
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  const { size: wanted, folder: parent } = options;
  await needTools(["/usr/bin/time", "cmp"]);
  await compile();
  const machine = thisMachine();
  const folder = await Deno.makeTempDir({ prefix: "labswarm-bench-", ...(parent ? { dir: parent } : {}) });
  const lab = new Lab(PROGRAMS, { folder });
  cleanup.add(() => lab.close());
  if (isTmpfs(folder)) throw new CannotRun(`${folder} is on a tmpfs: name a folder on a disk with --folder`);
  const size = fitting(wanted, folder);
  const original = join(lab.pc("holder"), "share", "huge");
  await Deno.writeFile(original, new Uint8Array());
  await Deno.truncate(original, size);
  console.error(`A sparse file of ${size} bytes; the holder makes its index`);
  const holder = await startHolder(lab, 1);
  console.error("Fetching");
  const fetcher = lab.pc("fetcher");
  const measured = await measure([PROGRAMS.peer[0], "fetch", "huge", "--rs", holder.address], {
    cwd: fetcher,
    work: lab.folder,
    servers: [holder.peer.pid],
    signal: cleanup.signal,
    limit: FETCH_LIMIT_MS,
  });
  console.error("Comparing");
  await run("cmp", original, join(fetcher, "share", "huge"));
  const { clientPeak, serverPeak, seconds } = measured;
  const pass = Math.max(clientPeak, serverPeak) < LIMIT;
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(`\n${describe(machine)}`);
  console.log(
    `${formatBytes(size)} fetched in ${seconds.toFixed(1)} s (${mb(size / seconds)}/s), the copy is the same`,
  );
  console.log(
    `peak memory: fetching peer ${mb(clientPeak)}, holding peer ${mb(serverPeak)} (indexing included)`,
  );
  console.log(`target: below ${mb(LIMIT)} each: ${pass ? "met" : "MISSED"}`);
  const result = {
    size,
    wanted,
    seconds: significant(seconds),
    clientPeakMb: significant(clientPeak / 1e6),
    serverPeakMb: significant(serverPeak / 1e6),
    limitMb: LIMIT / 1e6,
    pass,
  };
  if (options.record) await record("memory", machine, result);
  return pass ? 0 : 1;
}

export const BENCH: Bench = {
  name: "memory",
  summary: "peak memory of both peers with a sparse file of 20 GB, on a disk",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
