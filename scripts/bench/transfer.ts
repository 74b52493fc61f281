/**
 * From one peer to another over loopback, tmpfs to tmpfs: 1 GiB, and 10,000 files of 4 KiB, side by side with the tools
 * that one would use otherwise. One round after the other, each with every contender, so that a slow minute of the
 * machine slows all of them; every copy is compared with its source afterwards.
 */

import { parseArgs } from "@std/cli";
import { resolve } from "@std/path";
import { type Bench, compile, readCount, readSize, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { clear, compareCopy, prepare, type Prepared, SMALL_SIZE } from "./field.ts";
import { describe, thisMachine, versions } from "./machine.ts";
import { measure, type Run, RunFailed } from "./measure.ts";
import { type CaseResult, comparisons, printReport, summarizeCase } from "./report.ts";
import { record } from "./results.ts";
import { type Contender, CONTENDERS } from "./rivals.ts";
import { isTmpfs, mountTmpfs } from "./space.ts";
import { CannotRun, needTools } from "./tools.ts";

/** A run beside which other programs kept so many cores busy is made again. */
const DISTURBED = 0.3;
const ATTEMPTS = 3;
/** Room on the tmpfs beside the big file and its copy: small files, indexes, lists, bytes. */
const ROOM = 400e6;
const TOOLS = ["rsync", "nginx", "aria2c", "curl", "openssl", "/usr/bin/time", "cmp", "diff"];

interface Options {
  runs: number;
  size: number;
  files: number;
  only: string[];
  quick: boolean;
  record: boolean;
  folder?: string;
}

const HELP = `deno task bench transfer [flags]
  --runs N      rounds; medians are taken over them (default: 5)
  --quick       256 MiB, 2,000 files, 3 rounds; nothing is recorded, and the targets say little
  --size SIZE   size of the large file (default: 1G)
  --files N     number of small files (default: 10000)
  --only LIST   contenders whose name or work (big, small) holds one of these, with commas; ours always
  --no-record   show the table, and leave the file of results alone
  --folder DIR  a folder on a tmpfs to work in; without it one is mounted, which needs root
A run that other programs disturbed (${DISTURBED} cores or more) is made again, ${
  ATTEMPTS - 1
} times at most.`;

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["quick", "no-record"],
    string: ["runs", "size", "files", "only", "folder"],
    unknown: (arg) => {
      throw new UsageError(`bench transfer knows no ${arg}`);
    },
  });
  const quick = flags.quick === true;
  return {
    runs: readCount("runs", flags.runs ?? (quick ? 3 : 5)),
    size: readSize("size", flags.size ?? (quick ? "256M" : "1G")),
    files: readCount("files", flags.files ?? (quick ? 2000 : 10_000)),
    only: typeof flags.only === "string" ? flags.only.split(",") : [],
    quick,
    record: !quick && flags["no-record"] !== true,
    ...(typeof flags.folder === "string" ? { folder: resolve(flags.folder) } : {}),
  };
}

function chosen({ only }: Options): Contender[] {
  const fits = ({ work, name }: Contender) => only.some((part) => work === part || name.includes(part));
  const works = new Set(CONTENDERS.filter((c) => only.length === 0 || fits(c)).map((c) => c.work));
  return CONTENDERS.filter((c) =>
    works.has(c.work) && (only.length === 0 || c.server === "holder" || fits(c))
  );
}

/** One run that counts, if it can be had. */
async function oneRun(contender: Contender, prepared: Prepared, signal: AbortSignal): Promise<Run> {
  const { field, fetcher, work, servers } = prepared;
  let last: Run | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await clear(prepared);
    last = await measure(contender.command(field), {
      cwd: fetcher,
      work,
      signal,
      servers: contender.server ? servers[contender.server] : [],
    });
    await compareCopy(field, contender.work);
    if (last.foreign < DISTURBED) break;
  }
  return last!;
}

async function rounds(
  contenders: readonly Contender[],
  prepared: Prepared,
  count: number,
  signal: AbortSignal,
): Promise<Map<Contender, { runs: Run[]; failures: string[] }>> {
  const results = new Map(contenders.map((c) => [c, { runs: [] as Run[], failures: [] as string[] }]));
  for (let round = 1; round <= count; round++) {
    console.error(`Round ${round} of ${count}`);
    for (const [contender, { runs, failures }] of results) {
      try {
        runs.push(await oneRun(contender, prepared, signal));
      } catch (error) {
        if (!(error instanceof RunFailed)) throw error;
        failures.push(error.message);
        console.error(`${contender.work}: ${contender.name}: ${error.message}`);
      }
    }
  }
  return results;
}

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await needTools(TOOLS);
  await compile();
  const machine = thisMachine();
  if (options.folder !== undefined && !isTmpfs(options.folder)) {
    throw new CannotRun(`${options.folder} is not on a tmpfs: the figures would be the disk's`);
  }
  const { size, files } = options;
  const folder = options.folder ?? await mountTmpfs(2 * size + 4 * files * SMALL_SIZE + ROOM, cleanup);
  const prepared = await prepare(folder, size, files, cleanup);
  const measured = await rounds(chosen(options), prepared, options.runs, cleanup.signal);
  const cases: CaseResult[] = [];
  for (const [contender, { runs, failures }] of measured) {
    cases.push(
      summarizeCase(
        contender,
        runs,
        failures,
        contender.work === "big" ? { bytes: size } : { bytes: files * SMALL_SIZE, files },
      ),
    );
  }
  const compared = comparisons(cases);
  console.log(`\n${describe(machine)}`);
  console.log(
    `${size} bytes in one file, ${files} files of ${SMALL_SIZE} bytes; medians of ${options.runs}\n`,
  );
  printReport(cases, compared);
  const isWhole = cases.every((c) => c.failures.length === 0);
  const isMet = compared.every((c) => c.pass !== false);
  if (options.quick) {
    console.log("\nQuick: not recorded. A short transfer says more of start-up than of speed.");
  }
  if (options.record) {
    await record("transfer", machine, { options, tools: await toolVersions(prepared), cases, compared });
  }
  return isWhole && (isMet || options.quick) ? 0 : 1;
}

async function toolVersions({ field }: Prepared): Promise<Record<string, string>> {
  return await versions({
    peer: [field.peer, "--version"],
    rsync: ["rsync", "--version"],
    nginx: ["nginx", "-v"],
    curl: ["curl", "--version"],
    aria2c: ["aria2c", "--version"],
    openssl: ["openssl", "version"],
  });
}

export const BENCH: Bench = {
  name: "transfer",
  summary: "1 GiB and 10,000 small files from peer to peer, beside rsync, curl, aria2c and cp",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
