/**
 * Those who ask us for the pieces of a broadcast: who comes first, and what they must be told. The rules are in
 * src/swarm/precedence.ts.
 */

import { type Clock, sleepOrLess } from "../../base/clock.ts";
import type { StripeNews } from "../../swarm/parents.ts";
import { type Claim, Precedence } from "../../swarm/precedence.ts";
import type { Connection } from "../../transport/connection.ts";
import type { Exchange } from "../../transport/exchange.ts";

/**
 * Who doesn't come first is sent a piece when nothing has gone to those who do for so many milliseconds: bytes that were
 * handed to the system may lie in its buffers for that long. Where they take longer from one part of a piece to the next,
 * since the link is slow or there is a limit, it's for twice as long, at most `most`.
 */
const LEFT_OVER = { least: 250, most: 4_000 };
/**
 * But one piece in so many milliseconds in any case: who gets nothing at all takes us for dead. Where many wait, and pieces
 * take long, it is less: they go to one of them at a time, and what those who come first get is not to be halved and halved again.
 */
const TRICKLE = 4_000;
/** Who got a piece out of turn so much later than another waits for that one, milliseconds. */
const FAIR = 1_000;
/** A piece out of turn that doesn't move for so many milliseconds keeps nobody from his. */
const STUCK = 1_000;
/** How much of the longest time between two parts of a piece counts at the next. */
const REMEMBERED = 0.9;
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
  /** Its questions that wait for their turn. */
  waiting: number;
  /** When a part of a piece last went to it. */
  movedAt: number;
}

interface Asked {
  precedence: Precedence;
  askers: Map<Connection, Asker>;
  /** When something last went to one who comes first, and how long that took lately from one part to the next. */
  firstAt: number;
  firstGap: number;
  /** To whom pieces go out of turn, and which. */
  spare: { asker: Asker; pieces: Set<Exchange> } | undefined;
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
      asked.spare?.pieces.delete(exchange);
      if (asked.spare?.pieces.size === 0) asked.spare = undefined;
    };
  }

  /**
   * A piece is being sent. Ask before each of its parts.
   *
   * @returns true when another who comes first, and waits for pieces too, is further behind: where both share our uplink
   *   it is to get more of it. What it isn't able to take is for all others as before.
   */
  isAhead(content: string, exchange: Exchange, piece: number): boolean {
    const asked = this.#of(content);
    const asker = this.#asker(asked, exchange);
    asker.at = piece;
    this.#moved(asked, asker, true);
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
    asker.waiting++;
    try {
      while (!this.#sentAway.has(exchange) && !exchange.aborted) {
        const isFirst = asked.precedence.isFirst(asker.name);
        if (isFirst || this.#mayHaveSpare(asked, asker)) {
          if (!isFirst) this.#spare(asked, asker, exchange);
          this.#moved(asked, asker, false);
          asker.open.delete(exchange);
          return true;
        }
        await sleepOrLess(this.clock, LOOK, exchange.signal);
      }
    } finally {
      asker.waiting--;
    }
    return !this.#sentAway.has(exchange);
  }

  /** Something goes to this one. @param isPart it goes on with a piece. */
  #moved(asked: Asked, asker: Asker, isPart: boolean): void {
    const now = this.clock.monotonic();
    const gap = isPart ? now - asker.movedAt : 0;
    asker.movedAt = now;
    if (!asked.precedence.isFirst(asker.name)) return;
    asked.firstAt = now;
    asked.firstGap = Math.max(gap, REMEMBERED * asked.firstGap);
  }

  /** Tells whether there is something left over for one who doesn't come first, and it's its turn among those. */
  #mayHaveSpare({ firstAt, firstGap, spare, askers, precedence }: Asked, asker: Asker): boolean {
    const now = this.clock.monotonic();
    const least = Math.min(LEFT_OVER.most, Math.max(LEFT_OVER.least, 2 * firstGap));
    if (now - firstAt < least && now - asker.trickledAt < TRICKLE) return false;
    if (spare && spare.asker !== asker && now - spare.asker.movedAt < STUCK) return false;
    return [...askers.values()].every((other) =>
      other.waiting === 0 || precedence.isFirst(other.name) || asker.trickledAt - other.trickledAt <= FAIR
    );
  }

  #spare(asked: Asked, asker: Asker, exchange: Exchange): void {
    asker.trickledAt = this.clock.monotonic();
    if (asked.spare?.asker === asker) asked.spare.pieces.add(exchange);
    else asked.spare = { asker, pieces: new Set([exchange]) };
  }

  /** True for a question that was answered with "not here": it must not be answered again. */
  wasSentAway(exchange: Exchange): boolean {
    return this.#sentAway.has(exchange);
  }

  /** We are behind with stripes of this content, or nothing comes of them: those who ask us for it are told. */
  tell(content: string, { behind, still = [] }: { behind: StripeNews[]; still?: StripeNews[] }): void {
    for (const { latest } of this.#contents.get(content)?.askers.values() ?? []) {
      latest.send({ kind: "Have", content, behind, ...still.length > 0 && { still } }).catch(() => {});
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
      {
        ...{ precedence: new Precedence(), askers: new Map(), spare: undefined },
        ...{ firstAt: -Infinity, firstGap: 0, askedAt: now },
      };
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
        waiting: 0,
        movedAt: this.clock.monotonic(),
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
