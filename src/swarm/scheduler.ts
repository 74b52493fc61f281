/**
 * Who is asked for which piece. Pure: no sockets, no clock, no chance but what it is handed; events go in by method,
 * requests come out of `poll`.
 *
 * Invariants, for each piece of each content:
 * - it is *missing*, *asked* (of one source, in the end game of two, and of more only when all of these have fallen
 *   silent), or *held*; held is final;
 * - it is asked only of a source that has it and that has not failed it;
 * - what is asked of one source never exceeds its depth, so a slow source can't hoard pieces.
 *
 * Policy: contents in the order in which they were added; within one, rarest first, then in order (which keeps writes
 * sequential). When every missing piece has been asked for, an idle source takes over the piece that waits longest on a
 * source much slower than itself: the end game.
 */

import { ContentState } from "./content.ts";
import { SourceState } from "./source.ts";
import type { ContentId, PieceOrder, SourceId } from "./types.ts";

/** What the scheduler may use up. */
export interface SchedulerLimits {
  /** Bytes asked of one source and not yet there: enough to keep a pipe full while a request travels. */
  depthBytes: number;
  /** Never more than it delivers in so many milliseconds, once its rate is known. */
  depthTime: number;
  /** Requests on one source, whatever their size. */
  depthRequests: number;
  /** Pieces that are asked of one source together, so that fewer words travel: until there is room for all, none is. */
  batch: number;
  /** A piece counts as waiting too long when a source has not delivered anything for so many milliseconds. */
  patience: number;
}

/** 8 MiB is 64 ms of a gigabit link, more than any LAN's round trip and a disk's hiccup together. */
const DEFAULT_LIMITS: SchedulerLimits = {
  depthBytes: 8 * 1024 * 1024,
  depthTime: 100,
  depthRequests: 16,
  batch: 1,
  patience: 2_000,
};

/**
 * In a broadcast half a second's worth of pieces is asked of each source: nobody else is asked for them, so nothing is
 * hoarded. Four at a time: where all PCs receive and send at once, each word between threads and programs costs more than
 * its bytes.
 */
export const BROADCAST_LIMITS: Partial<SchedulerLimits> = { depthTime: 500, batch: 4 };

/** Bytes asked of a source whose rate isn't known yet. */
const FIRST_DEPTH = 2 * 1024 * 1024;

/** Pieces after which a source's rate is believed. */
const SURE = 3;

/** Decides who is asked for which piece. */
export class Scheduler {
  #limits: SchedulerLimits;
  #contents = new Map<ContentId, ContentState>();
  #sources = new Map<SourceId, SourceState>();

  constructor(limits: Partial<SchedulerLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /**
   * Adds a content to be fetched.
   *
   * @param lengths bytes of each piece.
   * @param held pieces that are on disk already.
   */
  addContent(id: ContentId, lengths: readonly number[], held: Iterable<number> = []): void {
    this.#contents.set(id, new ContentState(id, lengths, held));
  }

  /** Forgets a content, done or given up. */
  removeContent(id: ContentId): void {
    const content = this.#contents.get(id);
    if (!content) return;
    for (const source of this.#sources.values()) source.forgetContent(id);
    this.#contents.delete(id);
  }

  /**
   * Adds a source; it has nothing until {@linkcode offer} says so.
   *
   * @param holder who is at its other end: connections to one holder share its speed, so that one of them isn't asked for
   *   what another owes, unless that one is stuck.
   */
  addSource(id: SourceId, now: number, holder = `source ${id}`): void {
    this.#sources.set(id, new SourceState(id, now, holder));
  }

  /** A source has all pieces of a content, or the given ones on top of those it had. */
  offer(source: SourceId, content: ContentId, pieces: "all" | Iterable<number> = "all"): void {
    const state = this.#contents.get(content);
    if (state && this.#sources.has(source)) state.offer(source, pieces);
  }

  /** A source is gone: what was asked of it is missing again. @returns how many pieces that are. */
  removeSource(id: SourceId): number {
    const source = this.#sources.get(id);
    if (!source) return 0;
    const owed = source.requests;
    for (const { content, piece } of source.asked()) this.#contents.get(content)?.release(piece, id);
    for (const content of this.#contents.values()) content.withdraw(id);
    this.#sources.delete(id);
    return owed;
  }

  /**
   * A verified piece has arrived.
   *
   * @returns true when it was missing until now; false for a duplicate.
   */
  arrived(order: PieceOrder, now: number): boolean {
    const content = this.#contents.get(order.content);
    this.#sources.get(order.source)?.settle(order, content?.lengths[order.piece] ?? 0, now);
    return content?.hold(order.piece) ?? false;
  }

  /** The source could not or would not deliver this piece: it isn't asked for it again. */
  failed(order: PieceOrder, now: number): void {
    const content = this.#contents.get(order.content);
    this.#sources.get(order.source)?.settle(order, 0, now);
    content?.release(order.piece, order.source);
    content?.refuse(order.piece, order.source);
  }

  /** The source is not to be asked for this content any more; what was asked of it is missing again. */
  withdraw(id: SourceId, contentId: ContentId): void {
    const content = this.#contents.get(contentId);
    const source = this.#sources.get(id);
    if (!content || !source) return;
    for (const asked of source.asked()) if (asked.content === contentId) content.release(asked.piece, id);
    source.forgetContent(contentId);
    content.withdraw(id);
  }

  /** What to ask for now. Each order counts as asked from this moment. */
  poll(now: number): PieceOrder[] {
    const orders: PieceOrder[] = [];
    let able = [...this.#sources.values()].filter((source) => this.#isDue(source));
    // One piece per source and round, so that consecutive pieces go to different sources.
    while (able.length > 0) {
      able = able.filter((source) => {
        const order = this.#choose(source, now);
        if (!order) return false;
        this.#ask(order, source, now);
        orders.push(order);
        return true;
      });
    }
    return orders;
  }

  /** True when all pieces of the content are held. */
  isDone(content: ContentId): boolean {
    return this.#contents.get(content)?.missing === 0;
  }

  /** True when a piece is missing that no present source can deliver. */
  isStarved(content: ContentId): boolean {
    return this.#contents.get(content)?.isStarved() ?? false;
  }

  /** True when every `step`th piece of the content, from `first` on and before `end`, is held. */
  isHeldEvery(content: ContentId, step: number, first: number, end?: number): boolean {
    return this.#contents.get(content)?.isHeldEvery(step, first, end) ?? true;
  }

  /** A piece turned out to be on disk already. @returns false when it was held. */
  found(content: ContentId, piece: number): boolean {
    return this.#contents.get(content)?.hold(piece) ?? false;
  }

  /** Pieces that are held now. */
  heldCount(content: ContentId): number {
    const state = this.#contents.get(content);
    return state ? state.lengths.length - state.missing : 0;
  }

  /** Pieces asked for and not there yet, of all contents. */
  get asked(): number {
    let sum = 0;
    for (const source of this.#sources.values()) sum += source.requests;
    return sum;
  }

  /** True when this piece is asked of this source now. */
  isAsked({ source, content, piece }: PieceOrder): boolean {
    return this.#sources.get(source)?.isAsked(content, piece) ?? false;
  }

  /** Bytes per second that a source has delivered lately. */
  rateOf(source: SourceId): number {
    return this.#sources.get(source)?.rate ?? 0;
  }

  #ask(order: PieceOrder, source: SourceState, now: number): void {
    const content = this.#contents.get(order.content)!;
    content.ask(order.piece, source.id);
    source.ask(order, content.lengths[order.piece]!, now);
  }

  /** True when a whole batch may be asked for, or half of the depth where that is less. */
  #isDue(source: SourceState): boolean {
    const { batch, depthRequests } = this.#limits;
    if (batch === 1 || source.requests === 0) return true;
    const depth = this.#depthOf(source);
    const room = Math.min(depth - source.bytes, (depthRequests - source.requests) * source.largest);
    return room >= Math.min(batch * source.largest, depth / 2);
  }

  #choose(source: SourceState, now: number): PieceOrder | undefined {
    if (source.requests >= this.#limits.depthRequests) return undefined;
    const depth = this.#depthOf(source);
    if (source.requests > 0 && source.bytes >= depth) return undefined;
    for (const content of this.#contents.values()) {
      const piece = content.pick(source.id);
      if (piece === undefined) continue;
      // One piece may always be asked for, however large.
      const fits = source.requests === 0 || source.bytes + content.lengths[piece]! <= depth;
      return fits ? { source: source.id, content: content.id, piece } : undefined;
    }
    return source.requests === 0 ? this.#takeOver(source, now) : undefined;
  }

  /**
   * Bytes that may be asked of a source at once: what it delivers in `depthTime`, so that at the end nobody waits long for
   * a slow one, and little is fetched twice; but two of its pieces at least, so that it's never idle in between.
   */
  #depthOf(source: SourceState): number {
    const { depthBytes, depthTime } = this.#limits;
    if (source.rate === 0) return Math.min(depthBytes, FIRST_DEPTH);
    return Math.min(depthBytes, Math.max(2 * source.largest, source.rate * depthTime / 1000));
  }

  /** The end game: an idle source doubles the piece that has waited longest on a stuck or much slower source. */
  #takeOver(idle: SourceState, now: number): PieceOrder | undefined {
    let best: { order: PieceOrder; since: number } | undefined;
    const isSilent = (id: SourceId) => this.#isSilent(id, now);
    for (const other of this.#sources.values()) {
      if (other === idle || !this.#isSlow(other, idle, now)) continue;
      for (const asked of other.asked()) {
        const content = this.#contents.get(asked.content);
        if (!content?.mayDouble(asked.piece, idle.id, isSilent)) continue;
        if (!best || asked.since < best.since) {
          best = {
            order: { source: idle.id, content: asked.content, piece: asked.piece },
            since: asked.since,
          };
        }
      }
    }
    return best?.order;
  }

  #isSilent(id: SourceId, now: number): boolean {
    const source = this.#sources.get(id);
    return source === undefined || now - source.lastProgress > this.#limits.patience;
  }

  #isSlow(other: SourceState, idle: SourceState, now: number): boolean {
    const silent = (now - other.lastProgress) / 1000;
    if (silent * 1000 > this.#limits.patience) return true;
    if (other.holder === idle.holder) return false;
    // Nothing has come for more than 0.1 s, and for more than four times as long as the idle one takes for such a piece.
    const piece = other.bytes / other.requests;
    if (silent > 0.1 && idle.rate > 0 && silent > 4 * piece / idle.rate) return true;
    // The first pieces say little of a source: they waited for the connection and for each other.
    if (other.delivered < SURE) return false;
    // What is left on the other takes it more than 0.1 s, and more than four times as long as it would take the idle one.
    const [theirs, ours] = [other.bytes / other.rate, other.bytes / idle.rate];
    return other.rate > 0 && idle.rate > 0 && theirs > 0.1 && theirs > 4 * ours;
  }
}
