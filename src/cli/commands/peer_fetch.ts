/** `peer fetch`. */

import { LabError } from "../../base/errors.ts";
import { isErrorCode } from "../../base/errors.ts";
import { connectControl, type ControlClient } from "../../peer/control.ts";
import { toolIdentity } from "../../peer/context.ts";
import { fetchCommand, knownFrom, OTHER_FOLDER } from "../../peer/fetch/command.ts";
import type { FetchedFile } from "../../peer/fetch/content_run.ts";
import { IndexFile } from "../../storage/index_file.ts";
import type { CommandContext } from "../context.ts";
import { collectAll, isEverybody } from "./collect.ts";
import type { FETCH_FLAGS } from "./peer_flags.ts";
import { FetchReport } from "./fetch_report.ts";
import { demandLead } from "./role.ts";
import { peerContext, peerSetting, registrationServer } from "./setting.ts";

type Ctx = CommandContext<typeof FETCH_FLAGS>;

/** Fetches files from whoever holds them. */
export async function run(ctx: Ctx): Promise<number | void> {
  const { flags, folders } = ctx;
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  if (isEverybody(flags.from)) return await collecting(ctx, data);
  const report = new FetchReport(ctx);
  const control = flags.out === undefined && flags.rs === undefined
    ? await connectControl(data, "peer", peerContext(ctx))
    : undefined;
  try {
    if (control) await byServe(ctx, control, report);
    else await alone(ctx, data, report);
  } finally {
    report.end();
    control?.close();
  }
}

/** The serve on this data folder does the work: its index is current, and what arrives is shared at once. */
async function byServe(ctx: Ctx, control: ControlClient, report: FetchReport): Promise<void> {
  const args = { patterns: [...ctx.args], ...(ctx.flags.from === undefined ? {} : { from: ctx.flags.from }) };
  await control.run("fetch", args, (line) => {
    if (line.event === "planned") report.planned({ files: Number(line.files), bytes: Number(line.bytes) });
    else if (line.event === "progress") {
      report.progress(line as unknown as Parameters<FetchReport["progress"]>[0]);
    } else if (line.event === "waiting") report.waiting(String(line.name));
    else if (line.event === "fetched") report.fetched(line as unknown as FetchedFile);
    else if (line.event === "failed") {
      const code = String(line.code);
      report.failed([], new LabError(isErrorCode(code) ? code : "failed", String(line.message)));
    }
  }, ctx.signal);
}

/** Into a folder for each peer; the serve, where one runs, finds what is new in its share by itself. */
async function collecting(ctx: Ctx, data: string): Promise<number> {
  const { flags, folders } = ctx;
  const hint = { flag: flags.out === undefined ? "--share" : "--out" };
  const folder = await ctx.ensureAccess(flags.out ?? folders.share, "read-write", hint);
  const { context, state } = await peerSetting(ctx, data);
  demandLead(context, "Cannot collect from everybody");
  return await collectAll(ctx, {
    rs: await registrationServer(ctx, state, data),
    identity: toolIdentity(context, state.name),
    context,
    cookie: state.cookie,
    folder,
  });
}

async function alone(ctx: Ctx, data: string, report: FetchReport): Promise<void> {
  const { flags, folders } = ctx;
  const folder = flags.out === undefined
    ? await ctx.ensureAccess(folders.share, "read-write", { flag: "--share" })
    : await ctx.ensureAccess(flags.out, "read-write", { flag: "--out" });
  const { context, state } = await peerSetting(ctx, data);
  const index = new IndexFile(data, context);
  await fetchCommand({ patterns: [...ctx.args], from: flags.from, folder }, {
    rs: await registrationServer(ctx, state, data),
    identity: toolIdentity(context, state.name),
    context,
    cookie: state.cookie,
    data,
    listener: report,
    known: flags.out === undefined ? await knownFrom(index) : () => undefined,
    choice: OTHER_FOLDER,
    signal: ctx.signal,
  });
}
