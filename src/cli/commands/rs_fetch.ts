/** `rs fetch`: from peers into the share of the registration server's PC, or from all of them into a folder each. */

import { toolIdentity } from "../../peer/context.ts";
import { fetchCommand, OTHER_FOLDER } from "../../peer/fetch/command.ts";
import type { CommandContext } from "../context.ts";
import { collectAll, isEverybody } from "./collect.ts";
import type { ASK_FLAGS } from "./common_flags.ts";
import { FetchReport } from "./fetch_report.ts";
import type { RS_FETCH_FLAGS } from "./rs_flags.ts";
import { rsSetting } from "./rs_setting.ts";

/** Fetches files from whoever holds them. */
export async function run(ctx: CommandContext<typeof RS_FETCH_FLAGS>): Promise<number | void> {
  const { flags, folders } = ctx;
  const folder = flags.out === undefined
    ? await ctx.ensureAccess(folders.share, "read-write", { flag: "--out" })
    : await ctx.ensureAccess(flags.out, "read-write", { flag: "--out" });
  const { rs, context } = await rsSetting(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  const common = { rs, identity: toolIdentity(context, "rs"), context, cookie: undefined, folder };
  if (isEverybody(flags.from)) return await collectAll(ctx, common);
  const report = new FetchReport(ctx);
  try {
    await fetchCommand({ patterns: [...ctx.args], from: flags.from, folder }, {
      ...common,
      data: undefined,
      listener: report,
      // What is there is read: this PC keeps no index.
      known: () => undefined,
      choice: OTHER_FOLDER,
      signal: ctx.signal,
    });
  } finally {
    report.end();
  }
}
