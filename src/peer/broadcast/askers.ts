/**
 * Those who ask us for the pieces of a broadcast: who comes first, and what they must be told. The rules are in
 * src/swarm/precedence.ts.
 */

import { type Clock, sleepOrLess } from "../../base/clock.ts";
import { type Claim, Precedence } from "../../swarm/precedence.ts";
import type { Connection } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";

/**
 * Who doesn't come first is sent a piece when none has gone to those who do for so many milliseconds: bytes that were
 * handed to the system may lie in its buffers for that long.
 */
const LEFT_OVER = 250;
/** But one piece in so many milliseconds in any case: who gets nothing at all takes us for dead. */
const TRICKLE = 4_000;
/** How often it is looked whether something is left over, milliseconds. */
const LOOK = 50;
/** Who is so many pieces ahead of another goes slower: both are needed by all who hang below. */
const AHEAD = 2;
/** A content that nobody has asked for in so long is forgotten, milliseconds. */
const FORGET = 60_000;
/**
 * Contents that are remembered; the one that was asked for longest ago is forgotten first. Anybody may ask for what isn't here,
 * and each takes 1 KB.
 */
const MOST_CONTENTS = 1_024;

interface Asker {
  name: string;
  /** Questions that have no answer yet. */
  open: Set<Exchange>;
  /** The newest question: news go the way back that it came. */
  latest: Exchange;
  /** Its questions that are not answered yet, those in the hands of the system too. */
  pending: number;
  /** The piece that was last sent to it; none yet when negative. */
  at: number;
  /** When it last got a piece out of turn, monotonic milliseconds. */
  trickledAt: number;
}

interface Asked {
  precedence: Precedence;
  askers: Map<Connection, Asker>;
  /** When a piece was last sent to one who comes first. */
  firstAt: number;
  askedAt: number;
}

/** The askers of all contents. */
export class Askers {
  /** In the order in which they were asked for last. */
  #contents = new Map<string, Asked>();
  /** Those whose end is waited for: once, whatever they ask for. */
  #heard = new WeakSet<Connection>();
  /** Questions that were answered with "not here". */
  #sentAway = new WeakSet<Exchange>();

  constructor(private clock: Clock) {}

  /** Contents that are remembered. */
  get size(): number {
    return this.#contents.size;
  }

  /** Somebody says that it is going to ask, and instead of whom. */
  join(content: string, claim: Claim, exchange: Exchange): void {
    const asked = this.#of(content);
    const { name } = this.#asker(asked, exchange);
    const { loser } = asked.precedence.joins(name, claim);
    if (loser === undefined) return;
    for (const asker of asked.askers.values()) {
      if (asker.name === loser) asker.latest.send({ kind: "Choke", content }).catch(() => {});
    }
  }

  /**
   * Somebody asks for a piece.
   *
   * @returns to be called when it has been answered.
   */
  asks(content: string, exchange: Exchange): () => void {
    const asked = this.#of(content);
    const isNew = !asked.askers.has(exchange.connection);
    const asker = this.#asker(asked, exchange);
    if (isNew) asked.precedence.joins(asker.name, { instead: [] });
    asker.open.add(exchange);
    asker.pending++;
    return () => {
      asker.open.delete(exchange);
      asker.pending--;
    };
  }

  /**
   * A piece is being sent.
   *
   * @returns true when another who comes first, and waits for pieces too, is further behind: where both share our uplink
   *   it is to get more of it. What it isn't able to take is for all others as before.
   */
  isAhead(content: string, exchange: Exchange, piece: number): boolean {
    const asked = this.#of(content);
    const asker = this.#asker(asked, exchange);
    asker.at = piece;
    for (const other of asked.askers.values()) {
      if (other === asker || other.pending === 0 || !asked.precedence.isFirst(other.name)) continue;
      if (piece - other.at > AHEAD) return true;
    }
    return false;
  }

  /**
   * Waits until it is its turn.
   *
   * @returns false when it was sent away meanwhile.
   */
  async turn(content: string, exchange: Exchange): Promise<boolean> {
    const asked = this.#of(content);
    const asker = this.#asker(asked, exchange);
    while (!this.#sentAway.has(exchange) && !exchange.aborted) {
      const now = this.clock.monotonic();
      if (asked.precedence.isFirst(asker.name)) {
        asked.firstAt = now;
        asker.open.delete(exchange);
        return true;
      }
      if (now - asked.firstAt >= LEFT_OVER || now - asker.trickledAt >= TRICKLE) {
        asker.trickledAt = now;
        asker.open.delete(exchange);
        return true;
      }
      await sleepOrLess(this.clock, LOOK, exchange.signal);
    }
    return !this.#sentAway.has(exchange);
  }

  /** True for a question that was answered with "not here": it must not be answered again. */
  wasSentAway(exchange: Exchange): boolean {
    return this.#sentAway.has(exchange);
  }

  /** We are behind with stripes of this content: those who ask us for it are told. */
  behind(content: string, behind: readonly { stripe: number; hops: number }[]): void {
    for (const { latest } of this.#contents.get(content)?.askers.values() ?? []) {
      latest.send({ kind: "Have", content, behind: [...behind] }).catch(() => {});
    }
  }

  /** Who asks us for this content has to ask somebody else. */
  sendAway(content: string): void {
    for (const { open } of this.#contents.get(content)?.askers.values() ?? []) {
      for (const exchange of open) {
        this.#sentAway.add(exchange);
        const message = "This PC gets too little of it to pass it on";
        exchange.send({ kind: "Error", code: "not_found", message }).catch(() => {});
      }
    }
  }

  /** Forgets contents that nobody asks for. */
  tidy(): void {
    const now = this.clock.monotonic();
    for (const [content, { askedAt }] of this.#contents) {
      if (now - askedAt > FORGET) this.#contents.delete(content);
    }
  }

  #of(content: string): Asked {
    const now = this.clock.monotonic();
    const asked = this.#contents.get(content) ??
      { precedence: new Precedence(), askers: new Map(), firstAt: -Infinity, askedAt: now };
    asked.askedAt = now;
    this.#contents.delete(content);
    this.#contents.set(content, asked);
    if (this.#contents.size > MOST_CONTENTS) this.#contents.delete(this.#contents.keys().next().value!);
    return asked;
  }

  #asker(asked: Asked, exchange: Exchange): Asker {
    const { connection } = exchange;
    let asker = asked.askers.get(connection);
    if (!asker) {
      const name = connection.member?.name ?? connection.peerName ?? connection.title;
      asker = {
        name,
        open: new Set(),
        pending: 0,
        at: -1,
        latest: exchange,
        trickledAt: this.clock.monotonic(),
      };
      asked.askers.set(connection, asker);
      this.#hear(connection);
    }
    asker.latest = exchange;
    return asker;
  }

  #hear(connection: Connection): void {
    if (this.#heard.has(connection)) return;
    this.#heard.add(connection);
    connection.closed.then(() => {
      // A piece that was on its way may yet be told of.
      this.#heard.delete(connection);
      for (const asked of this.#contents.values()) this.#left(asked, connection);
    });
  }

  #left(asked: Asked, connection: Connection): void {
    const asker = asked.askers.get(connection);
    if (!asker) return;
    asked.askers.delete(connection);
    const others = [...asked.askers.values()];
    if (!others.some(({ name }) => name === asker.name)) asked.precedence.leaves(asker.name);
  }
}
