/**
 * In a broadcast: asks those above us for their stripes, leaves those who make a stripe lag, and passes on what those above
 * and below have to know. The rules are in src/swarm/parents.ts.
 */

import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Holder } from "../../catalog/merge.ts";
import { printable } from "../../catalog/names.ts";
import type { Parents } from "../../swarm/parents.ts";
import type { Scheduler } from "../../swarm/scheduler.ts";
import type { HolderNews } from "../../transport/piece_channel.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { ContentRun } from "./content_run.ts";
import type { Sources } from "./sources.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** Where everything stands still for so long, another source is asked beside, milliseconds. */
const PATIENCE = 1_500;

/** A content whose stripes are planned. */
export type PlannedRun = ContentRun & { stripes: Parents<Holder> };

/** Tells whether a content's stripes are planned. */
export function isPlanned(run: ContentRun | undefined): run is PlannedRun {
  return run?.stripes !== undefined;
}

/** What it works with. */
export interface ParentDeskOptions {
  scheduler: Scheduler;
  sources: Sources;
  pool: WorkerPool;
  clock: Clock;
  log: Logger;
  relay: Relay | undefined;
  /** Contents under way. */
  runs: () => Iterable<ContentRun>;
}

/** The talk with those above us. */
export class ParentDesk {
  constructor(private o: ParentDeskOptions) {}

  /** Connects to those who are to be asked now, and leaves those who aren't any more. */
  ask(run: PlannedRun): void {
    const { sources, clock } = this.o;
    for (const { peer } of run.stripes.holders()) {
      const gone = sources.goneReason(peer);
      if (!gone) continue;
      run.banned.set(peer, gone);
      run.stripes.lose(peer, clock.monotonic());
      return this.ask(run);
    }
    const holders = run.stripes.holders();
    const wanted = new Map(holders.map(({ peer }) => [peer, run.stripes.piecesOf(peer).length]));
    // Who may be asked for more keeps what it was asked for.
    for (const [peer, pieces] of run.parents) {
      if ((wanted.get(peer) ?? 0) < pieces) this.#withdraw(run, peer, wanted);
    }
    run.parents.clear();
    for (const holder of holders) {
      run.parents.set(holder.peer, wanted.get(holder.peer)!);
      run.confirmed.add(holder.peer);
      sources.ensure(holder, 1);
      this.offer(run, holder.peer);
    }
  }

  /** This one may be asked for its stripes, on connections that are open. */
  offer(run: PlannedRun, peer: string): void {
    const { scheduler, sources, pool } = this.o;
    const instead = run.stripes.given(peer);
    for (const source of sources.openTo(peer)) {
      const worker = sources.get(source)!.worker;
      if (instead.length > 0 || run.demoted) {
        pool.tell(worker, { kind: "claim", source, content: run.id, instead, demoted: run.demoted });
      }
      scheduler.offer(source, run.id, run.piecesOf(peer));
    }
  }

  /** More pieces of a file that is being hashed yet may be asked for. */
  grown(run: ContentRun): void {
    const { scheduler, sources } = this.o;
    for (const peer of run.confirmed) {
      for (const source of sources.openTo(peer)) scheduler.offer(source, run.id, run.piecesOf(peer));
    }
  }

  /** Looks for stripes that lag behind or stand still. Ask with each piece that comes, and ten times a second. */
  look(run: PlannedRun): void {
    const { scheduler, clock, relay } = this.o;
    if (this.#isResting(run)) return run.stripes.rest(clock.monotonic());
    const isOpen = (stripe: number) => !scheduler.isHeldEvery(run.id, run.stripes.count, stripe);
    const { changed, behind } = run.stripes.reinforce(clock.monotonic(), PATIENCE, isOpen);
    if (behind.length > 0) relay?.askers.behind(run.id, behind);
    if (changed.length > 0) this.ask(run);
  }

  /** One above us has news. */
  told(run: PlannedRun, peer: string, news: HolderNews): void {
    if (!run.parents.has(peer)) return;
    if (news.kind === "Have") {
      const now = this.o.clock.monotonic();
      for (const { stripe, hops } of news.behind) run.stripes.hold(peer, stripe, hops, now);
      return this.look(run);
    }
    if (run.demoted) return;
    run.demoted = true;
    this.o.log.debug(`Others take our place at ${printable(peer)}`);
    // Who fails one of those below fails the others too.
    this.o.relay?.askers.sendAway(run.id);
  }

  /** All that is hashed of a stripe is here, and more is to come: nobody can be blamed for it. */
  #isResting(run: PlannedRun): boolean {
    const { reach, stripes: { count } } = run;
    if (!run.feed || reach === run.layout.pieceCount) return false;
    const stripes = Array.from({ length: count }, (_, stripe) => stripe);
    return stripes.some((stripe) => this.o.scheduler.isHeldEvery(run.id, count, stripe, reach));
  }

  #withdraw(run: PlannedRun, peer: string, wanted: ReadonlyMap<string, number>): void {
    const { scheduler, sources, log } = this.o;
    for (const source of sources.openTo(peer)) scheduler.withdraw(source, run.id);
    if (wanted.has(peer)) return;
    run.confirmed.delete(peer);
    log.debug(`${printable(peer)} is not asked for ${printable(run.title)} any more`);
    const others = [...this.o.runs()].filter((other) => other !== run);
    // What it was asked for and has not sent would come all the same.
    if (!others.some((other) => other.confirmed.has(peer))) sources.leave(peer);
  }
}
