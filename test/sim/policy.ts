/** Who talks to whom in a simulated broadcast: what makes one policy differ from another. */

import type { StripeNews } from "../../src/swarm/parents.ts";
import type { Simulation } from "./broadcast_sim.ts";
import type { Pc } from "./pc.ts";

/** A policy, before anybody has begun. */
export interface Policy {
  name: string;
  /** Thinks about the whole, and gives each PC its part: sets `behaviour`. */
  prepare(simulation: Simulation): void;
}

/** What one PC does on its own; the PC tells it what happens. */
export interface Behaviour {
  /** The PC has been told of the broadcast. */
  start(): void;
  /** A connection to this one is open now. */
  opened(pc: Pc): void;
  /** A piece has been verified. */
  gained(piece: number): void;
  /** A connection broke, or could not be made. */
  lost(pc: Pc): void;
  /** Somebody else came instead of us there: we are served last. */
  demoted?(by: Pc): void;
  /** We are not among those who come first there. */
  servedLast?(by: Pc): void;
  /** One whom we ask for a stripe is behind with it itself. */
  hold?(from: Pc, stripe: number, hops: number): void;
  /** One whom we ask for a stripe gets nothing at all itself. */
  wait?(from: Pc, news: StripeNews): void;
  /** It sent a bad piece. */
  lied(pc: Pc): void;
  /** A tenth of a second has gone by. */
  tick(): void;
  /** One whom we are connected to has this piece now. */
  has?(pc: Pc, piece: number): void;
}
