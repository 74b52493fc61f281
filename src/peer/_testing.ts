/** For tests only: holders over loopback that can be told to misbehave, and fetches from them with real workers. */

import { type Clock, systemClock } from "../base/clock.ts";
import { toHex } from "../base/bytes.ts";
import type { LabError } from "../base/errors.ts";
import { seededRandom } from "../base/random.ts";
import { Lines, noise, TempFolder } from "../storage/_testing.ts";
import { sha256 } from "../storage/hashing.ts";
import { Root } from "../storage/root.ts";
import { isoTime } from "../storage/scan.ts";
import type { Handler } from "../transport/connection.ts";
import { RateLimiter } from "../transport/rate.ts";
import { serve, type Server } from "../transport/server.ts";
import { Watchdog } from "../transport/watchdog.ts";
import type { PeerContext } from "./context.ts";
import type { FetchedFile } from "./fetch/content_run.ts";
import { type BroadcastJob, fetchFiles, type FetchOutcome } from "./fetch/fetch.ts";
import type { WantedFile } from "./fetch/select.ts";
import { WorkerPool } from "./fetch/worker_pool.ts";
import { ContentStore } from "./serve/content_store.ts";
import { peerHandler } from "./serve/handlers.ts";

export const TOOL = { role: "tool", agent: "test" } as const;

/** The real clock, so many times as fast: pauses and retries end soon, yet in their order. */
export function fastClock(factor: number): Clock {
  return {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
    every: (ms, callback) => systemClock.every(ms / factor, callback),
    after: (ms, callback) => systemClock.after(ms / factor, callback),
  };
}

export function contextOf(clock: Clock = systemClock, log = new Lines()): PeerContext & { log: Lines } {
  return { clock, random: seededRandom(1), log, watchdog: new Watchdog(clock), agent: "test" };
}

/** Answers in place of the peer's own handler, or hands on to it. */
export type Misbehaviour = (...args: [...Parameters<Handler>, Handler]) => ReturnType<Handler>;

/** A peer with files, over loopback. */
export class Holder {
  /** Pieces that it was asked for. */
  asked = 0;
  /** Connections that it accepted. */
  dialled = 0;
  store: ContentStore;
  #server!: Server;
  #rates: RateLimiter;
  #old: ContentStore[] = [];

  constructor(
    readonly name: string,
    readonly root: Root,
    private files: Map<string, Uint8Array>,
    private context: PeerContext,
    public misbehave: Misbehaviour = (message, exchange, handler) => handler(message, exchange),
    rate = Infinity,
  ) {
    this.#rates = new RateLimiter(context.clock, rate);
    this.store = this.#newStore();
    this.listen(0);
  }

  get port(): number {
    return this.#server.address.port;
  }

  /** Claims hashes of its own choice for files, by name. */
  readonly claims = new Map<string, string>();

  #newStore(): ContentStore {
    const find = (hash: string, name: string) => {
      const bytes = this.files.get(name);
      if (!bytes || (this.claims.get(name) ?? toHex(sha256(bytes))) !== hash) return undefined;
      const { size, mtime } = Deno.statSync(this.root.pathOf(name));
      return { name, root: this.root, size, modified: isoTime(mtime) };
    };
    return new ContentStore(find, undefined, this.context.clock);
  }

  listen(port: number): void {
    const handler = peerHandler({
      rows: () => [],
      contents: {
        has: (id: never) => this.store.has(id),
        manifest: (f: never) => this.store.manifest(f),
        piece: (id: never, i: never) => this.store.piece(id, i),
      } as never,
      rate: this.#rates,
      self: () => ({ name: this.name, port: this.port }),
      offer: () => {},
      sent: () => {},
    });
    this.#server = serve({ host: "127.0.0.1", port }, {
      identity: { role: "peer", name: this.name, agent: "test" },
      handlerFor: () => {
        this.dialled++;
        return (message, exchange) => {
          if (message.kind === "PieceRequest") this.asked++;
          return this.misbehave(message, exchange, handler);
        };
      },
    }, this.context);
  }

  /** As after a restart: contents are known only once somebody asks for their manifest. */
  forget(): void {
    // What is on its way is still read through the old one.
    this.#old.push(this.store);
    this.store = this.#newStore();
  }

  /** Listens again on the port that it had, once the system has let go of it. */
  async comeBack(port: number): Promise<void> {
    while (true) {
      try {
        return this.listen(port);
      } catch {
        await systemClock.sleep(1);
      }
    }
  }

  async die(): Promise<void> {
    const connections = [...this.#server.connections];
    this.#server.close();
    await Promise.all(connections.map((each) => each.closed));
  }

  async close(): Promise<void> {
    await this.die();
    for (const store of [this.store, ...this.#old]) store.close();
  }
}

/** Stands before a holder and cuts connections after so many bytes from it, so many times; then lets all through. */
export class Cutter {
  cuts = 0;
  #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  #running: Promise<unknown>[] = [];

  constructor(private holder: Holder, private after: number, private times: number) {
    this.#running.push(this.#accept());
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.holder.port });
      this.#running.push(this.#copy(near, far, Infinity), this.#copy(far, near, this.after));
    }
  }

  /** Copies until one end closes, or there were enough bytes and cuts are left. */
  async #copy(from: Deno.Conn, to: Deno.Conn, enough: number): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let total = 0;;) {
        const n = await from.read(buffer);
        if (n === null) break;
        total += n;
        for (let at = 0; at < n;) at += await to.write(buffer.subarray(at, n));
        if (total < enough || this.cuts >= this.times) continue;
        this.cuts++;
        break;
      }
    } catch { /* the other direction has closed it */ }
    for (const conn of [from, to]) {
      try {
        conn.close();
      } catch { /* closed already */ }
    }
  }

  async close(): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#running);
  }
}

/** Holders, a destination, and fetches between them. */
export class Swarm implements AsyncDisposable {
  readonly temp = new TempFolder();
  readonly context: PeerContext & { log: Lines };
  readonly holders: Holder[] = [];
  readonly root: Root;

  constructor(private options: { clock?: Clock; workers?: number; stall?: number } = {}) {
    this.context = contextOf(options.clock ?? fastClock(20));
    this.root = Root.open(this.temp.at("destination"), "write");
  }

  /** A holder of these files. */
  holder(files: Record<string, Uint8Array>, misbehave?: Misbehaviour, rate?: number): Holder {
    const name = `pc${this.holders.length + 1}`;
    const root = Root.open(this.temp.at(name), "write");
    for (const [file, bytes] of Object.entries(files)) this.temp.file(`${name}/${file}`, bytes);
    const holder = new Holder(name, root, new Map(Object.entries(files)), contextOf(), misbehave, rate);
    this.holders.push(holder);
    return holder;
  }

  /** Files as an index tells of them, held by these or by all. */
  wanted(files: Record<string, Uint8Array>, holders: Holder[] = this.holders): WantedFile[] {
    return Object.entries(files).map(([name, bytes]) => ({
      name,
      size: bytes.length,
      sha256: toHex(sha256(bytes)),
      modified: 0,
      holders: holders.map(({ name: peer, port }) => ({ peer, address: "127.0.0.1", port })),
    }));
  }

  async fetch(
    files: readonly WantedFile[],
    more: {
      signal?: AbortSignal;
      progress?: (bytes: number) => void;
      fetched?: (file: FetchedFile) => void;
      broadcast?: BroadcastJob;
    } = {},
  ): Promise<FetchOutcome> {
    const { workers: count = 2, stall } = this.options;
    const pool = new WorkerPool({
      folder: this.root.path,
      identity: TOOL,
      count,
      ...(stall === undefined ? {} : { stall }),
    });
    try {
      return await fetchFiles({
        files,
        root: this.root,
        pool: () => pool,
        identity: TOOL,
        context: this.context,
        localHash: (name) => pool.hash(name),
        listener: {
          progress: ({ bytes }) => more.progress?.(bytes),
          fetched: (file) => more.fetched?.(file),
          failed: (_: string[], __: LabError) => {},
        },
        signal: more.signal ?? new AbortController().signal,
        ...(more.broadcast ? { broadcast: more.broadcast } : {}),
      });
    } finally {
      pool.close();
    }
  }

  /** Names below the destination. */
  list(): string[] {
    return this.temp.list().filter((name) => name.startsWith("destination/")).map((name) => name.slice(12));
  }

  read(name: string): Uint8Array {
    return Deno.readFileSync(this.temp.at("destination", name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const holder of this.holders) await holder.close();
    this.temp[Symbol.dispose]();
  }
}

export { noise };
