/**
 * The rival: a mesh without a plan. Each PC is connected to a few others, both ways, tells them what it has, and asks them
 * for what is rarest among them, with the product's own scheduler. The source deals out the first copies, each piece to one
 * of its neighbours, and only then offers everything to them: a seed that doesn't do so sends many pieces twice (super
 * seeding). A neighbour that is lost, lies or sends nothing for long is replaced by another one.
 */

import { TIMEOUTS } from "../../src/base/limits.ts";
import type { Simulation } from "./broadcast_sim.ts";
import type { Pc } from "./pc.ts";
import type { Behaviour, Policy } from "./policy.ts";

/** A mesh in which each PC chooses so many neighbours, and is chosen by as many on average. */
export function mesh(options: { neighbours: number }): Policy {
  return {
    name: `mesh of ${options.neighbours}`,
    prepare(simulation) {
      const pcs = [...simulation.pcs.values()];
      const peers = pcs.map((pc) => new Peer(simulation, pc, pcs));
      pcs.forEach((pc, i) => pc.behaviour = peers[i]);
      for (const peer of peers) peer.choose(options.neighbours);
      deal(simulation, pcs, options.neighbours);
    },
  };
}

/** Who gets the first copies from the source. */
function deal(simulation: Simulation, pcs: readonly Pc[], neighbours: number): void {
  const count = Math.min(neighbours, pcs.length);
  for (let i = 0; i < count; i++) {
    const peer = pcs[Math.floor(i * pcs.length / count)]!.behaviour as Peer;
    peer.dealt = simulation.lengths.flatMap((_, piece) => piece % count === i ? [piece] : []);
  }
}

class Peer implements Behaviour {
  /** Pieces whose first copy it gets from the source. */
  dealt: number[] = [];
  #neighbours = new Set<Pc>();
  #bad = new Set<Pc>();

  constructor(private simulation: Simulation, private pc: Pc, private all: readonly Pc[]) {}

  choose(count: number): void {
    const wanted = Math.min(this.#neighbours.size + count, this.all.length - 1 - this.#bad.size);
    for (let tries = 0; this.#neighbours.size < wanted && tries < 50; tries++) {
      const other = this.all[Math.floor(this.simulation.random.next() * this.all.length)]!;
      if (other !== this.pc && !this.#bad.has(other)) this.#meet(other);
    }
  }

  start(): void {
    for (const other of this.#neighbours) this.pc.dial(other);
    if (this.dealt.length > 0) this.pc.dial(this.simulation.source);
  }

  opened(other: Pc): void {
    if (other === this.simulation.source) return this.pc.offer(other, this.dealt);
    this.pc.offer(other, this.simulation.lengths.flatMap((_, piece) => other.held[piece] ? [piece] : []));
  }

  gained(piece: number): void {
    for (const other of this.pc.askers()) {
      this.simulation.events.after(1, () => other.behaviour?.has?.(this.pc, piece));
    }
    if (this.dealt.length > 0 && this.dealt.every((each) => this.pc.held[each])) {
      this.pc.offer(this.simulation.source, "all");
    }
  }

  has(other: Pc, piece: number): void {
    this.pc.offer(other, [piece]);
    this.pc.pump();
  }

  lost(other: Pc): void {
    this.#bad.add(other);
    this.#neighbours.delete(other);
    this.choose(1);
    this.start();
    // Nobody else to ask.
    if (this.#neighbours.size === 0) {
      this.dealt = this.simulation.lengths.map((_, piece) => piece);
      this.start();
    }
  }

  lied(other: Pc): void {
    this.pc.hangUp(other);
    this.lost(other);
  }

  tick(): void {
    for (const other of this.#neighbours) {
      if (this.pc.owes(other) && this.simulation.events.now - this.pc.movedAt(other) > TIMEOUTS.pieceStall) {
        this.lied(other);
      }
    }
  }

  #meet(other: Pc): void {
    this.#neighbours.add(other);
    const peer = other.behaviour as Peer | undefined;
    if (!peer || peer.#neighbours.has(this.pc)) return;
    peer.#neighbours.add(this.pc);
    if (other.isStarted) other.dial(this.pc);
  }
}
