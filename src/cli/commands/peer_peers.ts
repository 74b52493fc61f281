/** `peer peers`. */

import { toolIdentity } from "../../peer/context.ts";
import { connectRs, queryPeers } from "../../peer/rs_client.ts";
import type { CommandContext } from "../context.ts";
import type { PEERS_FLAGS } from "./peer_flags.ts";
import { listPeers } from "./lists.ts";
import { peerSetting, registrationServer } from "./setting.ts";

/** Lists the active peers, without the asker. */
export async function run(ctx: CommandContext<typeof PEERS_FLAGS>): Promise<void> {
  const { flags, folders, output } = ctx;
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  const { context, state } = await peerSetting(ctx, data);
  const rs = await connectRs(
    await registrationServer(ctx, state, data),
    toolIdentity(context, state.name),
    context,
    {
      signal: ctx.signal,
    },
  );
  try {
    const peers = await queryPeers(rs, state.cookie === undefined ? {} : { cookie: state.cookie });
    listPeers(peers, output, { csv: flags.csv, none: "No other peer is active" });
  } finally {
    rs.close();
  }
}
