/** `rs broadcast`. */

import { connectControl } from "../../peer/control.ts";
import type { CommandContext } from "../context.ts";
import { broadcast } from "./broadcast.ts";
import type { ASK_FLAGS, BROADCAST_FLAGS } from "./common_flags.ts";
import type { RS_BROADCAST_FLAGS } from "./rs_flags.ts";
import { rsSettingToFind } from "./rs_setting.ts";
import { peerContext } from "./setting.ts";

/** Puts files on every peer. */
export async function run(ctx: CommandContext<typeof RS_BROADCAST_FLAGS>): Promise<number> {
  const { find, context } = await rsSettingToFind(ctx as unknown as CommandContext<typeof ASK_FLAGS>);
  return await broadcast(ctx as unknown as CommandContext<typeof BROADCAST_FLAGS>, {
    find,
    name: "rs",
    cookie: undefined,
    adopt: (id) => adopt(ctx, id),
    context,
  });
}

/** What lies in the share, the rs serve on this PC can deliver when this command has ended. */
async function adopt(ctx: CommandContext<typeof RS_BROADCAST_FLAGS>, id: string): Promise<boolean> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read", { flag: "--data", folder: "data" });
  const { resolve, SEPARATOR } = await import("@std/path");
  const paths = ctx.args.map((path) => resolve(path));
  const share = resolve(ctx.folders.share) + SEPARATOR;
  if (!paths.every((path) => path.startsWith(share))) return false;
  const control = await connectControl(data, "rs", peerContext(ctx));
  if (!control) return false;
  try {
    await control.run("adopt", { id, paths }, () => {}, ctx.signal);
    return true;
  } finally {
    control.close();
  }
}
