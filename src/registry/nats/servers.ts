/**
 * Which registration servers are alive: each writes what it has to say of itself every few seconds, where entries vanish by
 * themselves.
 *
 * Rules: a server that wasn't heard for longer than its entry lives is gone, and the others look after its peers; whoever
 * can't write as long knows that it counts as gone. While NATS is away, or we don't hear ourselves, nobody is judged.
 */

import type { Clock } from "../../base/clock.ts";
import type { Fellow } from "../store.ts";
import { DEAF } from "./link.ts";
import type { Setting } from "./peers.ts";
import type { Entry, Reading } from "./reading.ts";
import { readServer, type SharedServer } from "./records.ts";

/** How often a server says that it's there, milliseconds. */
const EVERY = 2_000;
/** For how long that holds, milliseconds: NATS may take 9 s to find another leader, which is no reason to count as gone. */
export const LEASE = 15_000;

/** The servers that share a registry. */
export class NatsServers {
  readonly fellows = new Map<string, Fellow>();
  #heardAt = new Map<string, number>();
  #self: SharedServer | undefined;
  #writing = false;
  /** The number of what we wrote last, and when we heard ourselves last. */
  #written = 0;
  #selfHeardAt = 0;
  #isNews = false;
  #reading: Reading | undefined;
  #stops: (() => void)[] = [];
  #closed = false;
  #tell: ((gone: readonly string[]) => void) | undefined;

  constructor(private o: Setting & { self: string; clock: Clock }) {}

  /** True when the others count us as gone. */
  get isAway(): boolean {
    return this.o.link.silence > LEASE;
  }

  /** Begins to watch the others. Resolves when those that are there are known. */
  open(): Promise<void> {
    const { link, clock, self } = this.o;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reading = link.follow({
      bucket: this.#bucket,
      filter: ">",
      heard: (entry) => {
        if (entry.key === self) this.#selfHeardAt = clock.monotonic();
        else this.#heard(entry);
      },
      caughtUp: () => {
        // While we couldn't hear, the others may have been there all the time.
        for (const id of this.#heardAt.keys()) this.#heardAt.set(id, clock.monotonic());
        resolve();
      },
    });
    this.#stops.push(clock.every(EVERY, () => void this.#write()), clock.every(1_000, () => this.#judge()));
    return promise;
  }

  /** Hears of servers that come, go or change. */
  follow(tell: (gone: readonly string[]) => void): void {
    this.#tell = tell;
  }

  /** Says what is new about us. */
  present(self: Omit<Fellow, "id">): void {
    this.#self = { id: this.o.self, hosts: [...self.hosts], port: self.port, claims: [...self.claims] };
    this.#isNews = true;
    void this.#write();
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    this.#reading?.close();
    if (this.#self && !this.isAway) {
      await this.o.link.write(this.#bucket, this.o.self, undefined).catch(() => {});
    }
  }

  get #bucket(): string {
    return `${this.o.bucket}-servers`;
  }

  async #write(): Promise<void> {
    if (this.#writing || this.#closed || !this.#self) return;
    this.#writing = true;
    this.#isNews = false;
    try {
      this.#written = await this.o.link.write(this.#bucket, this.o.self, this.#self);
    } catch { /* it will be tried again */ }
    this.#writing = false;
    if (this.#isNews) void this.#write();
  }

  #heard(entry: Entry): void {
    const server = readServer(entry);
    if (!server || server.id !== entry.key) return this.#gone([entry.key]);
    const before = this.fellows.get(server.id);
    this.fellows.set(server.id, server);
    this.#heardAt.set(server.id, this.o.clock.monotonic());
    if (JSON.stringify(before) !== JSON.stringify(server)) this.#tell?.([]);
  }

  #judge(): void {
    if (this.#isDeaf() || this.isAway || (this.#reading?.idle ?? 0) > EVERY * 2) return;
    const now = this.o.clock.monotonic();
    this.#gone([...this.#heardAt].filter(([, at]) => now - at > LEASE).map(([id]) => id));
  }

  /** What we write doesn't come back to us: what the others write won't come, either. */
  #isDeaf(): boolean {
    if (this.o.clock.monotonic() - this.#selfHeardAt <= EVERY + DEAF) return false;
    this.#reading?.again(this.#written);
    return true;
  }

  #gone(ids: readonly string[]): void {
    const known = ids.filter((id) => this.fellows.delete(id));
    for (const id of known) this.#heardAt.delete(id);
    if (known.length > 0) this.#tell?.(known);
  }
}
