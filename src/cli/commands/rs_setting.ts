/** What the commands of `rs` share. */

import { LabError } from "../../base/errors.ts";
import { servedAddress } from "../../peer/control.ts";
import { type PeerContext, toolIdentity } from "../../peer/context.ts";
import { type RsAddress, withOthers } from "../../peer/rs_address.ts";
import { connectRs } from "../../peer/rs_client.ts";
import type { Connection } from "../../transport/connection.ts";
import { dialTcp } from "../../transport/tcp.ts";
import type { CommandContext } from "../context.ts";
import { type ASK_FLAGS, RS_PORT } from "./common_flags.ts";
import { keptServers } from "./rs_servers.ts";
import { memberContext } from "./setting.ts";

/** Connects to the registration server that was named, or else to the one that runs here. */
export async function askRs(ctx: CommandContext<typeof ASK_FLAGS>): Promise<Connection> {
  const { rs, context } = await rsSetting(ctx);
  return await connectRs(rs, toolIdentity(context), context, { signal: ctx.signal });
}

/**
 * The registration server that was named, or else the one that runs here; and, where the data folder holds a secured lab,
 * its operator's membership.
 */
export async function rsSetting(
  ctx: CommandContext<typeof ASK_FLAGS>,
): Promise<{ rs: RsAddress; context: PeerContext }> {
  const { context, find } = await rsSettingToFind(ctx);
  return { rs: await find(), context };
}

/** The same, where the registration server is looked for when it's needed. */
export async function rsSettingToFind(
  ctx: CommandContext<typeof ASK_FLAGS>,
): Promise<{ find: () => Promise<RsAddress>; context: PeerContext }> {
  const data = await ctx.ensureAccess(ctx.folders.data, "read", { flag: "--data", folder: "data" });
  return { find: () => here(ctx, data), context: await memberContext(ctx, data) };
}

async function here(ctx: CommandContext<typeof ASK_FLAGS>, data: string): Promise<RsAddress> {
  if (ctx.flags.rs) return ctx.flags.rs;
  const others = await keptServers(data);
  try {
    const served = await servedAddress(data, "rs");
    if (served) return withOthers(served, others);
  } catch (cause) {
    throw new LabError("failed", `Cannot read ${data}; say which registration server with --rs`, { cause });
  }
  const local = { host: "127.0.0.1", port: RS_PORT };
  if (others.length > 0) return withOthers(local, others);
  const { clock, signal } = ctx;
  try {
    (await dialTcp(local, { clock, signal, timeout: 1_000 })).close();
    return local;
  } catch {
    const { discoverRs, wantedLab } = await import("./discover.ts");
    return await discoverRs(ctx, await wantedLab(data));
  }
}
