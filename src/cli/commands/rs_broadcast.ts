/** `rs broadcast`. */

import type { CommandContext } from "../context.ts";
import { broadcast } from "./broadcast.ts";
import type { ASK_FLAGS, BROADCAST_FLAGS } from "./common_flags.ts";
import type { RS_BROADCAST_FLAGS } from "./rs_flags.ts";
import { rsAddress } from "./rs_setting.ts";

/** Puts files on every peer. */
export async function run(ctx: CommandContext<typeof RS_BROADCAST_FLAGS>): Promise<number> {
  const rs = await rsAddress(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  return await broadcast(ctx as unknown as CommandContext<typeof BROADCAST_FLAGS>, {
    rs,
    name: "rs",
    cookie: undefined,
  });
}
