/**
 * Staying registered: dials the registration server, registers with the cookie, tells it the index, keeps alive, and
 * begins again when the connection breaks, with growing pauses and jitter so that a lab doesn't dial in step.
 */

import { sleepOrLess } from "../../base/clock.ts";
import { codeOf, LabError, messageOf, RemoteError } from "../../base/errors.ts";
import { inPages } from "../../base/pages.ts";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import type { IndexRow } from "../../catalog/row.ts";
import type { Message, WireRow } from "../../protocol/messages.ts";
import type { Connection, Handler } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";
import type { PeerContext } from "../context.ts";
import { allOf, nextOf, type RsAddress, withOthers } from "../rs_address.ts";
import { connectOne } from "../rs_client.ts";
import { Backoff } from "./backoff.ts";

/** What the registration server said when it registered us. */
export interface Registration {
  peer: string;
  cookie: string;
  /** Seconds. */
  ttl: number;
  /** Where, and which others there are. */
  rs: RsAddress;
}

/** With several servers: how long one may take to answer a KeepAlive, milliseconds. The next one is to be tried within 5 s. */
const KEEP_ALIVE_ANSWER = 2_500;

/** How many faults are remembered as told: more than a lab's servers have, and no hoard for a server that invents them. */
const COMPLAINTS = 100;

/** What registration needs to know of the peer. */
export interface RegistrationOptions {
  rs: RsAddress;
  context: PeerContext;
  /** The name to ask for, and the cookie of an earlier registration. */
  self: () => { name: string; cookie: string | undefined };
  hostName: string;
  /** The port that our server listens on. */
  port: number;
  /** The port on which we answer the course's own programs, if we do. */
  classic?: number | undefined;
  /** Files that we hold now. */
  rows: () => IndexRow[];
  /** Answers what the registration server asks. */
  handler: Handler;
  /** The cookie is used by another PC too: it must be forgotten. */
  cookieTaken: () => void;
  /** The registration server says no for good, or isn't ours: nothing is tried any more. */
  refused: (why: LabError) => void;
  /** Other servers came or went. */
  serversChanged?: (rs: RsAddress) => Promise<void> | void;
  /** Called each time, once the index has been told. */
  registered: (registration: Registration) => Promise<void> | void;
}

/** Keeps a peer registered. */
export class RegistrationKeeper {
  #o: RegistrationOptions;
  #stop = new AbortController();
  #connection: Connection | undefined;
  #registration: Registration | undefined;
  #announcing: Promise<void> = Promise.resolve();
  #fault: string | undefined;
  /** What the log has said since we were last registered: faults may take turns, as those of several servers do. */
  #complaints = new Set<string>();
  #running: Promise<void> | undefined;
  #leaving = false;
  /** The server that is to be dialled, and the others. */
  #rs: RsAddress;
  #backoff: Backoff;

  constructor(options: RegistrationOptions) {
    this.#o = options;
    this.#rs = options.rs;
    this.#backoff = new Backoff(options.context.random);
  }

  /** The registration, while it is in force. */
  get current(): Registration | undefined {
    return this.#connection && !this.#connection.isClosed ? this.#registration : undefined;
  }
  /** Why there's none at the moment. */
  get fault(): string | undefined {
    return this.#fault;
  }
  /** The connection to the registration server, while there is one. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Begins, and goes on until {@linkcode leave} or {@linkcode close}. */
  start(): void {
    this.#running = this.#run();
  }

  /** Tells the registration server what changed. */
  announce(added: readonly IndexRow[], gone: readonly string[]): void {
    const connection = this.#connection;
    const cookie = this.#registration?.cookie;
    if (!connection || !cookie) return;
    this.#announcing = this.#announcing
      .then(() => announceAll(connection, cookie, added, gone, false))
      .catch((cause) => {
        this.#o.context.log.warn(`Cannot tell the registration server what changed: ${messageOf(cause)}`);
        // A half-told index is told anew from its beginning.
        connection.close(cause);
      });
  }

  /** Leaves politely, if registered, and ends. */
  async leave(): Promise<void> {
    // Stopping closes the connection, so the goodbye comes first.
    this.#leaving = true;
    const connection = this.#connection;
    if (connection && this.#registration) {
      await connection.request({ kind: "Leave", cookie: this.#registration.cookie }, "Left", 3_000).catch(
        () => {/* it didn't hear of it: our TTL runs out */},
      );
    }
    await this.close();
  }

  /** Ends without a word. */
  async close(): Promise<void> {
    this.#stop.abort(new LabError("interrupted", "Closed"));
    this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#o.context;
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#leaving) {
      const began = clock.monotonic();
      let isFull = false;
      try {
        await this.#once(signal);
      } catch (cause) {
        if (signal.aborted || this.#leaving) return;
        if (this.#isFinal(cause)) return this.#o.refused(cause as LabError);
        this.#complain(messageOf(cause));
        isFull = codeOf(cause) === "busy";
        // Two PCs with one cookie, as after a disk was cloned: the one that is told so becomes a newcomer.
        if (codeOf(cause) === "not_permitted") this.#o.cookieTaken();
      }
      this.#connection = undefined;
      this.#rs = nextOf(this.#rs);
      const servers = allOf(this.#rs).length;
      const pause = this.#backoff.ended({ servers, isFull, lasted: clock.monotonic() - began });
      if (pause > 0) await sleepOrLess(clock, pause, signal);
    }
  }

  #complain(fault: string): void {
    this.#fault = fault;
    if (this.#complaints.has(fault)) return;
    if (this.#complaints.size >= COMPLAINTS) this.#complaints.clear();
    this.#complaints.add(fault);
    this.#o.context.log.warn(`${fault}${fault.endsWith("?") ? "" : "."} Trying again until it works`);
  }

  /** At the first attempt a server of the wrong mode or lab is a mistake of whoever started this; later an attack, maybe. */
  #isFinal(cause: unknown): boolean {
    if (codeOf(cause) !== "not_permitted") return false;
    if (cause instanceof RemoteError) return this.#o.context.security !== undefined;
    return this.#registration === undefined;
  }

  /** One connection, from dialling to its end. */
  async #once(signal: AbortSignal): Promise<void> {
    const { context, handler, port, classic, hostName } = this.#o;
    const rs = this.#rs;
    const { name, cookie } = this.#o.self();
    const identity = { role: "peer" as const, name, agent: context.agent };
    const heard = (message: Message, exchange: Exchange) =>
      message.kind === "Revoked" ? this.#revoked(message.ids, exchange) : handler(message, exchange);
    const connection = await connectOne(rs, allOf(rs).length, identity, context, { signal, handler: heard });
    const end = () => connection.close();
    signal.addEventListener("abort", end, { once: true });
    try {
      const answer = await connection.request(
        {
          ...{ kind: "Register", name, host: hostName, port },
          ...(cookie === undefined ? {} : { cookie }),
          ...(classic === undefined ? {} : { classic }),
        },
        "Registered",
      );
      const told = this.#o.rows();
      await announceAll(connection, answer.cookie, told, [], true);
      this.#backoff.registered();
      this.#hearServers(answer.servers);
      this.#registration = { peer: answer.peer, cookie: answer.cookie, ttl: answer.ttl, rs: this.#rs };
      this.#connection = connection;
      this.#fault = undefined;
      this.#complaints.clear();
      this.#announceSince(told);
      await this.#o.registered(this.#registration);
      await this.#keepAlive(connection, answer.cookie, answer.keepAlive, signal);
    } finally {
      signal.removeEventListener("abort", end);
      connection.close();
    }
    throw lost(connection.reason, rs);
  }

  /** Which servers there are; the ones that were, while ours is alone: they may come back. In an order of our own. */
  #hearServers(servers: readonly string[] | undefined): boolean {
    if (!servers) return false;
    const known = new Set(allOf(this.#rs).map(formatHostPort));
    if (servers.every((each) => known.has(each)) && servers.length === known.size - 1) return false;
    const { random } = this.#o.context;
    const shuffled = servers.map((text) => ({ text, at: random.next() })).sort((a, b) => a.at - b.at);
    this.#rs = withOthers(this.#rs, shuffled.map(({ text }) => text));
    return true;
  }

  #revoked(ids: readonly string[], exchange: Exchange): Promise<void> {
    this.#o.context.security?.revoke(ids);
    return exchange.send({ kind: "Heard" });
  }

  /** What changed while the whole index was being told. */
  #announceSince(told: readonly IndexRow[]): void {
    const before = new Map(told.map((row) => [row.name, row]));
    const now = this.#o.rows();
    const names = new Set(now.map((row) => row.name));
    const added = now.filter((row) => before.get(row.name) !== row);
    const gone = told.filter((row) => !names.has(row.name)).map((row) => row.name);
    if (added.length > 0 || gone.length > 0) this.announce(added, gone);
  }

  /** @param seconds that the server would have between two; one at least. */
  async #keepAlive(
    connection: Connection,
    cookie: string,
    seconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, random } = this.#o.context;
    const ended = new AbortController();
    connection.closed.then(() => ended.abort());
    let every = Math.max(1, seconds) * 1000;
    while (!connection.isClosed && !signal.aborted) {
      await sleepOrLess(clock, every * (0.75 + random.next() / 4), ended.signal);
      if (connection.isClosed) return;
      const answerWithin = this.#rs.others ? KEEP_ALIVE_ANSWER : undefined;
      const alive = await connection.request({ kind: "KeepAlive", cookie }, "Alive", answerWithin);
      if (alive.keepAlive !== undefined) every = Math.max(1, alive.keepAlive) * 1000;
      const isNews = this.#hearServers(alive.servers);
      this.#registration = { ...this.#registration!, ttl: alive.ttl, rs: this.#rs };
      if (isNews) await this.#o.serversChanged?.(this.#rs);
    }
  }
}

/** Why we aren't registered any more: what the server said at the end, or just that it ended. */
function lost(reason: unknown, rs: HostPort): LabError {
  const at = `the registration server at ${formatHostPort(rs)}`;
  if (reason instanceof RemoteError) {
    return new LabError(reason.code, `The connection to ${at} ended: ${reason.message}`);
  }
  return new LabError("unreachable", `The connection to ${at} ended`);
}

/** Tells rows and what is gone, in messages that fit. */
async function announceAll(
  connection: Connection,
  cookie: string,
  rows: readonly IndexRow[],
  gone: readonly string[],
  reset: boolean,
): Promise<void> {
  let first = reset;
  const send = async (some: WireRow[], names: string[]) => {
    await connection.request(
      { kind: "Announce", cookie, reset: first, rows: some, gone: names },
      "Announced",
    );
    first = false;
  };
  for (const part of inPages(rows, (row) => 250 + 3 * (row.name.length + row.title.length))) {
    await send([...part], []);
  }
  for (const part of inPages(gone, (name) => 10 + 3 * name.length)) await send([], [...part]);
  if (first) await send([], []);
}
