/** `rs experiment`: the course's measurement, on PCs of the lab or on peers in this process. */

import { EXIT, LabError } from "../../base/errors.ts";
import { formatBytes, formatSeconds, type HostPort } from "../../base/units.ts";
import { isNamed, printable } from "../../catalog/names.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { evenShares } from "../../peer/experiment/bound.ts";
import { Errands } from "../../peer/experiment/errands.ts";
import { handOut, type Mark, measure, type Measured } from "../../peer/experiment/experiment.ts";
import { CASES, planTrial, type Trial } from "../../peer/experiment/plan.ts";
import { makeTestFiles } from "../../peer/experiment/test_files.ts";
import { connectRs, queryPeers } from "../../peer/rs_client.ts";
import { type OfferServer, offerServer } from "../../peer/send.ts";
import { contentsOf, type SendFile } from "../../peer/send_files.ts";
import type { WirePeer } from "../../protocol/messages.ts";
import { tryLock } from "../../storage/lock.ts";
import { fileError, Root } from "../../storage/root.ts";
import type { CommandContext } from "../context.ts";
import { LocalLab } from "../experiment/local_lab.ts";
import { experimentHtml } from "../experiment/report.ts";
import {
  boundLine,
  experimentCsv,
  filesOf,
  gain,
  lastAt,
  meanAt,
  type Outcome,
  secondsText,
  thousandths,
  TITLES,
  verdict,
} from "../experiment/summary.ts";
import type { ASK_FLAGS } from "./common_flags.ts";
import { demandLead } from "./role.ts";
import type { EXPERIMENT_FLAGS } from "./rs_flags.ts";
import { rsSetting } from "./rs_setting.ts";
import { peerContext } from "./setting.ts";

type Ctx = CommandContext<typeof EXPERIMENT_FLAGS>;

/** What local peers send at most unless told otherwise, bytes per second: 20 Mbit/s, an uplink of the course's time. */
const LOCAL_RATE = 2.5e6;
/** Larger files only take longer; this process holds one in memory while it makes it. */
const SIZE_LIMIT = 100e6;

/** Where the outcome goes. */
interface Places {
  data: string;
  report: string;
  csv: string;
}

/** Measures, tells, and writes the page and the CSV file. */
export async function run(ctx: Ctx): Promise<number> {
  const { flags, clock } = ctx;
  if (flags.size > SIZE_LIMIT) {
    throw new LabError("usage", `Cannot use --size ${formatBytes(flags.size)}: 100 MB at most`);
  }
  const places = await placesOf(ctx);
  const lock = tryLock(`${places.data}/experiment.lock`);
  if (!lock) {
    throw new LabError(
      "busy",
      "Cannot measure: another rs experiment is running on this data folder; wait for it",
    );
  }
  const folder = Root.open(`${places.data}/experiment`, "write");
  try {
    empty(folder);
    const began = clock.now();
    const outcome = { began, ...await (flags.local ? onLocal(ctx, folder) : onPcs(ctx, folder)) };
    tell(ctx, outcome, places);
    return EXIT.done;
  } finally {
    empty(folder);
    Deno.removeSync(folder.path);
    lock.release();
  }
}

async function placesOf(ctx: Ctx): Promise<Places> {
  const { flags, folders } = ctx;
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  const wanted = flags.report ?? `${folders.data}/experiment.html`;
  const name = /\.html?$/i.test(wanted) ? wanted.replace(/\.html?$/i, "") : wanted;
  const hint = { flag: "--report", folder: "data" } as const;
  Root.open(data, "write");
  return {
    data,
    report: await ctx.ensureAccess(wanted, "write", hint),
    csv: await ctx.ensureAccess(`${name}.csv`, "write", hint),
  };
}

/** What an earlier run has left, too: it may have been killed. */
function empty({ path }: Root): void {
  for (const { name } of Deno.readDirSync(path)) Deno.removeSync(`${path}/${name}`, { recursive: true });
}

async function onLocal(ctx: Ctx, folder: Root): Promise<Omit<Outcome, "began">> {
  const context = peerContext(ctx);
  const rate = ctx.flags.rate ?? LOCAL_RATE;
  const { count } = ctx.flags;
  ctx.output.note(`Starting ${count} peers in this process`);
  await using lab = await LocalLab.start({ context, folder: folder.path, count, rate });
  return await onPeers(ctx, { rs: lab.rs, context, folder, rate });
}

async function onPcs(ctx: Ctx, folder: Root): Promise<Omit<Outcome, "began">> {
  const { rs, context } = await rsSetting(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  demandLead(context, "Cannot measure");
  return await onPeers(ctx, { rs, context, folder, rate: ctx.flags.rate });
}

/** With what it is measured. */
interface Stage {
  rs: HostPort;
  context: PeerContext;
  folder: Root;
  rate: number | undefined;
}

async function onPeers(ctx: Ctx, stage: Stage): Promise<Omit<Outcome, "began">> {
  const { flags } = ctx;
  const peers = await choosePeers(ctx, stage);
  const extent = { peers: peers.length, each: flags.files };
  const trials = CASES.map((kind) => planTrial(kind, extent));
  if (stage.rate !== undefined) {
    const all = trials.map((trial) => Math.max(...evenShares(trial, flags.size, stage.rate!).flat()));
    const seconds = all.reduce((sum, each) => sum + each, 0);
    ctx.output.note(`Measuring: about ${formatSeconds(seconds)}, so slow are the uplinks`);
  }
  const run = `experiment-${ctx.random.id(3)}`;
  const cases: Measured[] = [];
  for (const [i, trial] of trials.entries()) {
    const files = { folder: `${run}/${trial.kind}`, count: extent.peers * extent.each, seed: i };
    cases.push(
      await runTrial(ctx, stage, peers, trial, makeTestFiles(stage.folder, { ...files, size: flags.size })),
    );
  }
  if (!flags.local) ctx.output.note(`The files stay in the peers' shares, in ${run}; remove them there`);
  return {
    ...{ peers: peers.map(({ name }) => name), each: flags.files, size: flags.size, rate: stage.rate },
    ...{ isLocal: flags.local, cases },
  };
}

/** Those who take part, always in the same order. */
async function choosePeers({ flags, signal }: Ctx, { rs, context }: Stage): Promise<WirePeer[]> {
  const connection = await connectRs(rs, toolIdentity(context, "rs"), context, { signal });
  const all = await queryPeers(connection).finally(() => connection.close());
  if (flags.peers) {
    return [...new Set(flags.peers)].map((name) => {
      const peer = all.find((each) => isNamed(each.name, name));
      if (peer) return peer;
      throw new LabError(
        "unreachable",
        `Cannot measure with ${printable(name)}: no active peer has that name; see rs peers`,
      );
    });
  }
  const { compare } = new Intl.Collator("en", { numeric: true });
  const chosen = all.sort((a, b) => compare(a.name, b.name)).slice(0, flags.count);
  if (chosen.length >= 2) return chosen;
  throw new LabError(
    "not_found",
    `Cannot compare with ${chosen.length} active peers: it takes two, better six; start peer serve on more PCs, or use --local`,
  );
}

async function runTrial(
  ctx: Ctx,
  { context }: Stage,
  peers: readonly WirePeer[],
  trial: Trial,
  files: readonly SendFile[],
): Promise<Measured> {
  const { signal, clock, output, progress } = ctx;
  const contents = contentsOf(files, context);
  const outside = offerServer(contents, { context, name: "rs" });
  // While it is measured nobody gets anything from here.
  const empty = contentsOf([], context);
  const nothing = offerServer(empty, { context, name: "rs" });
  const wire = files.map(({ offered, size, sha256 }) => [offered, size, sha256] as [string, number, string]);
  const size = files[0]!.size;
  const total = trial.orders.flat().length * size;
  let done = 0;
  const began = clock.monotonic();
  const marked = ({ peer, files, from, seconds }: Mark) => {
    const names = { peer: peers[peer]!.name, from: peers[from]!.name };
    output.json({ event: "measured", case: trial.kind, ...names, files, seconds: thousandths(seconds) });
    done += size;
    const rate = Math.round(done / Math.max(seconds, 0.001));
    if (!output.isJson) progress.report({ name: TITLES[trial.kind], bytes: done, total, rate });
  };
  const reach = async ({ address: { port }, reachedAt }: OfferServer) => {
    const sender = { context, name: "rs", port, reachedAt, signal };
    const all = await Promise.allSettled(peers.map((peer) => Errands.to(peer, sender)));
    for (const each of all) if (each.status === "rejected") throw each.reason;
    return all.map((each) => (each as PromiseFulfilledResult<Errands>).value);
  };
  const open: Errands[] = [];
  try {
    const givers = await reach(outside);
    open.push(...givers);
    await handOut(trial, { peers: givers, files: wire, clock, marked });
    ctx.log.debug(`Handed out in ${formatSeconds((clock.monotonic() - began) / 1000)}`);
    const fetchers = await reach(nothing);
    open.push(...fetchers);
    return await measure(trial, { peers: fetchers, files: wire, clock, marked });
  } finally {
    for (const each of open) each.close();
    for (const server of [outside, nothing]) server.close();
    for (const each of [contents, empty]) each.close();
    progress.drop(TITLES[trial.kind]);
  }
}

function tell({ output }: Ctx, outcome: Outcome, { report, csv }: Places): void {
  write(report, experimentHtml(outcome));
  write(csv, experimentCsv(outcome));
  const files = filesOf(outcome);
  const last = Object.fromEntries(
    outcome.cases.map((measured) => [measured.trial.kind, thousandths(lastAt(measured, files) ?? 0)]),
  );
  const { size, rate, peers } = outcome;
  output.json({
    ...{
      event: "experiment",
      peers: peers.length,
      files,
      size,
      ...rate === undefined ? {} : { rate },
      ...last,
    },
    ...{ report, csv },
  });
  output.table(
    outcome.cases.map((measured) => ({
      case: TITLES[measured.trial.kind],
      files,
      mean: secondsText(meanAt(measured, files) ?? 0),
      last: secondsText(lastAt(measured, files) ?? 0),
      bound: rate === undefined ? "-" : secondsText(boundLine(measured, outcome).at(-1)!),
      gain: `${(gain(outcome, measured.trial.kind) ?? 0).toFixed(1)}x`,
    })),
    [
      { key: "case", fixed: true },
      { key: "files", align: "right" },
      { key: "mean", align: "right" },
      { key: "last", title: "last peer", align: "right" },
      { key: "bound", align: "right" },
      { key: "gain", title: "speed", align: "right" },
    ],
  );
  output.line(verdict(outcome));
  output.line(`Page: ${report}`);
  output.line(`Numbers: ${csv}`);
}

function write(path: string, text: string): void {
  try {
    Deno.writeTextFileSync(path, text);
  } catch (cause) {
    throw fileError(cause, `Cannot write ${path}`);
  }
}
