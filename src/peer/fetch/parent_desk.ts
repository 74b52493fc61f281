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
import type { ReceiveNews } from "../receive_protocol.ts";
import type { HolderNews } from "../../transport/piece_channel.ts";
import type { Relay } from "../broadcast/relay.ts";
import type { ContentRun } from "./content_run.ts";
import type { FetchListener } from "./engine_options.ts";
import { MulticastDesk } from "./multicast_desk.ts";
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
  listener: FetchListener;
  /** Contents under way. */
  runs: () => Iterable<ContentRun>;
}

/** The talk with those above us. */
export class ParentDesk {
  #multicast: MulticastDesk;

  constructor(private o: ParentDeskOptions) {
    const { listener } = o;
    this.#multicast = new MulticastDesk({ ...o, heard: (tally) => listener.multicast?.(tally) });
  }

  /** A content is about to be fetched. What comes by multicast may need nobody above us. */
  begin(run: PlannedRun): void {
    this.#multicast.begin(run);
    if (!run.isHeard) this.ask(run);
  }

  /**
   * What has come by multicast; at its end, or once somebody below us waits for it, what was lost is asked for.
   *
   * @returns the content.
   */
  heard(news: Extract<ReceiveNews, { kind: "multicast" }>): ContentRun | undefined {
    const { runs, scheduler, relay } = this.o;
    const run = [...runs()].find(({ id }) => id === news.content);
    if (!run) return undefined;
    const fresh = news.pieces.filter((piece) => scheduler.found(run.id, piece));
    for (const piece of fresh) {
      const bytes = run.layout.pieceLength(run.layout.piece(piece));
      run.networkBytes += bytes;
      run.gained(piece, bytes);
    }
    relay?.hold(run.id, fresh);
    const isWaitedFor = (before: number) => relay?.isWaitedFor(run.id, before) ?? false;
    const { askable } = run;
    if (this.#multicast.told(run, news, isWaitedFor)) this.#more(run, askable);
    return run;
  }

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

  /** More pieces of a file that is being hashed yet, or that came by multicast, may be asked for: those from `from` on. */
  grown(run: ContentRun, from: number): void {
    const { scheduler, sources } = this.o;
    if (from >= run.askable) return;
    if (run.parents.size === 0 && isPlanned(run)) {
      if (!scheduler.isHeldEvery(run.id, 1, 0, run.askable)) this.ask(run);
      return;
    }
    for (const peer of run.confirmed) {
      for (const source of sources.openTo(peer)) scheduler.offer(source, run.id, run.piecesOf(peer, from));
    }
  }

  /** Of what comes by multicast more may be asked for; at its end all that is missing. */
  #more(run: ContentRun, from: number): void {
    // Those above us have to be dialled, and have as long for it as at the beginning.
    if (isPlanned(run) && (!run.isHeard || run.parents.size === 0)) {
      run.stripes.begin(this.o.clock.monotonic());
    }
    this.grown(run, from);
  }

  /**
   * Looks for stripes that lag behind or stand still. Ask with each piece that comes, and ten times a second; less often while
   * nobody is asked for anything.
   */
  look(run: PlannedRun): void {
    const { scheduler, clock, relay } = this.o;
    const { askable } = run;
    if (this.#multicast.look(run)) this.#more(run, askable);
    if (this.#isResting(run)) return this.#rest(run);
    const isOpen = (stripe: number) => !scheduler.isHeldEvery(run.id, run.stripes.count, stripe);
    const { changed, behind, still } = run.stripes.reinforce(clock.monotonic(), PATIENCE, isOpen);
    if (behind.length + still.length > 0) relay?.askers.tell(run.id, { behind, still });
    if (changed.length > 0) this.ask(run);
  }

  /**
   * Nothing is asked for at the moment. Those who ask us wait for what comes to us by multicast: that is no fault of ours,
   * whatever others bring them meanwhile.
   */
  #rest(run: PlannedRun): void {
    const now = this.o.clock.monotonic();
    run.stripes.rest(now);
    const behind = run.isHeard ? run.stripes.waiting(now) : [];
    if (behind.length > 0) this.o.relay?.askers.tell(run.id, { behind });
  }

  /** One above us has news. */
  told(run: PlannedRun, peer: string, news: HolderNews): void {
    if (!run.parents.has(peer)) return;
    if (news.kind === "Have") {
      const now = this.o.clock.monotonic();
      for (const { stripe, hops } of news.behind) run.stripes.hold(peer, stripe, hops, now);
      for (const each of news.still ?? []) run.stripes.wait(peer, each, now);
      return this.look(run);
    }
    if (run.demoted) return;
    run.demoted = true;
    this.o.log.debug(`Others take our place at ${printable(peer)}`);
    // Who fails one of those below fails the others too.
    this.o.relay?.askers.sendAway(run.id);
  }

  /** All that may be asked for of a stripe is here, and more is to come: nobody can be blamed for it. */
  #isResting(run: PlannedRun): boolean {
    const { askable, stripes: { count } } = run;
    if (askable === run.layout.pieceCount) return false;
    const stripes = Array.from({ length: count }, (_, stripe) => stripe);
    return stripes.some((stripe) => this.o.scheduler.isHeldEvery(run.id, count, stripe, askable));
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
