/**
 * The registration server at run time: connections in, handlers called, effects carried out.
 *
 * Rules: messages of one connection are dealt with in their order; a connection has at most one registration, a peer at
 * most one connection; one timer looks at leases once a second; closing leaves members as they are, so that a restart
 * gives them time to come back. Whatever came from the network is made printable before it's logged.
 */

import { LabError, messageOf } from "../base/errors.ts";
import { TIMEOUTS } from "../base/limits.ts";
import type { HostPort } from "../base/units.ts";
import { printable } from "../catalog/names.ts";
import type { Message, MessageOf, WireBroadcast, WireBroadcastPeer } from "../protocol/messages.ts";
import { type ClassicServer, serveClassic } from "../transport/classic.ts";
import type { Connection, Handler } from "../transport/connection.ts";
import type { Exchange } from "../transport/exchange.ts";
import { serve, type Server } from "../transport/server.ts";
import { Broadcasts } from "./broadcasts.ts";
import { Deliveries } from "./deliveries.ts";
import { ClassicDesk } from "./classic.ts";
import { dispatch, isOurs, isQuestion, type RegistryMessage } from "./dispatch.ts";
import { broadcastRow, pcRows } from "./handlers/broadcasts.ts";
import { demandOwnCookie } from "./handlers/own.ts";
import { Holdings } from "./holdings.ts";
import { Members, type MembersView } from "./members.ts";
import { LocalShare, type OwnFile } from "./local_share.ts";
import { isClassicOnly, type Moment, type PeerRecord } from "./rules.ts";
import { isFileStore, openSqliteStore } from "./sqlite_store.ts";
import { demandOnlyOne, inTurn, REASONS, type Session, tell, tellRevoked, verb } from "./session.ts";
import type { RegistryOptions, RegistryServer, RegistryStats } from "./server_types.ts";
import { Sharing } from "./sharing.ts";
import type { Caller, Departure, Effect, Outcome, Registry } from "./state.ts";
import type { Store } from "./store.ts";
import { writeAgain } from "./write_again.ts";

export type { RegistryEvent, RegistryOptions, RegistryServer, RegistryStats } from "./server_types.ts";

/**
 * Starts a registration server; resolves once it accepts connections.
 *
 * @throws {LabError} "failed" when the port or the database can't be had; "not_permitted" when the sandbox forbids the
 *   data folder.
 */
export async function startRegistry(options: RegistryOptions): Promise<RegistryServer> {
  const { data, clock, log } = options;
  const store = "store" in data ? data.store : await openSqliteStore({ dataDir: data.dir, clock, log });
  try {
    const now = (): Moment => ({ wall: clock.now(), mono: clock.monotonic() });
    const members = new Members(options.ttlSeconds * 1000);
    const holdings = new Holdings();
    members.load(await store.loadPeers(), now());
    for (const cookie of lookedAfter(store, members)) members.connectedElsewhere(cookie);
    for (const { cookie, row } of await store.loadHoldings()) holdings.load(cookie, row);
    holdings.onChange = (cookie, content, isHeld) =>
      options.history?.note({ cookie, peer: members.byCookie(cookie)?.name ?? "" }, content, isHeld);
    const broadcasts = new Broadcasts();
    const { heads, receipts } = await store.broadcasts.load();
    broadcasts.load(heads, receipts);
    const secured = options.security !== undefined;
    const local = new LocalShare(options.share, {
      ...{ store: store.broadcasts, clock, log, hash: options.hashOwn },
      changed: () => running.sourceChanged(),
    });
    await local.load([...broadcasts.holding(clock.now())].map(({ id }) => id));
    const running = new RunningRegistry(options, {
      ...{ members, holdings, broadcasts, store, secured, now },
      ...{ random: options.random, epoch: options.random.id(8) },
    }, local);
    void options.history?.align(holdings, (cookie) => members.byCookie(cookie)?.name);
    return running;
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Those who are registered at another server that is alive. */
function lookedAfter({ shared }: Store, members: Members): string[] {
  if (!shared) return [];
  return [...members.list()].map(({ cookie }) => cookie)
    .filter((cookie) => shared.fellows.has(shared.ownerOf(cookie) ?? ""));
}

/** Broadcasts shown at once: those of the last weeks; rs broadcasts lists them all. */
const LISTED_MAX = 100;
/** A broadcast file of ours that isn't what it was may be put back: it's looked at so often, milliseconds, like a peer's share. */
const LOOK_AGAIN = 30_000;
/** Between two looks whether somebody holds by now what others wait for, milliseconds: soon enough, and for many announces once. */
const INDEX_LOOK = 2_000;

class RunningRegistry implements RegistryServer {
  readonly name: string;
  #server: Server;
  #classic: ClassicServer | undefined;
  #sessions = new WeakMap<Connection, Session>();
  #byCookie = new Map<string, Session>();
  #messages: Record<string, number> = {};
  #errors = 0;
  #deliveries: Deliveries;
  #stopTimers: (() => void)[];
  #stopHearing: (() => void) | undefined;
  #closing = false;
  #sharing: Sharing | undefined;
  private registry: Registry;

  constructor(
    private options: RegistryOptions,
    registry: Omit<Registry, "atWork">,
    private local: LocalShare,
  ) {
    const { host, port, agent, clock, watchdog, log } = options;
    this.#deliveries = new Deliveries({
      ...{ registry, clock, log },
      connectionOf: (cookie) => this.connectionOf(cookie),
      here: (id) => local.count(id),
      isHere: (sha256, name) => local.find(sha256, name) !== undefined,
      claimedElsewhere: (id) => this.#sharing?.isClaimed(id) === true,
      isRevoked: (id) => options.security?.isRevoked(id) === true,
      claimsChanged: () => this.#sharing?.present(),
      port: () => this.address.port,
    });
    this.registry = { ...registry, atWork: this.#deliveries };
    this.name = options.name ?? "rs";
    this.#server = serve({ host, port }, {
      identity: { role: "rs", name: this.name, agent },
      security: options.security,
      admission: options.admission,
      handlerFor: (connection, hello) => this.#greeted(connection, hello),
    }, { clock, watchdog, log });
    this.#classic = this.#openClassic();
    this.#sharing = this.#share();
    if (this.#sharing) this.registry = { ...this.registry, sharing: this.#sharing };
    this.#stopTimers = [
      clock.every(1_000, () => this.#expire()),
      clock.every(3600_000, () => this.#forgetBroadcasts()),
      clock.every(LOOK_AGAIN, () => this.local.lookAgain()),
      clock.every(INDEX_LOOK, () => this.#deliveries.look()),
      writeAgain({ store: registry.store, clock, log }),
    ];
    this.#forgetBroadcasts();
    this.#stopHearing = options.security?.onRevoked((ids) => this.#revoked(ids));
    // While no server ran.
    this.#revoked(options.security?.revoked ?? []);
  }

  /** Takes part in a registry that several servers share. */
  #share(): Sharing | undefined {
    const { registry, options: { clock, log, onEvent, hosts } } = this;
    const { members, holdings, broadcasts, store: { shared }, now } = registry;
    return shared && new Sharing({
      ...{ shared, members, holdings, broadcasts, clock, log, now },
      deliveries: () => this.#deliveries,
      hosts: hosts ?? [this.address.host],
      port: () => this.address.port,
      isHere: (cookie) => this.#byCookie.has(cookie),
      release: (cookie, why) => this.#release(cookie, undefined, why),
      letGo: () => this.#letGo(),
      changed: (record) =>
        record.active
          ? onEvent?.({ kind: "registered", record, cameBack: true })
          : onEvent?.({ kind: "inactive", record, why: "left" }),
      displaced: (gone) => this.#over(gone.map((record) => ({ record, why: "displaced" }))),
      forgetFiles: (id) => this.local.forget(id),
      told: (servers) => this.options.onServers?.(servers),
    });
  }

  /** Peers are told why, and everybody has to dial another server. */
  #letGo(): void {
    for (const cookie of [...this.#byCookie.keys()]) {
      this.#release(cookie, undefined, "away");
      this.registry.members.disconnected(cookie, this.registry.now());
    }
    for (const connection of this.#server.connections) connection.finish();
  }

  #openClassic(): ClassicServer | undefined {
    const { host, classic, clock, log } = this.options;
    if (classic === undefined) return undefined;
    const desk = new ClassicDesk(this.registry, log);
    try {
      return serveClassic({ host, port: classic }, {
        ...{ clock, log, name: this.name },
        answer: async (ask, ends) => ({ answer: await desk.answer(ask, ends) }),
      });
    } catch (thrown) {
      this.#server.close();
      throw thrown;
    }
  }

  get address(): HostPort {
    return this.#server.address;
  }
  get classicPort(): number | undefined {
    return this.#classic?.address.port;
  }
  get members(): MembersView {
    return this.registry.members;
  }
  get holdings(): Holdings {
    return this.registry.holdings;
  }
  get broadcasts(): Broadcasts {
    return this.registry.broadcasts;
  }

  get unready(): string | undefined {
    return this.#sharing?.isAway ? "NATS is out of reach" : this.registry.store.fault;
  }

  listBroadcasts(): WireBroadcast[] {
    return [...this.registry.broadcasts.list()].filter(({ whole }) => whole).slice(-LISTED_MAX)
      .map((head) => broadcastRow(this.registry, head));
  }

  listPcs(id: string): WireBroadcastPeer[] {
    return pcRows(this.registry, this.registry.broadcasts.demand(id));
  }

  stats(): RegistryStats {
    const { members, holdings, broadcasts, store, now } = this.registry;
    return {
      peers: members.size,
      active: members.active,
      connections: this.#server.connections.size,
      rows: holdings.rows,
      messages: { ...this.#messages },
      errors: this.#errors,
      broadcasts: [...broadcasts.holding(now().wall)].length,
      storeBytes: isFileStore(store) ? store.bytes : undefined,
      shared: this.#sharing && { isReachable: !this.#sharing.isAway, others: this.#sharing.others },
    };
  }

  peerOn(connection: Connection): string | undefined {
    return this.registry.members.byCookie(this.#sessions.get(connection)?.cookie ?? "")?.name;
  }

  connectionOf(cookie: string): Connection | undefined {
    return this.#byCookie.get(cookie)?.connection;
  }

  async adopt(id: string, paths: readonly string[]): Promise<void> {
    this.registry.broadcasts.demand(id);
    await this.local.adopt(id, paths);
    this.#deliveries.news();
  }

  /** More or less of a broadcast is in our own share than before. */
  sourceChanged(): void {
    if (!this.#closing) this.#deliveries.news();
  }

  ownFile(sha256: string, name: string): OwnFile | undefined {
    return this.local.find(sha256, name);
  }

  async copyStore(path: string): Promise<void> {
    const { store } = this.registry;
    if (isFileStore(store)) return await store.copyTo(path);
    throw new LabError(
      "unsupported",
      "Cannot copy the database: it isn't a file of this server's; back it up with its own tools",
    );
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    for (const stop of this.#stopTimers) stop();
    this.#deliveries.close();
    this.#sharing?.close();
    this.#stopHearing?.();
    const connections = [...this.#server.connections];
    this.#server.close();
    this.#classic?.close();
    await Promise.all(connections.map((connection) => connection.closed));
    await this.registry.store.close();
  }

  #greeted(connection: Connection, hello: MessageOf<"Hello">): Handler {
    this.#sharing?.demandRegistry();
    const session: Session = { connection, role: hello.role, cookie: undefined, turn: undefined };
    this.#sessions.set(connection, session);
    connection.closed.then(() => this.#disconnected(session));
    const { around } = this.options;
    const answer: Handler = (message, exchange) => {
      this.#messages[message.kind] = (this.#messages[message.kind] ?? 0) + 1;
      if (!isOurs(message)) return this.#passOn(message, exchange);
      return inTurn(session, () => {
        const rested = connection.rested();
        const work = () => this.#measured(session, message, exchange);
        return rested ? rested.then(work) : work();
      });
    };
    if (!around) return answer;
    return (message, exchange) => around(message.kind, () => answer(message, exchange));
  }

  #passOn(message: Message, exchange: Exchange): Promise<void> | void {
    const handler = message.kind === "Offer" ? this.options.onOffer : this.options.onOther;
    const refused = (thrown: unknown): never => {
      // Who has taken the question back gets no answer.
      if (!exchange.aborted) this.#errors++;
      throw thrown;
    };
    try {
      if (!handler) {
        throw new LabError("unsupported", `This registration server does not answer ${message.kind}`);
      }
      const answered = handler(message, exchange);
      return answered instanceof Promise ? answered.catch(refused) : answered;
    } catch (thrown) {
      refused(thrown);
    }
  }

  /** What takes long counts as more than one request. Who has gone needs no list. */
  #measured(session: Session, message: RegistryMessage, exchange: Exchange): Promise<void> | void {
    const { connection } = session;
    if (connection.isClosed && isQuestion(message)) return;
    const began = connection.clock.monotonic();
    try {
      return this.#answer(session, message, exchange);
    } finally {
      connection.budget?.work(connection.clock.monotonic() - began);
    }
  }

  #answer(session: Session, message: RegistryMessage, exchange: Exchange): Promise<void> | void {
    const { remote, local, title } = session.connection;
    const { member } = session.connection;
    const caller: Caller = { remote, local, title, role: session.role, cookie: session.cookie, member };
    try {
      if (this.#closing) throw new LabError("unreachable", "This registration server is being stopped");
      this.#sharing?.demandRegistry();
      demandOwnCookie("cookie" in message ? message.cookie : undefined, caller);
      const other = message.kind === "Register" && member ? this.#byCookie.get(member.id) : undefined;
      const outcome = other
        ? demandOnlyOne(other, session).then(() => dispatch(this.registry, message, caller))
        : dispatch(this.registry, message, caller);
      if (!(outcome instanceof Promise)) return this.#carryOut(session, message, outcome, exchange);
      return outcome.then(
        (done) => this.#carryOut(session, message, done, exchange),
        (thrown) => this.#refused(session, message, thrown),
      );
    } catch (thrown) {
      this.#refused(session, message, thrown);
    }
  }

  #refused({ connection }: Session, message: RegistryMessage, thrown: unknown): never {
    const { log } = this.options;
    this.#errors++;
    const who = printable(connection.title, 80);
    const line = `${verb(message.kind)} ${who} was refused: ${printable(messageOf(thrown), 400)}`;
    if (thrown instanceof LabError) log.info(line, { code: thrown.code });
    else log.error(line, { error: thrown });
    throw thrown;
  }

  #carryOut(
    session: Session,
    message: RegistryMessage,
    outcome: Outcome,
    exchange: Exchange,
  ): Promise<void> {
    const { reply, effect } = outcome;
    tell(this.options.log, message.kind, outcome);
    if (effect) this.#apply(session, effect);
    const sent = exchange.send(reply);
    if (!effect) return sent;
    // What has been done holds for the others, even when who asked for it didn't wait for the answer.
    return sent.finally(() => {
      const { security } = this.options;
      if (security && message.kind === "Register") tellRevoked(session.connection, security.revoked);
      this.#deliver(session, effect);
    });
  }

  /** They are gone at once: what they hold, what they have open, what they were to get; the others hear of it. */
  #revoked(ids: readonly string[]): void {
    for (const id of ids) {
      this.#release(id, undefined, "revoked");
      this.#expel(id).catch((thrown) =>
        this.options.log.error(`Cannot keep who was revoked: ${messageOf(thrown)}`)
      );
    }
    for (const { connection } of this.#byCookie.values()) tellRevoked(connection, ids);
  }

  /** Nobody waits for that PC, and its name is free: it may come back with a new code. */
  async #expel(cookie: string): Promise<void> {
    const { members, holdings, store } = this.registry;
    const record = members.expel(cookie);
    if (!record) return;
    holdings.forget(cookie);
    this.options.onEvent?.({ kind: "inactive", record, why: "left" });
    await store.forgetPeer(cookie);
  }

  /** What a message means for those who are to get a broadcast; after the reply, which the peer awaits. */
  #deliver({ connection }: Session, effect: Effect): void {
    if (this.#closing) return;
    if (effect.kind === "bind") return this.#deliveries.registered(effect.record);
    if (effect.kind !== "broadcast") return;
    const { id, what, forgotten } = effect;
    if (what === "withdrawn") this.local.forget(id);
    if (forgotten !== undefined) this.local.forget(forgotten);
    if (what === "claimed") this.#deliveries.claimed(id, connection);
    else if (what === "news") this.#deliveries.news();
    else this.#deliveries[what](id);
  }

  #forgetBroadcasts(): void {
    const { broadcasts, store, now } = this.registry;
    this.#deliveries.tidy();
    for (const id of broadcasts.old(now().wall)) {
      broadcasts.forget(id);
      this.local.forget(id);
      store.broadcasts.forget(id).catch((thrown) =>
        this.options.log.error(`Cannot forget an old broadcast: ${messageOf(thrown)}`)
      );
    }
  }

  #apply(caller: Session, effect: Effect): void {
    if (effect.kind === "broadcast") return;
    const { record } = effect;
    if (effect.kind === "bind") this.#bind(caller, record);
    else this.#release(record.cookie, caller, effect.why);
    const { onEvent } = this.options;
    if (effect.kind === "release") return onEvent?.({ kind: "inactive", record, why: effect.why });
    onEvent?.({ kind: "registered", record, cameBack: effect.cameBack });
    for (const gone of effect.displaced) this.#gone(gone, "displaced");
  }

  /** It became inactive by itself. */
  #gone(record: PeerRecord, why: Departure): void {
    this.#release(record.cookie, undefined, why);
    this.options.log.info(`${verb("Inactive")} ${record.name}: ${REASONS[why].logged}`);
    this.options.onEvent?.({ kind: "inactive", record, why });
  }

  #bind(session: Session, record: PeerRecord): void {
    this.#release(record.cookie, session, "replaced");
    session.cookie = record.cookie;
    session.connection.idle = TIMEOUTS.registrationIdle;
    this.#byCookie.set(record.cookie, session);
    if (session.connection.isClosed) this.#disconnected(session);
  }

  /** The peer has no connection any longer; the one it had is told why and closed, unless it's the caller's. */
  #release(cookie: string, caller: Session | undefined, why: keyof typeof REASONS): void {
    const session = this.#byCookie.get(cookie);
    if (!session) return;
    this.#byCookie.delete(cookie);
    session.cookie = undefined;
    session.connection.idle = TIMEOUTS.connectionIdle;
    if (session === caller) return;
    const { code, told } = REASONS[why];
    session.connection.send({ kind: "Error", code, message: told }, 0).catch(() => {});
    session.connection.finish();
  }

  #disconnected(session: Session): void {
    const { cookie } = session;
    if (this.#closing || cookie === undefined) return;
    this.#byCookie.delete(cookie);
    session.cookie = undefined;
    const record = this.registry.members.disconnected(cookie, this.registry.now());
    if (!record?.active) return;
    const seconds = TIMEOUTS.grace / 1000;
    this.options.log.info(
      `${verb("Lost")} ${record.name}: its connection ended; it has ${seconds} s to come back`,
    );
  }

  #expire(): void {
    const sharing = this.#sharing;
    // Who can't reach the registry doesn't know who is still there.
    if (sharing && !sharing.knowsWhoIsThere) return;
    this.#over(this.registry.members.expire(
      this.registry.now(),
      sharing && ((cookie) => sharing.isOurs(cookie)),
    ));
  }

  /** They have become inactive by themselves: that is kept, and said. */
  #over(over: readonly { record: PeerRecord; why: Departure }[]): void {
    if (over.length === 0) return;
    const stored = over.map(({ record }) => record).filter((record) => !isClassicOnly(record));
    this.registry.store.savePeers(stored).catch((thrown) => {
      this.options.log.error(`Cannot keep that peers became inactive: ${messageOf(thrown)}`);
    });
    for (const { record, why } of over) this.#gone(record, why);
  }
}
