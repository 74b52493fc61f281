/** What every part of a peer is handed: time, chance, where it works, where it reports. */

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { LabSecurity } from "../join/lab_security.ts";
import type { Identity } from "../transport/handshake.ts";
import type { Watchdog } from "../transport/watchdog.ts";

/** What every part of a peer is handed. */
export interface PeerContext {
  clock: Clock;
  random: Random;
  log: Logger;
  watchdog: Watchdog;
  /** Program and version, for handshakes. */
  agent: string;
  /** This PC's membership, in a secured lab: with it every connection is secured, without it none is. */
  security?: LabSecurity | undefined;
}

/** How a program that isn't serving greets others. */
export function toolIdentity(context: PeerContext, name?: string): Identity {
  return { role: "tool", agent: context.agent, ...(name === undefined ? {} : { name }) };
}
