/**
 * One fetcher and its sources in virtual time: the real scheduler, and a network made of numbers. Each source sends what
 * it's asked for in order, at its own rate; requests and answers take their time on the way. On top is what the fetch
 * engine does: a bad piece or a lost connection costs the source, silence costs it after the stall timeout.
 *
 * Same scenario, same seed, same outcome to the byte.
 */

import { TIMEOUTS } from "../../src/base/limits.ts";
import type { Random } from "../../src/base/random.ts";
import { pieceSizeFor } from "../../src/catalog/layout.ts";
import { Scheduler, type SchedulerLimits } from "../../src/swarm/scheduler.ts";
import type { PieceOrder } from "../../src/swarm/types.ts";

/** A source. */
export interface SimSource {
  /** Bytes per second. */
  rate: number;
  /** Milliseconds from here to there. */
  latency: number;
  /** The connection breaks, milliseconds from the start. */
  dies?: number;
  /** Sends nothing more, but keeps the connection, milliseconds from the start. */
  stops?: number;
  /** Begins to send false bytes, milliseconds from the start. */
  lies?: number;
  /** Answers with a refusal from then on, milliseconds from the start. */
  refuses?: number;
  /** News of it is heard only every so many milliseconds: a busy worker, a batch of messages. */
  batch?: number;
  /** The time that a piece takes is multiplied by a number between 1-jitter and 1+jitter. */
  jitter?: number;
}

/** What is simulated. */
export interface Scenario {
  bytes: number;
  sources: SimSource[];
  /** Pieces that the first sources have, where not all: source number, then tells of each piece. */
  has?: (source: number, piece: number) => boolean;
  random: Random;
  limits?: Partial<SchedulerLimits>;
}

/** What came of it. */
export interface Outcome {
  done: boolean;
  /** Seconds until the last piece was there. */
  seconds: number;
  /** Bytes that travelled until then, over the bytes of the content. */
  overhead: number;
  /** Seconds that this takes at best, all honest sources sending all the time. */
  bound: number;
}

interface Line {
  spec: SimSource;
  queue: PieceOrder[];
  open: boolean;
  /** Sends a piece now. */
  sending: boolean;
  /** When it last sent something, or was idle. */
  moved: number;
}

/** Longest simulated time, milliseconds. */
const END = 3_600_000;

class Simulation {
  now = 0;
  #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #lines: Line[];
  #scheduler: Scheduler;
  #lengths: number[];
  #travelled = 0;

  constructor(private scenario: Scenario) {
    this.#scheduler = new Scheduler(scenario.limits);
    const size = pieceSizeFor(scenario.bytes);
    this.#lengths = Array.from(
      { length: Math.ceil(scenario.bytes / size) },
      (_, i) => Math.min(size, scenario.bytes - i * size),
    );
    this.#lines = scenario.sources.map((spec) => ({ spec, queue: [], open: true, sending: false, moved: 0 }));
  }

  run(): Outcome {
    this.#scheduler.addContent("c", this.#lengths);
    this.#lines.forEach((line, id) => this.#connect(line, id));
    this.#every(100, () => this.#pump());
    this.#every(1000, () => this.#lookForStalls());
    this.#pump();
    while (!this.#scheduler.isDone("c") && this.#events.length > 0 && this.now < END) {
      this.#events.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.#events.shift()!;
      this.now = next.at;
      next.run();
    }
    const { bytes, sources } = this.scenario;
    const honest = sources.filter((s) => [s.dies, s.stops, s.lies, s.refuses].every((t) => t === undefined));
    return {
      done: this.#scheduler.isDone("c"),
      seconds: this.now / 1000,
      overhead: this.#travelled / bytes,
      bound: bytes / honest.reduce((sum, each) => sum + each.rate, 0),
    };
  }

  #connect(line: Line, id: number): void {
    this.#scheduler.addSource(id, this.now);
    const { has } = this.scenario;
    const pieces = has && this.#lengths.map((_, piece) => piece).filter((piece) => has(id, piece));
    this.#scheduler.offer(id, "c", pieces ?? "all");
    if (line.spec.dies !== undefined) this.#after(line.spec.dies, () => this.#lose(id));
  }

  #after(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: this.#order++, run });
  }

  #every(ms: number, run: () => void): void {
    this.#after(ms, () => {
      run();
      this.#every(ms, run);
    });
  }

  #lose(id: number): void {
    const line = this.#lines[id]!;
    if (!line.open) return;
    line.open = false;
    this.#scheduler.removeSource(id);
    this.#pump();
  }

  #pump(): void {
    for (const order of this.#scheduler.poll(this.now)) {
      const line = this.#lines[order.source]!;
      this.#after(line.spec.latency, () => {
        line.queue.push(order);
        this.#send(line, order.source);
      });
    }
  }

  /** The source sends the next piece that it was asked for. */
  #send(line: Line, id: number): void {
    if (line.sending || !line.open || this.#is(line.spec.stops)) return;
    const order = line.queue.shift();
    if (!order) return;
    const { rate, jitter = 0, latency, batch } = line.spec;
    const length = this.#lengths[order.piece]!;
    const refused = this.#is(line.spec.refuses);
    const time = 1000 * length / rate * (1 + jitter * (2 * this.scenario.random.next() - 1));
    line.sending = true;
    line.moved = this.now;
    this.#after(refused ? 1 : time, () => {
      line.sending = false;
      line.moved = this.now;
      if (!line.open || this.#is(line.spec.stops)) return;
      if (!refused) this.#travelled += length;
      const wait = batch ? batch - (this.now + latency) % batch : 0;
      const bad = this.#is(line.spec.lies);
      this.#after(latency + wait, () => this.#hear(id, order, refused ? "refused" : bad ? "bad" : "piece"));
      this.#send(line, id);
    });
  }

  #hear(id: number, order: PieceOrder, what: "refused" | "bad" | "piece"): void {
    if (!this.#lines[id]!.open) return;
    if (what === "piece") {
      this.#scheduler.arrived(order, this.now);
    } else {
      this.#scheduler.failed(order, this.now);
      this.#scheduler.withdraw(id, "c");
    }
    this.#pump();
  }

  #lookForStalls(): void {
    this.#lines.forEach((line, id) => {
      const owes = line.sending || line.queue.length > 0;
      // Bytes trickle while a piece is being sent; a source that stopped sends none.
      if (!owes || (line.sending && !this.#is(line.spec.stops))) return;
      if (this.now - Math.max(line.moved, line.spec.stops ?? 0) > TIMEOUTS.pieceStall) this.#lose(id);
    });
  }

  #is(since: number | undefined): boolean {
    return since !== undefined && this.now >= since;
  }
}

/** Runs a scenario to its end. */
export function simulate(scenario: Scenario): Outcome {
  return new Simulation(scenario).run();
}
