/** One PC in a simulated broadcast: what it holds, whom it asks, whom it sends to. */

import { assert } from "@std/assert";
import { type Claim, Precedence } from "../../src/swarm/precedence.ts";
import { BROADCAST_LIMITS, Scheduler } from "../../src/swarm/scheduler.ts";
import type { Simulation } from "./broadcast_sim.ts";
import type { Flow, Host, Sending } from "./links.ts";
import type { Behaviour } from "./policy.ts";

/** A PC, and what is wrong with it; times in milliseconds from the beginning. */
export interface PcSpec {
  name: string;
  lab: string;
  /** Bytes per second. */
  up: number;
  down: number;
  /** It's told of the broadcast only then; until then nobody can reach it. */
  joins?: number;
  /** Its connections break. */
  dies?: number;
  /** It sends nothing more, and keeps its connections. */
  stops?: number;
  /** It neither sends nor takes in anything, and keeps its connections. */
  freezes?: number;
  /** This part of the pieces that it sends is bad. */
  lies?: number;
}

/** Hashing and writing, bytes per second. */
const VERIFY_RATE = 600e6;
const TICK = 100;
const CONTENT = "c";

/** A connection to somebody whom this PC asks. */
interface Line {
  id: number;
  to: Pc;
  flow: Flow;
  isOpen: boolean;
}

/** One PC. */
export class Pc {
  readonly held: Uint8Array;
  readonly scheduler = new Scheduler(BROADCAST_LIMITS);
  readonly precedence = new Precedence();
  behaviour: Behaviour | undefined;
  isAlive = true;
  isFrozen = false;
  isStarted = false;
  doneAt = Infinity;
  missing: number;
  /** Bytes that have come, of good pieces. */
  #lines = new Map<Pc, Line>();
  #byId = new Map<number, Line>();
  #nextLine = 1;
  /** Who asks us on which flow, and for what that we don't have yet. */
  #askers = new Map<Flow, { by: Pc; sending: Map<number, Sending> }>();
  #waiting = new Map<number, Set<Flow>>();
  #cpuFreeAt = 0;

  constructor(readonly simulation: Simulation, readonly spec: PcSpec, readonly host: Host) {
    this.held = new Uint8Array(simulation.lengths.length);
    this.missing = this.held.length;
  }

  get isDone(): boolean {
    return this.missing === 0;
  }

  /** It's one of those who must get it. */
  get counts(): boolean {
    const { dies, freezes } = this.spec;
    return dies === undefined && freezes === undefined;
  }

  holdAll(): void {
    this.held.fill(1);
    this.missing = 0;
    this.isStarted = true;
  }

  start(): void {
    this.isStarted = true;
    const { events, lengths } = this.simulation;
    this.scheduler.addContent(CONTENT, lengths);
    const { dies, stops, freezes } = this.spec;
    if (freezes !== undefined) events.at(Math.max(freezes, events.now), () => this.#freeze());
    if (dies !== undefined) events.at(Math.max(dies, events.now), () => this.die());
    if (stops !== undefined) events.at(Math.max(stops, events.now), () => this.host.isMute = true);
    this.behaviour?.start();
    this.pump();
    const tick = () => {
      if (!this.isAlive || this.isFrozen || this.isDone) return;
      this.behaviour?.tick();
      this.pump();
      events.after(TICK, tick);
    };
    events.after(TICK * this.simulation.random.next(), tick);
  }

  #freeze(): void {
    this.isFrozen = true;
    this.host.isMute = true;
    for (const { flow } of this.#lines.values()) flow.isStuck = true;
  }

  /** It's switched off. */
  die(): void {
    this.isAlive = false;
    this.host.isMute = true;
    for (const line of [...this.#lines.values()]) this.hangUp(line.to);
    for (const { by } of [...this.#askers.values()]) this.simulation.events.after(1, () => by.#broken(this));
  }

  /** Connects to somebody, unless it is connected. */
  dial(to: Pc, claim: Claim = { instead: [] }): void {
    if (to === this) return;
    const known = this.#lines.get(to);
    if (known) {
      // It's connected for another stripe already, and comes instead of somebody now.
      if (known.isOpen && claim.instead.length > 0) to.#rank(known.flow, this, claim);
      return;
    }
    const { events } = this.simulation;
    this.simulation.connections++;
    const flow = to.host.connect(this.host);
    const line: Line = { id: this.#nextLine++, to, flow, isOpen: false };
    this.#lines.set(to, line);
    this.#byId.set(line.id, line);
    events.after(1, () => {
      if (!to.isAlive || to.isFrozen || !to.isStarted) return this.#broken(to);
      if (this.#lines.get(to) !== line || !this.isAlive) return;
      line.isOpen = true;
      to.#accept(flow, this, claim);
      this.scheduler.addSource(line.id, events.now, to.spec.name);
      this.behaviour?.opened(to);
      this.pump();
    });
  }

  /** When bytes last came from this one, milliseconds. */
  movedAt(from: Pc): number {
    return this.#lines.get(from)?.flow.movedAt ?? 0;
  }

  /** It sends us something, or should. */
  owes(from: Pc): boolean {
    const line = this.#lines.get(from);
    return line !== undefined && (from.#askers.get(line.flow)?.sending.size ?? 0) > 0;
  }

  /** Those who ask this one. */
  askers(): Pc[] {
    return [...this.#askers.values()].map(({ by }) => by);
  }

  /** This one may be asked for these pieces. */
  offer(to: Pc, pieces: "all" | readonly number[]): void {
    const line = this.#lines.get(to);
    if (line?.isOpen) this.scheduler.offer(line.id, CONTENT, pieces);
  }

  /** This one isn't asked any more; what it was asked for is cancelled. */
  withdraw(to: Pc): void {
    const line = this.#lines.get(to);
    if (!line) return;
    this.scheduler.withdraw(line.id, CONTENT);
    to.#cancelAll(line.flow);
  }

  /** Closes the connection. */
  hangUp(to: Pc): void {
    const line = this.#lines.get(to);
    if (!line) return;
    this.#lines.delete(to);
    this.#byId.delete(line.id);
    this.scheduler.removeSource(line.id);
    to.host.disconnect(line.flow);
    to.#askers.delete(line.flow);
    to.precedence.leaves(this.spec.name);
    for (const flows of to.#waiting.values()) flows.delete(line.flow);
  }

  /** Asks for what the scheduler says. */
  pump(): void {
    if (!this.isAlive || this.isFrozen) return;
    const { events } = this.simulation;
    for (const { source, piece } of this.scheduler.poll(events.now)) {
      const { to, flow } = this.#byId.get(source)!;
      events.after(this.host.place.latency + to.host.place.latency, () => to.#asked(flow, piece));
    }
  }

  #accept(flow: Flow, by: Pc, claim: Claim): void {
    this.#askers.set(flow, { by, sending: new Map() });
    this.#rank(flow, by, claim);
  }

  #rank(flow: Flow, by: Pc, claim: Claim): void {
    const { isFirst, loser } = this.precedence.joins(by.spec.name, claim);
    if (isFirst) flow.isLast = false;
    else if (claim.demoted || !this.precedence.isFirst(by.spec.name)) flow.isLast = true;
    if (flow.isLast) this.simulation.events.after(1, () => by.behaviour?.servedLast?.(this));
    if (!isFirst && claim.instead.length === 0 && !claim.demoted) {
      this.simulation.events.after(1, () => by.behaviour?.demoted?.(this));
    }
    if (loser === undefined) return;
    for (const [other, asker] of this.#askers) {
      if (asker.by.spec.name !== loser) continue;
      other.isLast = true;
      this.simulation.events.after(1, () => asker.by.behaviour?.demoted?.(this));
    }
  }

  #broken(to: Pc): void {
    if (!this.isAlive || !this.#lines.has(to)) return;
    this.hangUp(to);
    this.behaviour?.lost(to);
    this.pump();
  }

  #asked(flow: Flow, piece: number): void {
    if (!flow.open) return;
    if (this.held[piece]) return this.#send(flow, piece);
    const flows = this.#waiting.get(piece) ?? new Set();
    this.#waiting.set(piece, flows.add(flow));
  }

  #send(flow: Flow, piece: number): void {
    const asker = this.#askers.get(flow);
    if (!asker) return;
    assert(this.held[piece] === 1, "only what is verified is sent");
    const isBad = this.simulation.random.next() < (this.spec.lies ?? 0);
    const bytes = this.simulation.lengths[piece]!;
    const sending = flow.send({ bytes, arrived: () => asker.by.#arrived(this, piece, isBad) });
    asker.sending.set(piece, sending);
  }

  #cancelAll(flow: Flow): void {
    const asker = this.#askers.get(flow);
    for (const sending of asker?.sending.values() ?? []) flow.cancel(sending);
    asker?.sending.clear();
    for (const flows of this.#waiting.values()) flows.delete(flow);
  }

  #arrived(from: Pc, piece: number, isBad: boolean): void {
    const { events, lengths } = this.simulation;
    this.simulation.travelled += lengths[piece]!;
    const line = this.#lines.get(from);
    if (line) from.#askers.get(line.flow)?.sending.delete(piece);
    this.#cpuFreeAt = Math.max(this.#cpuFreeAt, events.now) + 1000 * lengths[piece]! / VERIFY_RATE;
    events.at(this.#cpuFreeAt, () => this.#verified(from, line, piece, isBad));
  }

  #verified(from: Pc, line: Line | undefined, piece: number, isBad: boolean): void {
    if (!this.isAlive) return;
    const { events } = this.simulation;
    const order = { source: line?.id ?? 0, content: CONTENT, piece };
    if (isBad) {
      this.scheduler.failed(order, events.now);
      if (line && this.#lines.get(from) === line) {
        this.withdraw(from);
        this.behaviour?.lied(from);
      }
    } else if (this.scheduler.arrived(order, events.now)) {
      this.#hold(piece);
    }
    this.pump();
  }

  #hold(piece: number): void {
    assert(this.held[piece] === 0, "a piece is held once");
    this.held[piece] = 1;
    this.missing--;
    this.simulation.gained(this, piece);
    if (this.isDone) this.doneAt = this.simulation.events.now;
    this.behaviour?.gained(piece);
    const flows = this.#waiting.get(piece);
    this.#waiting.delete(piece);
    for (const flow of flows ?? []) this.#send(flow, piece);
    if (this.isDone) { for (const line of [...this.#lines.values()]) this.hangUp(line.to); }
  }
}
