/** `peer serve`. */

import { resolve } from "@std/path";
import { LabError, messageOf } from "../../base/errors.ts";
import type { Tell } from "../../peer/control.ts";
import { demandDataOf } from "../../peer/data_folder.ts";
import { loadPeerState } from "../../peer/peer_state.ts";
import { loadMembership } from "../../peer/membership_file.ts";
import { joinCode, joinFirst } from "./joining.ts";
import { PeerServe } from "../../peer/serve/serve.ts";
import { peerNameFault, printable } from "../../catalog/names.ts";
import type { CommandContext } from "../context.ts";
import type { SERVE_FLAGS } from "./peer_flags.ts";
import { hostName, memberContext, registrationServer } from "./setting.ts";

type Ctx = CommandContext<typeof SERVE_FLAGS>;

/** Serves until it is told to leave or interrupted. */
export async function run(ctx: Ctx): Promise<void> {
  const peer = await startPeer(ctx, (line) => ctx.output.json(line as { event: string }));
  const leave = () => peer.leave().catch((cause) => ctx.log.error(`Cannot leave: ${messageOf(cause)}`));
  if (ctx.signal.aborted) leave();
  ctx.signal.addEventListener("abort", leave, { once: true });
  await peer.done;
}

/**
 * Starts a serve as the flags say; for `peer menu` too.
 *
 * @param event hears what happens, as JSON lines of the contract.
 */
export async function startPeer(ctx: Ctx, event: Tell): Promise<PeerServe> {
  const { flags, folders } = ctx;
  const fault = flags.name === undefined ? undefined : peerNameFault(flags.name);
  if (fault) {
    throw new LabError(
      "usage",
      `Cannot use the name ${printable(flags.name!)}: ${fault}; choose another --name`,
    );
  }
  const share = await ctx.ensureAccess(folders.share, "read-write", { flag: "--share" });
  const data = await ctx.ensureAccess(folders.data, "read-write", { flag: "--data", folder: "data" });
  demandDataOf("peer", data);
  const isJoining = flags.join !== undefined || flags.joinFile !== undefined;
  if (flags.classic !== undefined && (isJoining || await loadMembership(data))) {
    throw new LabError(
      "usage",
      "Cannot serve --classic in a secured lab: the course's own programs can't join, so they need an open lab",
    );
  }
  const code = await joinCode(ctx);
  const rs = await registrationServer(ctx, await loadPeerState(data), data, code);
  const given = await joinFirst(ctx, rs, data, code);
  return await PeerServe.start({
    context: await memberContext(ctx, data),
    rs,
    named: flags.rs,
    // The lab may have called it otherwise; that has been said.
    name: given ?? flags.name,
    hostName: hostName(),
    host: flags.host,
    port: flags.port,
    classic: flags.classic,
    share,
    data,
    logFile: flags.logFile === undefined ? undefined : resolve(flags.logFile),
    indexInterval: flags.indexInterval * 1000,
    rate: flags.rate ?? Infinity,
    acceptOpenBroadcasts: flags.acceptOpenBroadcasts,
    event,
  });
}
