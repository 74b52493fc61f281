/** For tests only: a whole registration server over TCP on loopback, with a clock that is told the time. */

import { PATIENCE, within } from "../base/_patience.ts";
import { FakeClock, systemClock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { seededRandom } from "../base/random.ts";
import type { Message, MessageOf, WireRow } from "../protocol/messages.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import { greet, type Identity } from "../transport/handshake.ts";
import { dialTcp } from "../transport/tcp.ts";
import { Watchdog } from "../transport/watchdog.ts";
import { MemoryStore } from "./memory_store.ts";
import { type RegistryOptions, type RegistryServer, startRegistry } from "./server.ts";

/** A log that can be waited for. */
export class ListLog implements Logger {
  readonly lines: string[] = [];
  #waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];

  debug = () => {};
  info = (line: string) => this.#add(`info ${line}`);
  warn = (line: string) => this.#add(`warn ${line}`);
  error = (line: string) => this.#add(`error ${line}`);

  /** The next line from now on that matches; within a minute, or it's a failure. */
  next(pattern: RegExp): Promise<string> {
    const line = new Promise<string>((resolve) => this.#waiting.push({ pattern, resolve }));
    return within(`a line of the log like ${pattern}`, line);
  }

  #add(line: string): void {
    this.lines.push(line);
    const found = this.#waiting.filter(({ pattern }) => pattern.test(line));
    this.#waiting = this.#waiting.filter((each) => !found.includes(each));
    for (const { resolve } of found) resolve(line);
  }
}

/** A test that isn't over by then hangs, milliseconds. */
const LASTS = 2 * PATIENCE;

/** A registration server with its surroundings. When a test takes too long all its connections end, and say why. */
export class Lab implements AsyncDisposable {
  #spare: () => void;

  private constructor(
    readonly server: RegistryServer,
    readonly clock: FakeClock,
    readonly log: ListLog,
    private watchdog: Watchdog,
    readonly clients: Set<Connection>,
  ) {
    this.#spare = systemClock.after(LASTS, () => this.#end());
  }

  static async start(options: Partial<RegistryOptions> = {}): Promise<Lab> {
    const clock = (options.clock ?? new FakeClock()) as FakeClock;
    const log = new ListLog();
    const watchdog = new Watchdog(clock);
    const server = await startRegistry({
      ...{ host: "127.0.0.1", port: 0, ttlSeconds: 7200, agent: "test", clock, log, watchdog },
      ...{ random: seededRandom(clock.now() % 1e6 + 1), data: { store: new MemoryStore() } },
      ...options,
    });
    return new Lab(server, clock, log, watchdog, new Set());
  }

  /** A connection that has greeted. */
  async dial(role: Identity["role"] = "peer", name?: string, handler?: Handler): Promise<Connection> {
    const { clock, watchdog } = this;
    const stream = await dialTcp(this.server.address, { clock });
    const identity = { role, agent: "test", ...(name === undefined ? {} : { name }) };
    const { connection } = await greet(stream, identity, {
      clock,
      watchdog,
      ...(handler ? { handler } : {}),
    });
    this.clients.add(connection);
    return connection;
  }

  /** A peer that has registered. */
  async join(
    name: string,
    cookie?: string,
    port = 23476,
    handler?: Handler,
  ): Promise<{ link: Connection } & MessageOf<"Registered">> {
    const link = await this.dial("peer", name, handler);
    return { link, ...await register(link, name, cookie, port) };
  }

  #end(): void {
    const reason = new Error(`The test isn't over after ${LASTS / 1000} s: what it waits for doesn't come`);
    for (const client of this.clients) client.close(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#spare();
    for (const client of this.clients) client.close();
    await this.server.close();
  }
}

export function register(
  link: Connection,
  name: string,
  cookie?: string,
  port = 23476,
): Promise<MessageOf<"Registered">> {
  const message = { kind: "Register", name, host: name.toUpperCase(), port } as const;
  return link.request(cookie === undefined ? message : { ...message, cookie }, "Registered");
}

export async function peers(link: Connection, asked: Partial<MessageOf<"PQuery">> = {}): Promise<string[]> {
  return (await link.request({ ...asked, kind: "PQuery" }, "Peers")).peers.map(({ name }) => name);
}

export function row(name: string, more: Partial<WireRow> = {}): WireRow {
  return {
    name,
    title: "",
    size: 5,
    sha256: "a".repeat(64),
    modified: "2026-01-02T03:04:05Z",
    flag: 1,
    ...more,
  };
}

export function announce(
  { link, cookie }: { link: Connection; cookie: string },
  rows: WireRow[],
  more: { reset?: boolean; gone?: string[] } = {},
): Promise<MessageOf<"Announced">> {
  return link.request({ kind: "Announce", cookie, rows, reset: false, gone: [], ...more }, "Announced");
}

/** All pages of an RFCQuery. */
export async function index(
  link: Connection,
  asked: Partial<MessageOf<"RFCQuery">> = {},
): Promise<{ pages: number; lines: string[] }> {
  const lines: string[] = [];
  let message: Message = { ...asked, kind: "RFCQuery" };
  for (let pages = 1;; pages++) {
    const page: MessageOf<"RFCIndex"> = await link.request(message, "RFCIndex");
    for (const { name, holders } of page.rows) {
      lines.push(`${name}: ${holders.map((place) => page.holders[place]!.name).join(",")}`);
    }
    if (page.next === undefined) return { pages, lines };
    message = { ...message, after: page.next } as Message;
  }
}
