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
    const peers = await queryPeers(rs, { all: !ctx.flags.active, classic: true });
    listPeers(peers, ctx.output, { csv: ctx.flags.csv, none: "No peers" });
  } finally {
    rs.close();
  }
}
