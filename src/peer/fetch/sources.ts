/**
 * The data connections of a fetch: which worker has one to which holder, and when a broken one is dialled again.
 */

import type { Clock } from "../../base/clock.ts";
import { type ErrorCode, LabError } from "../../base/errors.ts";
import type { Holder } from "../../catalog/merge.ts";
import type { WorkerPool } from "./worker_pool.ts";

/** Pauses before a holder is dialled again, milliseconds; after the last it counts as gone. */
const RETRIES = [200, 1_000, 3_000];

interface Source {
  holder: Holder;
  worker: number;
  open: boolean;
  /** When it was, monotonic milliseconds. */
  openedAt?: number;
}

/** A connection that was open for so long and ends while nothing is owed on it was idle, milliseconds. */
const IDLE = 10_000;

/** Data connections. */
export class Sources {
  #sources = new Map<number, Source>();
  #failures = new Map<string, number>();
  #timers = new Map<string, () => void>();
  #gone = new Map<string, LabError>();
  #next = 1;

  constructor(private pool: WorkerPool, private clock: Clock) {}

  /** Sees to it that the holder is connected `count` times, or being dialled, unless it is gone. */
  ensure(holder: Holder, count: number): void {
    if (this.#gone.has(holder.peer)) return;
    const have = [...this.#sources.values()].filter((s) => s.holder.peer === holder.peer).length;
    for (let i = have; i < count; i++) this.#dial(holder);
  }

  /** Why a holder counts as gone, if it does. */
  goneReason(peer: string): LabError | undefined {
    return this.#gone.get(peer);
  }

  /** True while there is, or may soon be, a connection to this holder. */
  isAlive(peer: string): boolean {
    return this.#timers.has(peer) || [...this.#sources.values()].some((s) => s.holder.peer === peer);
  }

  /** A source that has not been hung up on, open or still being dialled. */
  get(source: number): Source | undefined {
    return this.#sources.get(source);
  }

  /** Open connections to a holder. */
  openTo(peer: string): number[] {
    return [...this.#sources].filter(([, s]) => s.open && s.holder.peer === peer).map(([id]) => id);
  }

  /** Its connection is open; undefined where it was hung up on meanwhile. */
  opened(source: number): Source | undefined {
    const known = this.#sources.get(source);
    if (known) {
      known.open = true;
      known.openedAt = this.clock.monotonic();
    }
    return known;
  }

  /** Hangs up on a holder; it may be dialled again. */
  leave(peer: string): void {
    this.#timers.get(peer)?.();
    this.#timers.delete(peer);
    for (const [id, { holder, worker }] of [...this.#sources]) {
      if (holder.peer !== peer) continue;
      this.#sources.delete(id);
      this.pool.tell(worker, { kind: "hang-up", source: id });
    }
  }

  /** The holder delivered something: its failures are forgotten. */
  delivered(peer: string): void {
    this.#failures.delete(peer);
  }

  /**
   * A connection broke or could not be made.
   *
   * @param how.owed pieces that it was asked for and has not delivered.
   * @returns the holder when it now counts as gone.
   */
  lost(source: number, how: { code: ErrorCode; message: string; owed: number }): Holder | undefined {
    const { code, message, owed } = how;
    const known = this.#sources.get(source);
    if (!known) return undefined;
    this.#sources.delete(source);
    const { holder } = known;
    if (this.#timers.has(holder.peer)) return undefined;
    if (this.openTo(holder.peer).length > 0) return undefined;
    // Whoever is asked for nothing hangs up after a while, which is no failure.
    const isIdle = owed === 0 && this.clock.monotonic() - (known.openedAt ?? Infinity) >= IDLE;
    if (isIdle) this.#failures.delete(holder.peer);
    const failures = this.#failures.get(holder.peer) ?? 0;
    this.#failures.set(holder.peer, failures + 1);
    const pause = code === "protocol" || code === "unsupported" ? undefined : RETRIES[failures];
    if (pause === undefined) {
      this.#gone.set(holder.peer, new LabError(code, message));
      return holder;
    }
    this.#timers.set(
      holder.peer,
      this.clock.after(pause, () => {
        this.#timers.delete(holder.peer);
        this.#dial(holder);
      }),
    );
    return undefined;
  }

  /** Ends all that waits. */
  close(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    // The workers may be used again: they must not go on with these.
    for (const [source, { worker }] of this.#sources) this.pool.tell(worker, { kind: "hang-up", source });
    this.#sources.clear();
  }

  #dial(holder: Holder): void {
    const source = this.#next++;
    const worker = source % this.pool.size;
    this.#sources.set(source, { holder, worker, open: false });
    const { address: host, port, id } = holder;
    this.pool.tell(worker, { kind: "dial", source, host, port, ...(id === undefined ? {} : { id }) });
  }
}
