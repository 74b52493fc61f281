/** What the commands of both programs share: the peer's context, its state, which registration server to ask. */

import { LabError } from "../../base/errors.ts";
import { type HostPort, parseHostPort } from "../../base/units.ts";
import type { PeerContext } from "../../peer/context.ts";
import type { PeerState } from "../../peer/peer_state.ts";
import { Watchdog } from "../../transport/watchdog.ts";
import type { CommandContext } from "../context.ts";
import { VERSION } from "../version.ts";
import { RS_PORT } from "./common_flags.ts";

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
 * Which registration server to ask.
 *
 * @throws {LabError} "usage" when none is known.
 */
export function registrationServer(flag: HostPort | undefined, state: PeerState): HostPort {
  if (flag) return flag;
  if (state.rs) return parseHostPort(state.rs, RS_PORT);
  throw new LabError(
    "usage",
    "Which registration server? None is known on this PC yet: say it with --rs HOST[:PORT]",
  );
}
