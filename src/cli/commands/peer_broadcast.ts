/** `peer broadcast`. */

import { cleanPeerName } from "../../catalog/names.ts";
import { servedRate } from "../../peer/control.ts";
import type { CommandContext } from "../context.ts";
import { broadcast } from "./broadcast.ts";
import type { BROADCAST_FLAGS } from "./common_flags.ts";
import type { PEER_BROADCAST_FLAGS } from "./peer_flags.ts";
import { hostName, peerSetting, registrationServer } from "./setting.ts";

/** Puts files on every other peer. */
export async function run(ctx: CommandContext<typeof PEER_BROADCAST_FLAGS>): Promise<number> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read-write", { flag: "--data", folder: "data" });
  const { context, state } = await peerSetting(ctx, data);
  return await broadcast(ctx as unknown as CommandContext<typeof BROADCAST_FLAGS>, {
    find: () => registrationServer(ctx, state, data),
    name: state.name ?? cleanPeerName(hostName()),
    cookie: state.cookie,
    rate: await servedRate(data),
    context,
  });
}
