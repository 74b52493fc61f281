/**
 * `peer serve`: shares a folder, keeps its index, stays registered, serves many at once, receives what is sent, and
 * carries out the commands that come over the control port.
 */

import { existsSync } from "node:fs";
import { sleepOrLess } from "../../base/clock.ts";
import { LabError, messageOf } from "../../base/errors.ts";
import { formatHostPort, type HostPort } from "../../base/units.ts";
import { cleanPeerName, printable } from "../../catalog/names.ts";
import type { Tidying } from "../../storage/old_parts.ts";
import { isWithin, Root } from "../../storage/root.ts";
import { RateLimiter } from "../../transport/rate.ts";
import type { Handler } from "../../transport/connection.ts";
import type { Server } from "../../transport/server.ts";
import { type ControlServer, openControl, type Tell } from "../control.ts";
import { lockDataFolder } from "../data_folder.ts";
import type { PeerContext } from "../context.ts";
import { Background } from "../broadcast/background.ts";
import { Aside } from "../broadcast/aside.ts";
import { Relay } from "../broadcast/relay.ts";
import { WARM_AFTER, WarmPool } from "../fetch/warm_pool.ts";
import type { FetchedFile } from "../fetch/content_run.ts";
import { fetchCommand, OTHER_FOLDER } from "../fetch/command.ts";
import type { LabSecurity } from "../../join/lab_security.ts";
import { saveMembership } from "../membership_file.ts";
import { loadPeerState, otherName, type PeerState, savePeerState, stateLost } from "../peer_state.ts";
import { type IndexNews, ShareIndex } from "../share_index.ts";
import type { ClassicServer } from "../../transport/classic.ts";
import { Claims } from "./claims.ts";
import { ContentStore } from "./content_store.ts";
import { peerHandler } from "./handlers.ts";
import { orComing, orderListener } from "./fetch_order.ts";
import { offerHandler } from "./offers.ts";
import { tidyShare } from "./tidy_share.ts";
import { Checks } from "../doctor/checks.ts";
import { namedBefore, type RsAddress, textsOf } from "../rs_address.ts";
import { openClassicPort, openPort } from "./ports.ts";
import { type Registration, RegistrationKeeper } from "./registration.ts";
import { Transfers } from "./transfers.ts";

/** Settings of `peer serve`. */
export interface ServeOptions {
  context: PeerContext;
  rs: RsAddress;
  /** The one of them that a person named, if one did. */
  named?: HostPort | undefined;
  /** Name to register under; that of an earlier registration, else the host name, unless told. */
  name: string | undefined;
  hostName: string;
  host: string;
  /** A fixed port, or undefined for 23476 or else a free one. */
  port: number | undefined;
  /** A second port, for the course's own programs; 0 takes a free one. */
  classic?: number | undefined;
  share: string;
  data: string;
  /** Where the log is written, if to a file: when that lies in the share, nothing is logged of its having grown. */
  logFile?: string | undefined;
  /** Milliseconds between two scans. */
  indexInterval: number;
  /** Bytes per second that are sent at most. */
  rate: number;
  /** In an open lab: take broadcasts, from whomever. */
  acceptOpenBroadcasts?: boolean;
  /** Hears what happens, as JSON lines of the contract. */
  event: Tell;
}

/** The first scan may take this long, milliseconds, before the peer registers without having finished it. */
const FIRST_SCAN = 5_000;

/** A peer that serves. */
export class PeerServe {
  readonly done: Promise<void>;
  #o: ServeOptions;
  #state: PeerState = {};
  #root: Root;
  #index: ShareIndex;
  #contents: ContentStore;
  #relay: Relay;
  #aside: Aside;
  #warm: WarmPool;
  #rate: RateLimiter;
  #checks: Checks;
  /** One for all connections: what is offered twice is received once. */
  #offers!: Handler;
  #handler!: Handler;
  #background: Background;
  #server!: Server;
  #classic: ClassicServer | undefined;
  #control: ControlServer | undefined;
  #keeper!: RegistrationKeeper;
  #lock: { release(): void };
  #stopTidy = () => {};
  #tidying: Tidying | undefined;
  #stopWarming = () => {};
  #stopHearing: (() => void) | undefined;
  #ending = new AbortController();
  #markDone = () => {};
  #fail: (why: LabError) => void = () => {};
  #claims = new Claims((path) => isWithin(path, this.#root.path) && existsSync(path));
  #transfers: Transfers;
  #sent = 0;
  #received = 0;

  private constructor(options: ServeOptions) {
    const { context } = options;
    this.#o = options;
    this.#root = Root.open(options.share, "write");
    const data = Root.open(options.data, "write");
    this.#lock = lockDataFolder(data.path, "peer");
    this.#index = new ShareIndex({
      share: this.#root.path,
      data: data.path,
      clock: context.clock,
      log: context.log,
      changed: (news) => this.#changed(news),
    });
    this.#rate = new RateLimiter(context.clock, options.rate);
    this.#transfers = new Transfers(context.clock);
    this.#checks = new Checks({
      ...{ context, rate: this.#rate },
      identity: () => ({ role: "peer", name: this.#name, agent: context.agent }),
    });
    this.#background = new Background(context.clock);
    this.#contents = new ContentStore(
      (sha256, name) => {
        const row = this.#index.find(sha256, name);
        return row && { name: row.name, root: this.#root, size: row.size, modified: row.modified };
      },
      this.#index.pieces,
      context.clock,
    );
    this.#relay = new Relay(context.clock);
    this.#aside = new Aside({ ...context, root: this.#root, data: options.data });
    this.#warm = new WarmPool(
      this.#root.path,
      () => ({ role: "peer", name: this.#name, agent: context.agent }),
      context.security,
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.done = promise;
    this.#markDone = resolve;
    this.#fail = reject;
    // Whoever waits for it hears; where nobody does, it's no stray error.
    promise.catch(() => {});
  }

  /**
   * Starts serving: listens first, then indexes, then registers.
   *
   * @throws {LabError} when the port or a folder can't be had.
   */
  static async start(options: ServeOptions): Promise<PeerServe> {
    const peer = new PeerServe(options);
    try {
      await peer.#start();
      return peer;
    } catch (cause) {
      await peer.close();
      throw cause;
    }
  }

  get #name(): string {
    return this.#o.context.security?.self.name ?? this.#o.name ?? this.#state.name ??
      cleanPeerName(this.#o.hostName);
  }

  /** What was remembered, with what is told anew. */
  async #stateAtStart(): Promise<PeerState> {
    const { context, rs, data } = this.#o;
    const { self } = context.security ?? {};
    const kept = await loadPeerState(data, (path) => context.log.warn(stateLost(path)));
    const named = this.#o.named ? formatHostPort(this.#o.named) : namedBefore(rs, kept);
    return {
      ...kept,
      ...(self ? { name: self.name, cookie: self.id } : {}),
      ...{ rs: formatHostPort(rs), servers: textsOf(rs), named },
    };
  }

  async #start(): Promise<void> {
    const { context, rs, event } = this.#o;
    this.#state = await this.#stateAtStart();
    await savePeerState(this.#o.data, this.#state, context.clock);
    this.#offers = this.#offerHandler();
    this.#handler = this.#answers();
    const { security } = context;
    this.#stopHearing = security?.onRevoked(() => void this.#keepRevoked(security));
    const { host, port } = this.#open();
    const classicPort = this.#classic?.address.port;
    event({
      event: "listening",
      role: "peer",
      host,
      port,
      ...(classicPort === undefined ? {} : { classicPort }),
    });
    context.log.info(`Listening on ${formatHostPort({ host, port })}, sharing ${this.#root.path}`);
    this.#tidying = tidyShare(this.#root, context);
    this.#control = await openControl({
      data: this.#o.data,
      role: "peer",
      serves: { host, port, ...(this.#rate.rate === Infinity ? {} : { rate: this.#rate.rate }) },
      context,
      commands: this.#commands(),
    });
    await this.#index.open();
    const firstScan = this.#index.scan().catch((cause) =>
      context.log.error(`Cannot scan the share: ${messageOf(cause)}`)
    );
    this.#index.keepCurrent(this.#o.indexInterval);
    this.#stopTidy = context.clock.every(5_000, () => this.#tidy());
    this.#keeper = new RegistrationKeeper({
      rs,
      context,
      self: () => ({ name: this.#name, cookie: this.#state.cookie }),
      hostName: this.#o.hostName,
      port,
      classic: classicPort,
      rows: () => this.#index.present(),
      // Only the registration server may say that a broadcast no longer holds.
      handler: (message, exchange) =>
        message.kind === "Withdraw"
          ? this.#offers(message, exchange)
          : message.kind === "Reach"
          ? this.#checks.answerServer(message, exchange)
          : this.#handler(message, exchange),
      cookieTaken: () => this.#cookieTaken(),
      refused: (why) => {
        this.#fail(why);
        // What is under way ends with the same word.
        this.#ending.abort(why);
        this.close();
      },
      serversChanged: (rs) => this.#remember({ ...this.#state, ...this.#serversOf(rs) }),
      registered: (registration) => this.#registered(registration),
    });
    await Promise.race([firstScan, sleepOrLess(context.clock, FIRST_SCAN, this.#ending.signal)]);
    if (this.#ending.signal.aborted) return;
    this.#keeper.start();
    this.#stopWarming = context.clock.after(WARM_AFTER, () => {
      this.#warm.warm();
      this.#index.warm();
    });
  }

  /** Leaves the lab and ends. */
  async leave(): Promise<void> {
    if (this.#ending.signal.aborted) return await this.done.catch(() => {/* told to whoever serves */});
    this.#ending.abort(new LabError("interrupted", "This peer is leaving"));
    await this.#keeper?.leave();
    await this.close();
  }

  /** Ends without taking leave. */
  async close(): Promise<void> {
    this.#ending.abort(new LabError("interrupted", "This peer is ending"));
    this.#stopTidy();
    this.#stopWarming();
    this.#stopHearing?.();
    await this.#keeper?.close();
    await this.#tidying?.stop();
    await this.#index.close();
    await this.#control?.close();
    this.#server?.close();
    this.#classic?.close();
    this.#contents.close();
    this.#relay.close();
    this.#background.close();
    this.#warm.close();
    this.#lock.release();
    this.#markDone();
  }

  /** Who was put out is still out after a restart, before the registration server says so. */
  async #keepRevoked({ credentials, revoked }: LabSecurity): Promise<void> {
    const { clock, log } = this.#o.context;
    await saveMembership(this.#o.data, { ...credentials, revoked }, clock).catch((cause) =>
      log.warn(`Cannot keep who is a member no longer: ${messageOf(cause)}`)
    );
  }

  #tidy(): void {
    this.#contents.tidy();
    this.#relay.tidy();
    this.#claims.tidy();
    this.#transfers.tidy();
  }

  /** Opens the ports. */
  #open(): HostPort {
    const { context, host, port, classic } = this.#o;
    const at = { context, host, name: () => this.#name };
    this.#server = openPort({ ...at, port, handler: this.#handler });
    if (classic !== undefined) {
      this.#classic = openClassicPort({
        ...{ ...at, port: classic, rate: this.#rate, root: this.#root },
        rows: () => this.#index.present(),
        sent: (bytes) => this.#sent += bytes,
      });
    }
    return this.#server.address;
  }

  #answers(): Handler {
    return peerHandler({
      check: this.#checks.answer,
      rows: () => this.#index.rows,
      contents: this.#contents,
      relay: this.#relay,
      askers: this.#relay.askers,
      rate: this.#rate,
      giveWay: (isRelayed) => isRelayed ? this.#background.pace(this.#rate) : undefined,
      self: () => ({ name: this.#name, port: this.#server.address.port }),
      sent: (bytes, content, to) => {
        this.#sent += bytes;
        const title = this.#relay.titleOf(content) ?? this.#contents.titleOf(content) ?? "something";
        this.#transfers.sent(to.member?.name ?? to.title, title, bytes);
      },
      offer: this.#offers,
    });
  }

  #offerHandler(): Handler {
    return offerHandler({
      context: this.#o.context,
      name: () => this.#name,
      folderFor: () => this.#root.path,
      known: (name, size, modified) => this.#index.known(name, size, modified),
      received: (file, from) => this.#receivedFile(file, from),
      receiving: (from) => this.#receiving(from),
      withdrawn: () => this.#tidying?.withdrawn(),
      signal: this.#ending.signal,
      pool: (count) => this.#warm.borrow(count),
      acceptOpenBroadcasts: this.#o.acceptOpenBroadcasts ?? false,
      sendLimit: this.#rate.rate,
      background: this.#background,
      broadcast: {
        relay: this.#relay,
        whole: (files) => this.#contents.manifest(files).then(() => {}, () => {}),
        beforeFinish: (plan) => this.#aside.makeRoom(plan.files),
      },
    });
  }

  async #registered({ peer, cookie, ttl, rs }: Registration): Promise<void> {
    const { context, event } = this.#o;
    if (this.#o.name !== undefined && this.#o.name !== peer) {
      context.log.warn(otherName(this.#o.name, peer, this.#state.name));
      this.#o.name = peer;
    }
    const { named } = this.#state;
    const isNew = this.#state.name !== peer || this.#state.cookie !== cookie;
    const remembered = this.#remember({
      ...{ name: peer, cookie, ...this.#serversOf(rs) },
      ...named === undefined ? {} : { named },
    });
    // Who reads that we're registered may end us: what a restart can't do without is on the disk by then.
    if (isNew) await remembered;
    event({ event: "registered", peer, cookie, ttl });
    context.log.info(`Registered as ${printable(peer)} at ${formatHostPort(rs)}`);
    await remembered;
  }

  #serversOf(rs: RsAddress): Pick<PeerState, "rs" | "servers"> {
    this.#o.rs = rs;
    return { rs: formatHostPort(rs), ...(rs.others ? { servers: textsOf(rs) } : {}) };
  }

  async #remember(state: PeerState): Promise<void> {
    const { context: { clock, log }, data } = this.#o;
    const isNew = JSON.stringify(this.#state) !== JSON.stringify(state);
    this.#state = state;
    if (!isNew) return;
    await savePeerState(data, state, clock).catch((cause) =>
      log.warn(`${messageOf(cause)}; the cookie will not be known after a restart`)
    );
  }

  #cookieTaken(): void {
    const { cookie: _, ...rest } = this.#state;
    this.#state = rest;
    this.#o.context.log.warn(
      "Another PC uses this peer's cookie, as after a copy of the data folder: this one registers anew",
    );
  }

  #changed({ added, gone }: IndexNews): void {
    const { log } = this.#o.context;
    for (const row of added) this.#checkClaim(row);
    // Each such line would be the reason for the next one.
    const told = added.filter(({ name }) => this.#root.pathOf(name) !== this.#o.logFile);
    if (told.length + gone.length <= 3) {
      for (const row of told) log.info(`Shared: ${printable(row.name)}`);
      for (const row of gone) log.info(`Gone: ${printable(row.name)}`);
    } else {
      log.info(`The share changed: ${told.length} files new or changed, ${gone.length} gone`);
    }
    this.#keeper?.announce(added, gone.map((row) => row.name));
  }

  /** The scan has read the whole file: is it what its manifest claimed? */
  #checkClaim(row: { name: string; sha256: string }): void {
    const lie = this.#claims.check(this.#root.pathOf(row.name), row.sha256);
    if (!lie) return;
    this.#index.pieces.remove(lie.claimed);
    this.#o.context.log.error(lie.sentence);
  }

  #noteFetched(file: FetchedFile): void {
    this.#received += file.bytes;
    this.#claims.note(file);
    this.#index.came();
  }

  #receivedFile(file: FetchedFile, from: string): void {
    if (file.present) return;
    this.#noteFetched(file);
    this.#o.event({ event: "received", name: file.name, bytes: file.size, from, path: file.path });
    this.#o.context.log.info(`Received ${printable(file.name)} from ${printable(from)}`);
  }

  #commands() {
    return {
      status: (_: Record<string, unknown>, tell: Tell) => Promise.resolve(tell(this.#status())),
      leave: async (_: Record<string, unknown>, tell: Tell) => {
        tell({ event: "left", peer: this.#name });
        // After the answer has gone out.
        this.#o.context.clock.after(50, () => void this.leave());
        await Promise.resolve();
      },
      scan: async () => await this.#index.scan(),
      fetch: (args: Record<string, unknown>, tell: Tell, signal: AbortSignal) =>
        this.#fetch(args, tell, signal),
    };
  }

  #status(): Record<string, unknown> {
    const registration = this.#keeper?.current;
    return {
      event: "status",
      peer: this.#name,
      registered: registration !== undefined,
      ...(registration ? { cookie: registration.cookie, ttl: registration.ttl } : {}),
      ...(this.#keeper?.fault && !registration ? { fault: this.#keeper.fault } : {}),
      rs: formatHostPort(this.#o.rs),
      port: this.#server.address.port,
      share: this.#root.path,
      files: this.#index.present().length,
      connections: this.#server.connections.size,
      sent: this.#sent,
      received: this.#received,
      transfers: this.#transfers.list(),
    };
  }

  /** Something comes in: it is listed, and not noticed write by write. */
  #receiving(from?: string): ReturnType<Transfers["receiving"]> {
    const { progress, end } = this.#transfers.receiving(from);
    const goOn = this.#index.incoming();
    return {
      progress,
      end: () => {
        end();
        goOn();
      },
    };
  }

  async #fetch(args: Record<string, unknown>, tell: Tell, signal: AbortSignal): Promise<void> {
    const { context, rs, data } = this.#o;
    const receiving = this.#receiving();
    const listener = orderListener(tell, receiving, (file) => this.#noteFetched(file));
    const patterns = Array.isArray(args.patterns)
      ? args.patterns.filter((p): p is string => typeof p === "string")
      : [];
    const from = typeof args.from === "string" ? args.from : undefined;
    const folder = typeof args.folder === "string" ? args.folder : this.#root.path;
    await fetchCommand({ patterns, from, folder }, {
      rs,
      identity: { role: "peer", name: this.#name, agent: context.agent },
      context,
      cookie: this.#state.cookie,
      data,
      listener,
      known: (name, size, modified) => this.#index.known(name, size, modified),
      choice: OTHER_FOLDER,
      signal: AbortSignal.any([signal, this.#ending.signal]),
    }).catch((cause) => {
      throw orComing(this.#transfers.list(), patterns, cause);
    }).finally(receiving.end);
    if (folder === this.#root.path) await this.#index.scan().catch(() => {/* the next one finds them */});
  }
}
