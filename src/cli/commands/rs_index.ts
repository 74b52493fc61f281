/** `rs index`. */

import { queryIndex } from "../../peer/rs_client.ts";
import type { CommandContext } from "../context.ts";
import type { RS_INDEX_FLAGS } from "./rs_flags.ts";
import { listNetwork } from "./lists.ts";
import type { ASK_FLAGS } from "./common_flags.ts";
import { askServer } from "./rs_questions.ts";
import { askRs } from "./rs_setting.ts";

/** Lists who has what. */
export async function run(ctx: CommandContext<typeof RS_INDEX_FLAGS>): Promise<void> {
  const { lastCopy, history, at } = ctx.flags;
  if (lastCopy || history || at !== undefined) {
    return await askServer(ctx, lastCopy ? "lastCopies" : "history");
  }
  const rs = await askRs(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  const query = ctx.args.join(" ");
  try {
    const rows = await queryIndex(rs, query ? { query } : {});
    listNetwork(rows, ctx.output, {
      csv: ctx.flags.csv,
      none: query ? `No file matches ${query}` : "No files",
    });
  } finally {
    rs.close();
  }
}
