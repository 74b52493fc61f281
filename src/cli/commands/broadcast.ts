/** `rs broadcast` and `peer broadcast`: the same work, from another data folder. */

import { resolve } from "@std/path";
import { EXIT, LabError } from "../../base/errors.ts";
import { formatBytes, formatCount, formatRate, formatSeconds, type HostPort } from "../../base/units.ts";
import { isNamed, peerNameFault, printable } from "../../catalog/names.ts";
import { type Broadcast, reasonOf } from "../../peer/broadcast/broadcast.ts";
import { Background } from "../../peer/broadcast/background.ts";
import type { PeerContext } from "../../peer/context.ts";
import { filesToBroadcast } from "../../peer/broadcast/prepare.ts";
import { demandThere, type SendFile } from "../../peer/send_files.ts";
import { RateLimiter } from "../../transport/rate.ts";
import { notEverywhere } from "../broadcast/shortfall.ts";
import { BroadcastWatch } from "../broadcast/watch.ts";
import type { CommandContext } from "../context.ts";
import type { BROADCAST_FLAGS } from "./common_flags.ts";
import { meantPeers } from "./meant_peers.ts";
import type { KeptBroadcast } from "./remember.ts";
import { demandLead } from "./role.ts";
import { sendToAll } from "./send_to_all.ts";

type Ctx = CommandContext<typeof BROADCAST_FLAGS>;

/** Whom the command speaks for. */
export interface Broadcaster {
  /** Which registration server to ask. */
  find: () => Promise<HostPort>;
  name: string;
  cookie: string | undefined;
  /** What it sends at most where the command doesn't say, bytes per second. */
  rate?: number;
  /** Has the server deliver what lies in its own share; tells whether it does. */
  adopt?: (id: string) => Promise<boolean>;
  context: PeerContext;
}

/** Puts files on every PC, and tells how it went. What is wrong with what was typed is said before a server is looked for. */
export async function broadcast(ctx: Ctx, { find, ...self }: Broadcaster): Promise<number> {
  const { flags, clock, signal } = ctx;
  const { context } = self;
  if (flags.retryFailed !== undefined) {
    const { retryBroadcast } = await import("./retry_broadcast.ts");
    return await retryBroadcast(ctx, { rs: await find(), context }, flags.retryFailed);
  }
  for (const name of flags.to) demandPeerName(name);
  const report = flags.report === undefined
    ? undefined
    : await ctx.ensureAccess(flags.report, "write", { flag: "--report", folder: "data" });
  const paths: string[] = [];
  for (const path of ctx.args) paths.push(await ctx.ensureAccess(path, "read"));
  // Every PC would refuse it, and so would the registration server.
  demandLead(context, "Cannot broadcast");
  demandThere(paths);
  const who = { ...self, rs: await find() };
  const began = clock.monotonic();
  const to = flags.to.length === 0 ? undefined : await meantPeers(flags.to, { ...who, signal });
  demandOthers(to ?? [], who);
  const files = await filesToBroadcast(paths, context);
  demandOwnPlace(report, files);
  const limiter = new RateLimiter(clock, flags.rate ?? who.rate ?? Infinity);
  const title = files.length === 1 ? files[0]!.offered : formatCount(files.length, "file");
  const background = flags.background ? new Background(clock) : undefined;
  let run: KeptBroadcast | undefined;
  const byMulticast = () => run?.isMulticast ?? false;
  const watch = new BroadcastWatch({
    ...{ ctx, began, title, from: who.name, files, limiter, report, byMulticast },
  });
  try {
    run = await sendToAll(files, {
      ...{ ...who, title, limiter, background, signal },
      ...{ to, timeout: flags.timeout, expires: flags.expires, byMulticast: !flags.noMulticast },
      changed: (targets) => watch.changed(targets),
      begun: (begun) => run = begun,
    });
  } catch (cause) {
    if (run) watch.abandon(run.id, cause);
    throw cause;
  } finally {
    watch.stop();
  }
  return tellEnd(ctx, run, title, watch, (clock.monotonic() - began) / 1000);
}

/** A file that is sent isn't lost to what is told about it. */
function demandOwnPlace(report: string | undefined, files: readonly SendFile[]): void {
  if (report === undefined || !files.some(({ root, name }) => root.pathOf(name) === resolve(report))) return;
  throw new LabError(
    "usage",
    `Cannot write the report to ${printable(report)}: that file is broadcast itself; name another place`,
  );
}

/** This PC has it; who isn't registered may be called like one that is. */
function demandOthers(to: readonly string[], { name, cookie }: Pick<Broadcaster, "name" | "cookie">): void {
  if (cookie === undefined || !to.some((each) => isNamed(each, name))) return;
  throw new LabError(
    "usage",
    `Cannot broadcast to ${printable(name)}: that is this PC, which has it; leave it out of --to`,
  );
}

function tellEnd(ctx: Ctx, run: Broadcast, name: string, watch: BroadcastWatch, seconds: number): number {
  const { output } = ctx;
  const done = run.targets.filter((target) => target.state === "done");
  const failed = run.targets.filter((target) => target.state !== "done");
  output.json({
    event: "broadcast",
    id: run.id,
    name,
    peers: run.targets.length,
    done: done.length,
    failed: failed.length,
    waiting: run.away,
    seconds: Math.round(seconds * 1000) / 1000,
    receipts: run.targets.map((target) => ({
      peer: target.name,
      state: target.state,
      ...(target.seconds === undefined ? {} : { seconds: Math.round(target.seconds * 1000) / 1000 }),
      ...(target.reason === undefined ? {} : { reason: reasonOf(target) }),
    })),
    ...watch.fields,
  });
  output.table(
    run.targets.map((target) => ({
      peer: target.name,
      state: target.state,
      received: formatBytes(target.bytes),
      after: target.seconds === undefined ? "-" : formatSeconds(target.seconds),
      why: reasonOf(target),
    })),
    [
      { key: "peer" },
      { key: "state" },
      { key: "received", align: "right" },
      { key: "after", align: "right" },
      { key: "why", below: true },
    ],
  );
  const rate = done.length === 0
    ? ""
    : watch.sent === 0 && run.bytes > 0
    ? "; they had it already"
    : seconds > 0.05
    ? `, ${formatRate(run.bytes / seconds)} to each`
    : "";
  output.line(
    `${printable(name)}, ${formatBytes(run.bytes)}: ${done.length} of ${
      formatCount(run.targets.length, "PC")
    } done in ` +
      `${formatSeconds(seconds)}${rate}`,
  );
  if (run.away > 0) {
    output.line(
      `${formatCount(run.away, "PC")} off now: the registration server sees to it when ${
        run.away === 1 ? "it registers" : "they register"
      }`,
    );
  }
  watch.tellEnd(run.id);
  if (failed.length === 0) return EXIT.done;
  throw notEverywhere({
    id: run.id,
    name,
    peers: run.targets.length,
    failed: failed.map((target) => ({ name: target.name, reason: reasonOf(target) })),
  });
}

/** Nobody ever registers under a name that no peer can have: it's a slip of whoever typed it. */
function demandPeerName(name: string): void {
  const fault = peerNameFault(name);
  if (fault === undefined) return;
  throw new LabError(
    "usage",
    `Cannot broadcast to ${printable(name)}: no peer is called that, since ${fault}`,
  );
}
