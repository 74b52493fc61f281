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
 * Who doesn't come first is sent a piece when none has gone to those who do for so many milliseconds: bytes that were
 * handed to the system may lie in its buffers for that long.
 */
const LEFT_OVER = 250;
/** But one piece in so many milliseconds in any case, unless a limit holds us up: who gets nothing at all takes us for dead. */
const TRICKLE = 4_000;
/**
 * Where a limit holds us up a piece takes long, and nothing is left over between its parts: not before no part has gone to
 * those who come first for twice as long as it lately took from one to the next, at most so many milliseconds. And it goes
 * to one at a time, or all would halve and halve again what those get.
 */
const LIMITED = 4_000;
/** A piece out of turn that isn't what the limit holds up for so many milliseconds keeps nobody from his. */
const STUCK = 1_000;
/** Who got a piece out of turn so much later than another waits for that one, milliseconds. */
const FAIR = 1_000;
/** Who waits for his turn is told that we're there, so often, milliseconds. */
const WORD = 5_000;
/** How much of the longest time between two parts of a piece counts at the next. */
const REMEMBERED = 0.9;
/** Names of which it is remembered when they got something out of turn. */
const MOST_NAMES = 4_096;
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
  /** Its questions that wait for their turn. */
  waiting: number;
  /** When it was last told that we're there, monotonic milliseconds. */
  toldAt: number;
}

interface Asked {
  precedence: Precedence;
  askers: Map<Connection, Asker>;
  /** When a piece was last sent to one who comes first, or a part of it that a limit had held up. */
  firstAt: number;
  /** How long it took lately from one such part to the next. */
  firstGap: number;
  /** When a limit last held up anybody. */
  limitedAt: number;
  /** When those who don't come first last got a piece, by their names: who dials anew keeps his place. */
  trickledAt: Map<string, number>;
  /** To whom pieces go out of turn while there is a limit, which, and when a part of them last went. */
  spare: { name: string; pieces: Set<Exchange>; movedAt: number } | undefined;
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
    asker.waiting++;
    try {
      while (!this.#sentAway.has(exchange) && !exchange.aborted) {
        const now = this.clock.monotonic();
        const isFirst = asked.precedence.isFirst(asker.name);
        if (isFirst || this.#mayHaveSpare(asked, asker.name, now)) {
          if (isFirst) asked.firstAt = now;
          else spare(asked, asker.name, exchange, now);
          asker.open.delete(exchange);
          return true;
        }
        this.#comfort(content, asker, now);
        await sleepOrLess(this.clock, LOOK, exchange.signal);
      }
    } finally {
      asker.waiting--;
    }
    return !this.#sentAway.has(exchange);
  }

  /** A part of a piece goes to somebody that a limit has held up. */
  limited(content: string, exchange: Exchange): void {
    const asked = this.#of(content);
    const now = this.clock.monotonic();
    const { name } = this.#asker(asked, exchange);
    const gap = now - asked.firstAt;
    asked.limitedAt = now;
    if (asked.spare?.name === name) asked.spare.movedAt = now;
    if (!asked.precedence.isFirst(name)) return;
    asked.firstAt = now;
    asked.firstGap = Math.min(LIMITED / 2, Math.max(gap, REMEMBERED * asked.firstGap));
  }

  /** Tells whether there is something left over for one who doesn't come first, and it's its turn among those. */
  #mayHaveSpare(asked: Asked, name: string, now: number): boolean {
    const { firstAt, firstGap, limitedAt, trickledAt, spare, askers, precedence } = asked;
    const isDue = now - trickledAt.get(name)! >= TRICKLE;
    const stuck = Math.max(STUCK, 2 * firstGap);
    if (now - limitedAt >= stuck) return isDue || now - firstAt >= LEFT_OVER;
    if (!isDue && now - firstAt < Math.max(LEFT_OVER, 2 * firstGap)) return false;
    const isTaken = spare && spare.name !== name && now - spare.movedAt < stuck;
    return !isTaken &&
      [...askers.values()].every((other) =>
        other.waiting === 0 || precedence.isFirst(other.name) ||
        trickledAt.get(name)! - trickledAt.get(other.name)! <= FAIR
      );
  }

  /** Whoever hears nothing for 15 s takes us for dead, dials again and asks again: a word is less. */
  #comfort(content: string, asker: Asker, now: number): void {
    if (now - asker.toldAt < WORD) return;
    asker.toldAt = now;
    asker.latest.send({ kind: "Have", content, behind: [] }).catch(() => {});
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
    for (const [content, { askedAt, askers }] of this.#contents) {
      const isWaitedFor = [...askers.values()].some(({ pending }) => pending > 0);
      if (now - askedAt > FORGET && !isWaitedFor) this.#contents.delete(content);
    }
  }

  #of(content: string): Asked {
    const now = this.clock.monotonic();
    const asked = this.#contents.get(content) ??
      {
        ...{ precedence: new Precedence(), askers: new Map(), trickledAt: new Map(), spare: undefined },
        ...{ firstAt: -Infinity, firstGap: 0, limitedAt: -Infinity, askedAt: now },
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
        waiting: 0,
        toldAt: this.clock.monotonic(),
      };
      asked.askers.set(connection, asker);
      // Only now: of too many names those are forgotten that are not here.
      if (!asked.trickledAt.has(name)) trickled(asked, name, asker.toldAt);
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

/** Somebody gets a piece out of turn. */
function spare(asked: Asked, name: string, exchange: Exchange, now: number): void {
  trickled(asked, name, now);
  if (asked.spare?.name === name) asked.spare.pieces.add(exchange);
  else asked.spare = { name, pieces: new Set([exchange]), movedAt: now };
}

function trickled({ trickledAt, askers }: Asked, name: string, now: number): void {
  trickledAt.set(name, now);
  if (trickledAt.size <= MOST_NAMES) return;
  const here = new Set([...askers.values()].map((asker) => asker.name));
  for (const each of trickledAt.keys()) if (!here.has(each)) trickledAt.delete(each);
}
