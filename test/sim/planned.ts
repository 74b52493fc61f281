/** The product's policy: planned trees, and the next candidate where one is lost or stands still. */

import { planBroadcast } from "../../src/swarm/plan.ts";
import { Parents, type StripeNews } from "../../src/swarm/parents.ts";
import type { Simulation } from "./broadcast_sim.ts";
import type { Pc } from "./pc.ts";
import type { Behaviour, Policy } from "./policy.ts";

/** A stripe in which nothing has come for so long gets another source, milliseconds: as in the fetch engine. */
const PATIENCE = 1_500;

/** Trees with repair, as the product does it. */
export function planned(): Policy {
  return {
    name: "planned trees",
    prepare(simulation) {
      const members = [...simulation.pcs.values()].map(({ spec }) => ({ name: spec.name, subnet: spec.lab }));
      const { ancestors, depths } = planBroadcast(members, "a");
      for (const pc of simulation.pcs.values()) {
        pc.behaviour = new Receiver(simulation, pc, ancestors.get(pc.spec.name)!, depths.get(pc.spec.name)!);
      }
    },
  };
}

class Receiver implements Behaviour {
  #parents: Parents<{ peer: string }>;
  #demoted = false;
  #asked = new Map<string, number>();

  constructor(
    private simulation: Simulation,
    private pc: Pc,
    lists: readonly string[][],
    depths: readonly number[],
  ) {
    const candidates = lists.map((list) => [...list, "source"].map((peer) => ({ peer })));
    this.#parents = new Parents(candidates, simulation.lengths.length, 0, { depths });
  }

  start(): void {
    this.#ask();
  }

  opened(pc: Pc): void {
    this.pc.offer(pc, this.#parents.piecesOf(pc.spec.name));
  }

  gained(piece: number): void {
    this.#parents.gained(piece, this.simulation.events.now);
    this.tick();
  }

  hold(from: Pc, stripe: number, hops: number): void {
    this.#parents.hold(from.spec.name, stripe, hops, this.simulation.events.now);
    this.tick();
  }

  wait(from: Pc, news: StripeNews): void {
    this.#parents.wait(from.spec.name, news, this.simulation.events.now);
  }

  lost(pc: Pc): void {
    this.#parents.lose(pc.spec.name, this.simulation.events.now);
    this.#ask();
  }

  servedLast(by: Pc): void {
    this.#parents.servedLast(by.spec.name);
  }

  demoted(): void {
    if (this.#demoted) return;
    this.#demoted = true;
    // Who fails one of those below fails the others too.
    for (const pc of this.pc.askers()) {
      this.simulation.events.after(1, () => {
        pc.withdraw(this.pc);
        pc.behaviour?.lied(this.pc);
      });
    }
  }

  lied(pc: Pc): void {
    this.lost(pc);
  }

  tick(): void {
    const { scheduler } = this.pc;
    const { count } = this.#parents;
    const isOpen = (stripe: number) => !scheduler.isHeldEvery("c", count, stripe);
    const { changed, behind, still } = this.#parents.reinforce(this.simulation.events.now, PATIENCE, isOpen);
    for (const pc of behind.length + still.length > 0 ? this.pc.askers() : []) {
      this.simulation.events.after(1, () => {
        for (const { stripe, hops } of behind) pc.behaviour?.hold?.(this.pc, stripe, hops);
        for (const news of still) pc.behaviour?.wait?.(this.pc, news);
      });
    }
    if (changed.length === 0) return;
    this.#ask();
  }

  #ask(): void {
    const holders = new Set(this.#parents.holders().map(({ peer }) => peer));
    for (const [peer, stripes] of this.#asked) {
      const now = holders.has(peer) ? this.#parents.piecesOf(peer) : [];
      if (now.length === stripes) continue;
      const to = this.simulation.find(peer)!;
      this.pc.withdraw(to);
      if (now.length === 0) this.pc.hangUp(to);
    }
    this.#asked = new Map([...holders].map((peer) => [peer, this.#parents.piecesOf(peer).length]));
    for (const { peer } of this.#parents.holders()) {
      const to = this.simulation.find(peer)!;
      this.pc.dial(to, { instead: this.#parents.given(peer), demoted: this.#demoted });
      this.opened(to);
    }
  }
}
