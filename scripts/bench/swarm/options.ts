/** What the swarm bench is told on the command line. */

import { parseArgs } from "@std/cli";
import { readCount, readSize, UsageError } from "../bench.ts";
import type { Contender } from "./contender.ts";
import { type Experiment, experimentOf } from "./experiment.ts";
import { FAULTS } from "./faults.ts";
import { parseRate } from "./lan_plan.ts";
import { UDPCAST, UFTP } from "./multicast.ts";
import { ours, OURS_SECURED } from "./ours.ts";
import { ARIA, LIBTORRENT } from "./torrents.ts";
import { UNICAST } from "./unicast.ts";

const CONTENDERS: readonly Contender[] = [ours(), LIBTORRENT, ARIA, UFTP, UDPCAST, UNICAST];

/** What it is to do. */
export interface Options {
  experiment: Experiment;
  runs: number;
  record: boolean;
  /** As they were given. */
  flags: readonly string[];
}

/** For --help. */
export const HELP = `deno task bench swarm [flags]
  --hosts N     receivers (default: 16; with --many 8, with --rate-limit 4)
  --rate RATE   of each host's link, both ways (default: 100mbit; 50mbit from 32 hosts on)
  --size SIZE   of the file (default: 64M; 32M from 32 hosts on, 256M with --fetch-four)
  --runs N      rounds; medians are taken over them (default: 3)
  --tools LIST  with commas, of ${CONTENDERS.map(({ name }) => name).join(", ")} (default: all)
  --secured     ours in a secured lab too
  --no-record   show the table, and leave the file of results alone
One of these, ours alone:
  --fault NAME  something goes wrong; the others must finish all the same:
${FAULTS.map(({ name, summary }) => `                  ${name.padEnd(16)}  ${summary}`).join("\n")}
  --victim N    the host to which it happens (default: 3)
  --labs        two labs, and a slow link between them
  --uplink RATE of that link (default: a quarter of --rate)
  --fetch-four  peer fetch from four holders, by a host whose link is four times theirs
  --many        10,000 files of 4 KiB
  --rate-limit SIZE
                rs broadcast --rate with so many bytes per second (5M is 5,242,880)
Needs root. Rivals that aren't installed are left out; Debian's packages: aria2 nginx-light opentracker
python3-libtorrent udpcast uftp.`;

/** Reads the flags. @throws {UsageError} */
export function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record", "labs", "fetch-four", "many", "secured"],
    string: ["hosts", "rate", "size", "runs", "tools", "fault", "victim", "uplink", "rate-limit"],
    unknown: (arg) => {
      throw new UsageError(`bench swarm knows no ${arg}`);
    },
  });
  const limit = flags["rate-limit"] === undefined ? undefined : readSize("rate-limit", flags["rate-limit"]);
  const hosts = readCount("hosts", flags.hosts ?? (flags.many ? 8 : limit === undefined ? 16 : 4));
  const isMany = hosts >= 32;
  const experiment = experimentOf({
    hosts,
    rate: readRate("rate", flags.rate ?? (isMany ? "50mbit" : "100mbit")),
    size: readSize("size", flags.size ?? (flags["fetch-four"] ? "256M" : isMany ? "32M" : "64M")),
    contenders: [...chosen(flags.tools), ...flags.secured ? [OURS_SECURED] : []],
    victim: readCount("victim", flags.victim ?? 3),
    labs: flags.labs === true,
    fetchFour: flags["fetch-four"] === true,
    many: flags.many === true,
    ...(flags.fault === undefined ? {} : { fault: readFault(flags.fault) }),
    ...(flags.uplink === undefined ? {} : { uplink: readRate("uplink", flags.uplink) }),
    ...(limit === undefined ? {} : { limit }),
  });
  const runs = readCount("runs", flags.runs ?? 3);
  return { experiment, runs, record: flags["no-record"] !== true, flags: args };
}

function readRate(flag: string, text: unknown): number {
  const rate = parseRate(String(text));
  if (rate !== undefined) return rate;
  throw new UsageError(`Cannot read --${flag} ${text}: write it like 100mbit`);
}

function readFault(text: unknown): string {
  if (FAULTS.some(({ name }) => name === text)) return String(text);
  throw new UsageError(
    `There is no fault ${text}: there are ${FAULTS.map(({ name }) => name).join(", ")}`,
  );
}

function chosen(list: unknown): readonly Contender[] {
  if (typeof list !== "string") return CONTENDERS;
  return list.split(",").map((name) => {
    const found = CONTENDERS.find((contender) => contender.name === name);
    if (!found) throw new UsageError(`There is no tool ${name}`);
    return found;
  });
}
