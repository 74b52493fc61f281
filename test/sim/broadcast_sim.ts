/**
 * A broadcast in virtual time: the product's plan, stripes and schedulers, one of each per PC, over a network made of
 * numbers. What the fetch engine does around them is done here too: it asks the candidates of each stripe, passes a piece
 * on as soon as it is verified, drops who sends a bad piece, and goes on with the next when a connection breaks.
 *
 * Same scenario, same seed, same outcome to the byte.
 */

import { assert } from "@std/assert";
import { type Random, seededRandom } from "../../src/base/random.ts";
import { broadcastBound } from "../../src/swarm/bound.ts";
import { Events } from "./events.ts";
import { Host, Link, type Place } from "./links.ts";
import { Pc, type PcSpec } from "./pc.ts";
import type { Policy } from "./policy.ts";

/** What is simulated. */
export interface Scenario {
  /** Bytes of the content, and of each piece. */
  bytes: number;
  piece: number;
  /** Bytes that travel as one: a quarter of a piece when absent. */
  block?: number;
  /** The source's link, bytes per second both ways. */
  rate: number;
  /** The source stops for good once the others hold one copy of each piece between them. */
  sourceDies?: boolean;
  /** Who gets it. */
  pcs: PcSpec[];
  /** Rates of the links of labs that have one of their own, bytes per second; the source is in lab "a". */
  labs?: Record<string, number>;
  policy: Policy;
  seed?: number;
}

/** What came of it. */
export interface Outcome {
  /** Seconds until the last PC that lives and is no liar had it all; Infinity when some never got it. */
  seconds: number;
  /** The same for those PCs whose own link is as good as the usual one and who were there from the beginning. */
  usual: number;
  /** Least time for the usual PCs: F/B; and for all: the bound of Kumar and Ross. */
  best: number;
  bound: number;
  /** Copies that the source sent: its bytes by those of the content. */
  copies: number;
  /** Bytes that travelled for nothing, by those that were needed. */
  waste: number;
  /** Bytes into the labs with links of their own, by those of the content. */
  crossed: number;
  /** Connections per PC that were opened, on average. */
  connections: number;
  /** Names of those who didn't get it. */
  missing: string[];
}

/** Milliseconds on the way from a host to the switch. */
const LATENCY = 0.15;
/** Longest simulated time without any piece, milliseconds: then those who still wait would wait for ever. */
const STANDSTILL = 60_000;

/** A broadcast under way. */
export class Simulation {
  readonly events = new Events();
  readonly random: Random;
  readonly source: Pc;
  readonly pcs = new Map<string, Pc>();
  readonly lengths: number[];
  needed = 0;
  travelled = 0;
  connections = 0;
  lastPieceAt = 0;
  #labs = new Map<string, { out: Link; in: Link }>();
  #copies: Uint8Array;
  #distinct = 0;

  constructor(readonly scenario: Scenario) {
    const { bytes, piece, pcs, rate, labs = {} } = scenario;
    this.random = seededRandom(scenario.seed ?? 1);
    this.lengths = Array.from(
      { length: Math.ceil(bytes / piece) },
      (_, i) => Math.min(piece, bytes - i * piece),
    );
    this.#copies = new Uint8Array(this.lengths.length);
    for (const [lab, each] of Object.entries(labs)) {
      this.#labs.set(lab, { out: new Link(each), in: new Link(each) });
    }
    this.source = new Pc(
      this,
      { name: "source", lab: "a", up: rate, down: rate },
      this.#host("a", rate, rate),
    );
    this.source.holdAll();
    for (const spec of pcs) {
      this.pcs.set(spec.name, new Pc(this, spec, this.#host(spec.lab, spec.up, spec.down)));
    }
  }

  run(): Outcome {
    const { policy, pcs } = this.scenario;
    policy.prepare(this);
    for (const pc of this.pcs.values()) this.events.after(pc.spec.joins ?? LATENCY, () => pc.start());
    const waiting = () => [...this.pcs.values()].some((pc) => pc.counts && !pc.isDone);
    let check = 0;
    while (this.events.step()) {
      if (this.events.count % 1024 === 0 || this.events.now > check) {
        check = this.events.now + 10;
        if (!waiting() || this.events.now - this.lastPieceAt > STANDSTILL) break;
      }
    }
    this.#checkLinks();
    return this.#outcome(pcs);
  }

  /** A PC has verified a piece. */
  gained(pc: Pc, piece: number): void {
    this.lastPieceAt = this.events.now;
    this.needed += this.lengths[piece]!;
    if (pc === this.source || this.#copies[piece]) return;
    this.#copies[piece] = 1;
    this.#distinct++;
    if (this.scenario.sourceDies && this.#distinct === this.lengths.length) {
      this.events.after(0, () => this.source.die());
    }
  }

  find(name: string): Pc | undefined {
    return name === "source" ? this.source : this.pcs.get(name);
  }

  #host(lab: string, up: number, down: number): Host {
    const own = this.#labs.get(lab);
    const place: Place = { up, down, latency: LATENCY, ...(own ? { lab: own } : {}) };
    return new Host(this.events, place, this.scenario.block ?? this.scenario.piece / 4);
  }

  #checkLinks(): void {
    const links = [this.source, ...this.pcs.values()].flatMap(({ host }) => [host.uplink, host.downlink]);
    for (const { out, in: into } of this.#labs.values()) links.push(out, into);
    for (const link of links) {
      const room = link.rate * Math.max(link.freeAt, this.events.now) / 1000;
      assert(link.carried <= room * (1 + 1e-9) + 1, "no link carries more than its rate");
    }
  }

  #outcome(pcs: readonly PcSpec[]): Outcome {
    const { bytes, rate } = this.scenario;
    const all = [...this.pcs.values()];
    const counted = all.filter((pc) => pc.counts);
    const last = (of: Pc[]) => Math.max(0, ...of.map((pc) => pc.doneAt / 1000));
    const usual = counted.filter(({ spec }) =>
      spec.up >= rate && spec.up >= rate && spec.down >= rate && !spec.joins && !spec.stops && !spec.lies
    );
    const alive = pcs.filter((spec) => spec.dies === undefined && spec.freezes === undefined);
    const crossed = [...this.#labs.values()].reduce((sum, lab) => sum + lab.in.carried, 0);
    return {
      seconds: last(counted),
      usual: last(usual),
      best: bytes / rate,
      bound: broadcastBound({ bytes, sourceUp: rate, receivers: alive }).seconds,
      copies: this.source.host.uplink.carried / bytes,
      waste: this.travelled / Math.max(1, this.needed) - 1,
      crossed: crossed / bytes,
      connections: this.connections / Math.max(1, all.length),
      missing: counted.filter((pc) => !pc.isDone).map((pc) => pc.spec.name),
    };
  }
}

/** Runs a scenario to its end. */
export function simulateBroadcast(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}
