/** `peer index`. */

import { searcher } from "../../catalog/search.ts";
import type { IndexRow } from "../../catalog/row.ts";
import { servedHere } from "../../peer/control.ts";
import { toolIdentity } from "../../peer/context.ts";
import { findFiles } from "../../peer/network.ts";
import { ShareIndex } from "../../peer/share_index.ts";
import { IndexFile } from "../../storage/index_file.ts";
import { Root } from "../../storage/root.ts";
import type { CommandContext } from "../context.ts";
import type { INDEX_FLAGS } from "./peer_flags.ts";
import { listLocal, listNetwork } from "./lists.ts";
import { peerContext, peerSetting, registrationServer } from "./setting.ts";

type Ctx = CommandContext<typeof INDEX_FLAGS>;

/** Lists files: those of the network with their holders, or our own. */
export async function run(ctx: Ctx): Promise<void> {
  const { flags, folders, output } = ctx;
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  const query = ctx.args.join(" ");
  const options = { csv: flags.csv, none: query ? `No file matches ${query}` : "No files" };
  if (flags.local) {
    const rows = await localRows(ctx, data);
    return listLocal(query ? rows.filter(searcher(query)) : rows, output, options);
  }
  const { context, state } = await peerSetting(ctx, data);
  const { rows } = await findFiles({
    rs: await registrationServer(ctx, state, data),
    identity: toolIdentity(context, state.name),
    context,
    cookie: state.cookie,
    data,
    signal: ctx.signal,
  }, query ? { query } : {});
  listNetwork(rows, output, options);
}

/** With a serve on this data folder index.csv is current; without one the share is scanned now. */
async function localRows(ctx: Ctx, data: string): Promise<IndexRow[]> {
  const context = peerContext(ctx);
  if (await servedHere(data, "peer", context)) return await new IndexFile(data, context).load();
  const share = await ctx.ensureAccess(ctx.folders.share, "read-write", { flag: "--share" });
  Root.open(share, "write");
  Root.open(data, "write");
  const index = new ShareIndex({ share, data, clock: ctx.clock, log: ctx.log });
  try {
    await index.open();
    await index.scan();
    return [...index.rows];
  } finally {
    await index.close();
  }
}
