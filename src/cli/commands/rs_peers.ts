/** `rs peers`. */

import { queryPeers } from "../../peer/rs_client.ts";
import type { CommandContext } from "../context.ts";
import type { RS_PEERS_FLAGS } from "./rs_flags.ts";
import { listPeers } from "./lists.ts";
import type { ASK_FLAGS } from "./common_flags.ts";
import { askRs } from "./rs_setting.ts";

/** Lists the database of peers. */
export async function run(ctx: CommandContext<typeof RS_PEERS_FLAGS>): Promise<void> {
  const rs = await askRs(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  try {
    // All of them, for the active ones alone are those that can be dialled: without the course's own programs.
    const all = await queryPeers(rs, { all: true });
    const peers = ctx.flags.active ? all.filter(({ active }) => active) : all;
    listPeers(peers, ctx.output, { csv: ctx.flags.csv, none: "No peers" });
  } finally {
    rs.close();
  }
}
