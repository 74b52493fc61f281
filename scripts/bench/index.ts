/**
 * `deno task bench index`: the registration server with a million rows: how fast a search by word or glob is answered,
 * how much memory it takes, how long it takes to start. The database is made beforehand; the server is the compiled one.
 */

import { parseArgs } from "@std/cli";
import { join } from "@std/path";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { History } from "../../src/registry/history.ts";
import { openSqliteStore } from "../../src/registry/sqlite_store.ts";
import { type Column, layOut } from "../../src/cli/table.ts";
import { Lab } from "../programs.ts";
import { type Bench, compile, PROGRAMS, readCount, UsageError } from "./bench.ts";
import { type Cleanup, withCleanup } from "./cleanup.ts";
import { questions, rowsOf } from "./index/rows.ts";
import { describe, thisMachine } from "./machine.ts";
import { peakOf, rssOf } from "./procfs.ts";
import { LoadPeer } from "./registry/client.ts";
import { latencies } from "./registry/latency.ts";
import type { Verdict } from "./registry/verdict.ts";
import { record } from "./results.ts";
import { significant } from "./statistics.ts";

const HELP = `deno task bench index [flags]
  --peers N     peers (default: 10000)
  --files N     of each, all different (default: 100)
  --searches N  (default: 700)
  --no-record   leave the file of results alone`;

/** Peers count as there for so long after a start: whoever answers must have been asked by then, milliseconds. */
const GRACE = 40_000;
/** Those who search. */
const ASKERS = 40;
/** Searches of each kind of which all pages are read, to the end. */
const WHOLE = 3;

interface Options {
  peers: number;
  files: number;
  searches: number;
  record: boolean;
}

function readOptions(args: readonly string[]): Options {
  const flags = parseArgs(args, {
    boolean: ["no-record"],
    string: ["peers", "files", "searches"],
    unknown: (arg) => {
      throw new UsageError(`bench index knows no ${arg}`);
    },
  });
  return {
    peers: readCount("peers", flags.peers ?? "10000"),
    files: readCount("files", flags.files ?? "100"),
    searches: readCount("searches", flags.searches ?? "700"),
    record: flags["no-record"] !== true,
  };
}

/** Makes the database that the server starts from. */
async function fill(data: string, { peers, files }: Options): Promise<void> {
  const store = await openSqliteStore({ dataDir: data, clock: systemClock, log: silentLogger });
  const history = History.open({ dataDir: data, clock: systemClock, log: silentLogger });
  const now = Date.now();
  for (let peer = 0; peer < peers; peer++) {
    const cookie = peer.toString(16).padStart(32, "0");
    const rows = rowsOf(peer, files);
    for (const row of rows) history.note({ cookie, peer: `pc${peer}` }, row, true);
    await Promise.all([
      store.savePeers([{
        ...{ cookie, name: `pc${peer}`, host: `pc${peer}`, address: "127.0.0.1", port: 23476, active: true },
        ...{ lastRegistered: now, registrations: [now] },
      }]),
      store.changeHoldings({ cookie, reset: false, rows, gone: [] }),
    ]);
  }
  history.close();
  await store.close();
}

/** One kind of question. */
interface Found {
  kind: string;
  searches: number;
  /** The first page, milliseconds: what somebody waits for. */
  p50: number;
  p99: number;
  max: number;
  /** All pages, of the first few. */
  wholeP50: number;
  wholeMax: number;
  rows: number;
}

/** Reads all pages of an answer. @returns how many rows they hold. */
async function rowsTo(asker: LoadPeer, query: string): Promise<number> {
  let rows = 0;
  for (let after: string | undefined, page = 0; page === 0 || after !== undefined; page++) {
    const question = { kind: "RFCQuery", query, ...after === undefined ? {} : { after } } as const;
    const answer = await asker.ask(question, "RFCIndex");
    rows += answer.rows.length;
    after = answer.next;
  }
  return rows;
}

async function search(
  port: number,
  options: Options,
): Promise<{ kinds: Found[]; all: number[]; late: number }> {
  // Each in its turn: what one and the same asks without a pause has a quarter of the server's time, however it is asked.
  const askers = await Promise.all(
    Array.from({ length: ASKERS }, (_, n) => LoadPeer.dial({ hostname: "127.0.0.1", port }, `asker${n}`)),
  );
  const byKind = new Map<string, { first: number[]; whole: number[]; rows: number }>();
  const deadline = performance.now() + GRACE;
  let late = 0;
  const asked = questions(options.peers, options.searches);
  for (const [n, { kind, query }] of asked.entries()) {
    if (performance.now() > deadline) {
      late++;
      continue;
    }
    const times = byKind.get(kind) ?? { first: [], whole: [], rows: 0 };
    byKind.set(kind, times);
    const began = performance.now();
    await askers[n % ASKERS]!.ask({ kind: "RFCQuery", query }, "RFCIndex");
    times.first.push(performance.now() - began);
  }
  // A word of many rows takes half a minute to its last page, in which nobody else is to wait for an answer.
  for (const { kind, query } of asked) {
    const times = byKind.get(kind);
    if (!times || times.whole.length === WHOLE) continue;
    const began = performance.now();
    times.rows += await rowsTo(askers[0]!, query);
    times.whole.push(performance.now() - began);
  }
  for (const asker of askers) asker.close();
  const kinds = [...byKind].map(([kind, { first, whole, rows }]): Found => ({
    ...{ kind, searches: first.length, rows: Math.round(rows / whole.length) },
    ...latencies(first) as { p50: number; p99: number; max: number },
    ...{ wholeP50: latencies(whole).p50!, wholeMax: latencies(whole).max! },
  }));
  return { kinds, all: [...byKind.values()].flatMap(({ first }) => first), late };
}

const COLUMNS: readonly Column<Found>[] = [
  { key: "kind" },
  { key: "searches" },
  { key: "rows", title: "rows each" },
  { key: "p50", title: "p50 ms" },
  { key: "p99", title: "p99 ms" },
  { key: "max", title: "max ms" },
  { key: "wholeP50", title: "all pages p50" },
  { key: "wholeMax", title: "all pages max" },
];

async function bench(options: Options, cleanup: Cleanup): Promise<number> {
  await compile();
  const machine = thisMachine();
  const lab = new Lab(PROGRAMS);
  cleanup.add(() => lab.close());
  const data = join(lab.pc("rs"), "rs-data");
  await fill(data, options);
  const databaseMb = significant(Deno.statSync(join(data, "rs.sqlite")).size / 1e6, 3);
  const began = performance.now();
  const { running, port } = await lab.rs("rs", "--host", "127.0.0.1", "--log-level", "warn");
  const startSeconds = significant((performance.now() - began) / 1000, 3);
  const startedMb = rssOf(running.pid) / 1e6;
  const { kinds, all, late } = await search(port, options);
  const memory = {
    startedMb: significant(startedMb, 3),
    afterMb: significant(rssOf(running.pid) / 1e6, 3),
    peakMb: significant(peakOf([running.pid]) / 1e6, 3),
  };
  console.log(`\n${describe(machine)}`);
  console.log(layOut(kinds, COLUMNS).join("\n"));
  console.log(
    `${
      options.peers * options.files
    } rows: start ${startSeconds} s, database ${databaseMb} MB; resident ${memory.startedMb} MB, after the searches ${memory.afterMb} MB, at most ${memory.peakMb} MB`,
  );
  const { p99 } = latencies(all);
  const targets: Verdict[] = [
    { what: "a page of a search, p99 below 50 ms", seen: `${p99} ms`, pass: (p99 ?? Infinity) < 50 },
    { what: "all searches asked in time", seen: `${late} not`, pass: late === 0 },
  ];
  for (const { what, seen, pass } of targets) console.log(`${pass ? "met   " : "MISSED"} ${what}: ${seen}`);
  if (options.record) {
    await record("index", machine, { options, startSeconds, databaseMb, memory, kinds, targets });
  }
  return targets.every(({ pass }) => pass) ? 0 : 1;
}

export const BENCH: Bench = {
  name: "index",
  summary: "the registration server with a million rows: search by word and glob, memory, start",
  help: HELP,
  run: (args) => {
    const options = readOptions(args);
    return withCleanup((cleanup) => bench(options, cleanup));
  },
};
