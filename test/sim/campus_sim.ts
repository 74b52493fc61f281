/**
 * A campus in virtual time: thousands of PCs that are switched on, register, keep alive and lose their server. Who has a
 * place, who counts as active, who is turned away and when it comes again is decided by the product's own code (places.ts,
 * members.ts, backoff.ts, own.ts) with its own limits; a server is a queue with the work's measured cost. What travels
 * between PCs is broadcast_sim.ts's.
 *
 * Same campus, same seed, same outcome.
 */

import { LabError } from "../../src/base/errors.ts";
import { LIMITS, TIMEOUTS } from "../../src/base/limits.ts";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { Backoff } from "../../src/peer/serve/backoff.ts";
import { keepAliveOf } from "../../src/registry/handlers/own.ts";
import { Members } from "../../src/registry/members.ts";
import { type Placed, Places } from "../../src/transport/places.ts";
import { Events } from "./events.ts";

/** CPU time of a server, milliseconds each. */
export interface Cost {
  /** Accepting and greeting; with TLS where the lab is secured. */
  greet: number;
  register: number;
  /** Taking in a peer's whole index. */
  announce: number;
  keepAlive: number;
  /** Hearing from another server what it has changed. */
  hear: number;
}

/** What is simulated; times in milliseconds. */
export interface Campus {
  peers: number;
  /** PCs that a server sees as neighbours, when it bounds how many may be greeting: the worst case, a lab behind one address. */
  perLab: number;
  /** Registration servers that share one registry. A peer begins with one of them, and goes on to the others. */
  servers: number;
  /** All PCs are switched on within so long. */
  switchOn: number;
  /** How long it is watched. */
  lasts: number;
  cost: Cost;
  /** The product's limits, unless one wants to know what others would do. */
  limits?: { connections?: number; handshakes?: number; members?: number };
  /** The first server is switched off then, and comes back so much later. */
  outage?: { at: number; lasts: number };
  seed?: number;
}

/** Why a PC has to dial again: it lost its place, waited too long, the registry is full, or the server is down. */
export type Why = "place" | "slow" | "full" | "down";

/** What came of it. */
export interface CampusOutcome {
  /** Seconds until each PC had been registered once; Infinity when some never were. */
  joined: number;
  /** PCs that aren't registered at the end. */
  missing: number;
  /** How often PCs had to dial again. */
  again: Record<Why, number>;
  /** Dials a second over the last minute, at all servers together. */
  dials: number;
  /** Longest that a message waited at a server, milliseconds. */
  wait: number;
  /** Most connections of one server. */
  connections: number;
  /** The busiest server's share of a core over the last minute. */
  busy: number;
  /** Times that a PC counted as gone although it was on. */
  lost: number;
  /** Registrations in all. */
  registrations: number;
}

/** Milliseconds, one way. */
const LATENCY = 1;
const TTL = 7_200_000;
/** Over this much of the end it's measured how busy servers are, milliseconds. */
const LAST = 60_000;
/** A peer keeps alive so often, by what its server asks for: jitter, so that a campus doesn't speak in step. */
const JITTER = { least: 0.75, most: 1 };

class Server {
  isUp = true;
  readonly places: Places<Line>;
  freeAt = 0;
  /** CPU time in the last minute. */
  spent = 0;
  most = 0;

  constructor(limits: { connections: number; handshakes: number }) {
    const { handshakesPerAddress: perAddress, connectionsPerMember: perMember } = LIMITS;
    this.places = new Places({ ...limits, perAddress, perMember });
  }
}

interface Peer {
  readonly name: string;
  readonly lab: string;
  /** Servers in the order in which it tries them, and how many it has tried so far. */
  readonly order: readonly Server[];
  tries: number;
  readonly backoff: Backoff;
  cookie: string | undefined;
  registeredOn: Line | undefined;
  joinedAt: number;
}

/** A connection, as a server's places see it. */
class Line implements Placed {
  readonly member = undefined;
  isClosed = false;
  lastRead: number;
  readonly remote: { host: string; port: number };

  constructor(
    readonly peer: Peer,
    readonly server: Server,
    readonly began: number,
    private ended: (line: Line, why: Why) => void,
  ) {
    this.lastRead = began;
    this.remote = { host: peer.lab, port: 0 };
  }

  /** By the server's places, without a reason, when somebody else needs the place. */
  close(why?: unknown): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.ended(this, (why ?? "place") as Why);
  }
}

/** Runs a campus to its end. */
export function simulateCampus(campus: Campus): CampusOutcome {
  return new Run(campus).run();
}

class Run {
  #events = new Events();
  #random: Random;
  #members: Members;
  #servers: Server[];
  #peers: Peer[];
  #cookies = 0;
  #outcome: CampusOutcome = {
    ...{ joined: 0, missing: 0, wait: 0, connections: 0, busy: 0, lost: 0, registrations: 0, dials: 0 },
    again: { place: 0, slow: 0, full: 0, down: 0 },
  };

  constructor(private campus: Campus) {
    const { peers, perLab, servers, seed = 1, limits = {} } = campus;
    const { connections = LIMITS.connections, handshakes = LIMITS.handshakesInFlight } = limits;
    this.#random = seededRandom(seed);
    this.#members = new Members(TTL, limits.members ?? LIMITS.members);
    this.#servers = Array.from({ length: servers }, () => new Server({ connections, handshakes }));
    this.#peers = Array.from({ length: peers }, (_, n) => ({
      ...{ name: `pc${n}`, lab: `lab${Math.floor(n / perLab)}` },
      ...{ order: this.#orderFor(n), tries: 0 },
      ...{
        backoff: new Backoff(this.#random),
        cookie: undefined,
        registeredOn: undefined,
        joinedAt: Infinity,
      },
    }));
  }

  run(): CampusOutcome {
    const { switchOn, lasts, outage } = this.campus;
    for (const peer of this.#peers) {
      this.#events.after(switchOn * this.#random.next(), () => this.#dial(peer));
    }
    this.#everySecond();
    if (outage) {
      const [first] = this.#servers as [Server];
      this.#events.at(outage.at, () => this.#switchOff(first));
      this.#events.at(outage.at + outage.lasts, () => this.#switchOn(first));
    }
    while (this.#events.now < lasts && this.#events.step());
    return this.#result();
  }

  #result(): CampusOutcome {
    let joined = 0;
    for (const { joinedAt } of this.#peers) joined = Math.max(joined, joinedAt / 1000);
    return {
      ...this.#outcome,
      joined,
      missing: this.#peers.filter(({ registeredOn }) => registeredOn === undefined).length,
      connections: Math.max(...this.#servers.map(({ most }) => most)),
      dials: this.#outcome.dials / (LAST / 1000),
      busy: Math.max(...this.#servers.map(({ spent }) => spent)) / LAST,
    };
  }

  #now() {
    return { wall: this.#events.now, mono: this.#events.now };
  }

  /** First its own, then the others by chance, as peers do: else those of one that is off would all go to the same next one. */
  #orderFor(n: number): Server[] {
    const own = this.#servers[n % this.#servers.length]!;
    const others = this.#servers.filter((each) => each !== own)
      .map((server) => ({ server, at: this.#random.next() })).sort((a, b) => a.at - b.at);
    return [own, ...others.map(({ server }) => server)];
  }

  /** As the servers do, if there is one. */
  #everySecond(): void {
    this.#events.after(1_000, () => {
      if (this.#servers.some(({ isUp }) => isUp)) {
        this.#outcome.lost += this.#members.expire(this.#now()).length;
      }
      this.#everySecond();
    });
  }

  #dial(peer: Peer): void {
    const server = peer.order[peer.tries % peer.order.length]!;
    if (this.#events.now > this.campus.lasts - LAST) this.#outcome.dials++;
    if (!server.isUp) return this.#again(peer, "down", 0);
    const { places } = server;
    places.makeRoom(peer.lab);
    const line = new Line(peer, server, this.#events.now, (line, why) => this.#ended(line, why));
    places.add(line);
    server.most = Math.max(server.most, places.all.size);
    this.#work(server, this.campus.cost.greet, (waited) => {
      if (line.isClosed) return;
      if (waited > TIMEOUTS.handshake) return line.close("slow" satisfies Why);
      line.lastRead = this.#events.now;
      places.greeted(line);
      this.#work(server, this.campus.cost.register, (waited) => this.#register(line, waited));
    });
  }

  #register(line: Line, waited: number): void {
    if (line.isClosed) return;
    // The peer has given up by then.
    if (waited > TIMEOUTS.request) return line.close("slow" satisfies Why);
    const { peer, server } = line;
    const { name, cookie } = peer;
    // Each PC has an address of its own: at one address and port they would displace each other.
    const claim = { name, host: name, address: name, port: 23476 };
    try {
      const fresh = `c${this.#cookies++}`;
      peer.cookie = this.#members.register(claim, cookie, fresh, this.#now()).record.cookie;
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw thrown;
      return line.close("full" satisfies Why);
    }
    peer.registeredOn = line;
    line.lastRead = this.#events.now;
    peer.joinedAt = Math.min(peer.joinedAt, this.#events.now);
    peer.backoff.registered();
    this.#outcome.registrations++;
    const { announce, hear } = this.campus.cost;
    for (const other of this.#servers) if (other !== server && other.isUp) this.#work(other, hear, () => {});
    this.#work(server, announce, () => this.#keepAlive(line));
  }

  #keepAlive(line: Line): void {
    if (line.isClosed) return;
    const share = JITTER.least + (JITTER.most - JITTER.least) * this.#random.next();
    const sharing = { hasFellows: this.#servers.filter(({ isUp }) => isUp).length > 1 };
    const every = 1000 * keepAliveOf({ members: this.#members, sharing });
    this.#events.after(every * share, () => {
      if (line.isClosed) return;
      this.#work(line.server, this.campus.cost.keepAlive, () => {
        if (line.isClosed) return;
        line.lastRead = this.#events.now;
        this.#members.renew(line.peer.cookie!, this.#now());
        this.#keepAlive(line);
      });
    });
  }

  #ended(line: Line, why: Why): void {
    const { peer, server } = line;
    server.places.remove(line);
    if (peer.registeredOn === line) {
      peer.registeredOn = undefined;
      if (why === "down") this.#members.abandoned(peer.cookie!, this.#now());
      else this.#members.disconnected(peer.cookie!, this.#now());
    }
    this.#again(peer, why, this.#events.now - line.began);
  }

  /** As peers do. */
  #again(peer: Peer, why: Why, lasted: number): void {
    this.#outcome.again[why]++;
    peer.tries++;
    const pause = peer.backoff.ended({ servers: this.#servers.length, isFull: why === "full", lasted });
    this.#events.after(Math.max(pause, 2 * LATENCY), () => this.#dial(peer));
  }

  #switchOff(server: Server): void {
    server.isUp = false;
    server.freeAt = 0;
    for (const line of [...server.places.all]) line.close("down" satisfies Why);
  }

  /** What it had stored is there again, and who hasn't come back elsewhere has time to. */
  #switchOn(server: Server): void {
    server.isUp = true;
    for (const { cookie, registeredOn } of this.#peers) {
      if (cookie !== undefined && !registeredOn) this.#members.abandoned(cookie, this.#now());
    }
  }

  /** One thing after the other: that is what a server with one thread is. */
  #work(server: Server, cost: number, done: (waited: number) => void): void {
    const arrives = this.#events.now + LATENCY;
    const begins = Math.max(arrives, server.freeAt);
    server.freeAt = begins + cost;
    if (server.freeAt > this.campus.lasts - LAST) server.spent += cost;
    this.#outcome.wait = Math.max(this.#outcome.wait, begins - arrives);
    this.#events.at(server.freeAt + LATENCY, () => done(begins - arrives));
  }
}
