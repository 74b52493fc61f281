/**
 * Contents that come by multicast: has a worker listen, and keeps what comes that way from being asked for. What is lost is
 * asked of those above us when nothing comes any more, not before: until then blocks fill the link to this PC, and what
 * others sent it would push more of them out, each of which costs a piece. Unless somebody below us waits for it, who
 * doesn't hear multicast: that one is to have the file as soon as the others.
 */

import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { printable } from "../../catalog/names.ts";
import type { BlockTally } from "../../swarm/blocks.ts";
import type { ReceiveNews } from "../receive_protocol.ts";
import type { ContentRun } from "./content_run.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** The broadcaster waits for all who are to listen before it begins; that takes no longer, milliseconds. */
const BEGINS_WITHIN = 2_000;
/** Once it has begun, a silence is no longer, milliseconds. */
const SILENT_FOR = 1_200;
/** And without a piece that is whole and right: one of 4 MiB takes 1.4 s at the least rate, and may lose a block. */
const FRUITLESS_FOR = 6_000;
/**
 * Who gets less than this part of the pieces is better served by others; looked at over so many milliseconds and pieces: a
 * sender that is too fast at first slows down within less.
 */
const LOSES = { part: 0.6, ms: 2_000, pieces: 16 };

/** How a content comes by multicast. */
export interface MulticastPlan {
  /** Address of this PC on which it is heard. */
  at: string;
  group: string;
  /** 16 hexadecimal digits. */
  session: string;
  /** 32 hexadecimal digits, in a secured lab. */
  key?: string | undefined;
  /** The piece that it is at; 0 where it hasn't begun. */
  piece: number;
}

/** What it works with. */
export interface MulticastDeskOptions {
  pool: WorkerPool;
  clock: Clock;
  log: Logger;
  /** How it goes is told to whoever sends; undefined when nobody listens any more. */
  heard?: ((tally: BlockTally | undefined) => void) | undefined;
}

interface Listening {
  /** When blocks came last, or it was begun; and how many had. */
  at: number;
  got: number;
  /** When a piece was whole and right last, or it was begun; and how many had been. */
  pieceAt: number;
  pieces: number;
  /** How far it was at the last look whether too much is lost. */
  since?: { at: number; passed: number; pieces: number };
}

/** What is listened to. */
export class MulticastDesk {
  #listening = new Map<ContentRun, Listening>();

  constructor(private o: MulticastDeskOptions) {}

  /**
   * Listens for a content that is about to be fetched, if it comes that way. Where an earlier run left pieces, what others
   * miss is no measure: those that are missing here are asked for at once, unless multicast is under way in any case.
   */
  begin(run: ContentRun): void {
    const { multicast } = run.plan;
    if (!multicast || (run.resumes && multicast.piece === 0)) return;
    const { piece: _, ...how } = multicast;
    run.ceiling = 0;
    const now = this.o.clock.monotonic();
    this.#listening.set(run, { at: now, got: 0, pieceAt: now, pieces: 0 });
    this.o.pool.tell(0, { kind: "tune", content: run.id, ...how });
  }

  /**
   * @param isWaitedFor whether somebody below us waits for a piece before this one.
   * @returns true when more may be asked for now.
   */
  told(
    run: ContentRun,
    news: Extract<ReceiveNews, { kind: "multicast" }>,
    isWaitedFor: (before: number) => boolean,
  ): boolean {
    const listening = this.#listening.get(run);
    if (!listening) return false;
    const { got, lost, passed, why } = news;
    const pieces = listening.pieces + news.pieces.length;
    const now = this.o.clock.monotonic();
    if (got > listening.got) listening.at = now;
    if (pieces > listening.pieces) listening.pieceAt = now;
    Object.assign(listening, { got, pieces });
    if (why !== undefined) return this.#end(run, why);
    this.o.heard?.({ got, lost });
    if (this.#losesTooMuch(listening, passed, now)) {
      return this.#end(run, `Too few pieces came whole, and ${lost} of ${got + lost} blocks were lost`);
    }
    if (passed <= run.ceiling || !isWaitedFor(passed)) return false;
    run.ceiling = passed;
    return true;
  }

  /** Looks for silence. Ask a few times a second. @returns true when more may be asked for now. */
  look(run: ContentRun): boolean {
    const listening = this.#listening.get(run);
    if (!listening) return false;
    const now = this.o.clock.monotonic();
    if (now - listening.at >= (listening.got > 0 ? SILENT_FOR : BEGINS_WITHIN)) {
      return this.#end(run, "Nothing comes");
    }
    // Anybody can make blocks, but no piece that is what it should be.
    if (now - listening.pieceAt >= FRUITLESS_FOR) return this.#end(run, "No whole piece comes of it");
    return false;
  }

  #losesTooMuch(listening: Listening, passed: number, now: number): boolean {
    const { since, pieces } = listening;
    if (!since) {
      if (listening.got > 0) listening.since = { at: now, passed, pieces };
      return false;
    }
    const due = passed - since.passed;
    if (due < LOSES.pieces || now - since.at < LOSES.ms) return false;
    listening.since = { at: now, passed, pieces };
    return pieces - since.pieces < LOSES.part * due;
  }

  #end(run: ContentRun, why: string): boolean {
    this.#listening.delete(run);
    this.o.log.debug(`${printable(run.title)} is not heard by multicast any more: ${why}`);
    this.o.pool.tell(0, { kind: "untune", content: run.id });
    this.o.heard?.(undefined);
    run.ceiling = Infinity;
    return true;
  }
}
