/** What the commands of both programs share: the peer's context, its state, which registration server to ask. */

import { type HostPort, parseHostPort } from "../../base/units.ts";
import type { PeerContext } from "../../peer/context.ts";
import { loadMembership } from "../../peer/membership_file.ts";
import { loadPeerState, type PeerState } from "../../peer/peer_state.ts";
import { namedAmong, type RsAddress, withOthers } from "../../peer/rs_address.ts";
import { Watchdog } from "../../transport/watchdog.ts";
import type { CommandContext } from "../context.ts";
import { VERSION } from "../version.ts";
import { RS_PORT } from "./common_flags.ts";
import type { Seeker } from "./discover.ts";

/** What peer code is handed, made from what a command is handed. */
export function peerContext(
  ctx: Pick<CommandContext, "clock" | "random" | "log" | "program">,
): PeerContext {
  return {
    clock: ctx.clock,
    random: ctx.random,
    log: ctx.log,
    watchdog: new Watchdog(ctx.clock),
    agent: `labswarm-${ctx.program}/${VERSION}`,
  };
}

/**
 * The same, with this PC's membership where it has joined a secured lab.
 *
 * @param data absolute path of the data folder; reading it must have been granted.
 * @throws {LabError} "not_permitted" when the membership is damaged.
 */
export async function memberContext(
  ctx: Pick<CommandContext, "clock" | "random" | "log" | "program">,
  data: string,
): Promise<PeerContext> {
  const security = await loadMembership(data, { isServer: ctx.program === "rs" });
  return { ...peerContext(ctx), security };
}

/**
 * What a command of `peer` works with: its context, and what this PC remembers. In a secured lab name and cookie are those
 * of its membership.
 */
export async function peerSetting(
  ctx: Pick<CommandContext, "clock" | "random" | "log" | "program">,
  data: string,
): Promise<{ context: PeerContext; state: PeerState }> {
  const context = await memberContext(ctx, data);
  const state = await loadPeerState(data);
  const { self } = context.security ?? {};
  return { context, state: self ? { ...state, name: self.name, cookie: self.id } : state };
}

/**
 * Which registration server to ask: the one that was named, with those that are known to share its registry, the one that was used last, or the one that is found.
 *
 * @param data absolute path of the data folder; reading it must have been granted.
 * @param code with which this PC is about to join a lab.
 * @throws {LabError} "unreachable" when none is found, "usage" when several are.
 */
export async function registrationServer(
  ctx: Seeker & { flags: { rs?: HostPort | undefined } },
  state: PeerState,
  data: string,
  code?: string,
): Promise<RsAddress> {
  if (ctx.flags.rs) return namedAmong(ctx.flags.rs, state);
  if (state.rs) return withOthers(parseHostPort(state.rs, RS_PORT), state.servers ?? []);
  const { discoverRs, wantedLab } = await import("./discover.ts");
  return await discoverRs(ctx, await wantedLab(data, code));
}

/** This PC's name. */
export function hostName(): string {
  try {
    return Deno.hostname();
  } catch {
    return "peer";
  }
}
