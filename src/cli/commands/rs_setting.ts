/** What the commands of `rs` share. */

import { LabError } from "../../base/errors.ts";
import type { HostPort } from "../../base/units.ts";
import { servedAddress } from "../../peer/control.ts";
import { toolIdentity } from "../../peer/context.ts";
import { connectRs } from "../../peer/rs_client.ts";
import type { Connection } from "../../transport/connection.ts";
import type { CommandContext } from "../context.ts";
import { type ASK_FLAGS, RS_PORT } from "./common_flags.ts";
import { peerContext } from "./setting.ts";

/** Connects to the registration server that was named, or else to the one that runs here. */
export async function askRs(ctx: CommandContext<typeof ASK_FLAGS>): Promise<Connection> {
  const context = peerContext(ctx);
  const rs = await rsAddress(ctx);
  return await connectRs(rs, toolIdentity(context), context, { signal: ctx.signal });
}

/** The registration server that was named, or else the one that runs here. */
export async function rsAddress(ctx: CommandContext<typeof ASK_FLAGS>): Promise<HostPort> {
  return ctx.flags.rs ?? await here(ctx);
}

async function here(ctx: CommandContext<typeof ASK_FLAGS>): Promise<HostPort> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read", { flag: "--data", folder: "data" });
  try {
    return await servedAddress(data, "rs") ?? { host: "127.0.0.1", port: RS_PORT };
  } catch (cause) {
    throw new LabError("failed", `Cannot read ${data}; say which registration server with --rs`, { cause });
  }
}
