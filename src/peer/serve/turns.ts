/**
 * Turns at work that takes long, among those who ask for it. Pure.
 *
 * Rules: one works at a time. Whoever had a turn longest ago is next, so that who asks for much keeps others waiting for no
 * longer than a turn; of one's own, what was begun goes on before anything new begins.
 */

/** Those remembered who had a turn; beyond, the one who had it longest ago counts as a newcomer. */
const REMEMBERED = 1_000;

interface Waiting {
  who: string;
  go: () => void;
}

/** Who works, and who waits. */
export class Turns {
  #isTaken = false;
  #waiting: Waiting[] = [];
  /** Those who had a turn; who had it last comes last. */
  #had = new Set<string>();

  /** Resolves when it's one's turn; {@linkcode pass} ends it. */
  take(who: string): Promise<void> {
    if (!this.#isTaken) {
      this.#begin(who);
      return Promise.resolve();
    }
    return new Promise((go) => this.#waiting.push({ who, go }));
  }

  /** Has others work who wait, and resolves when it's one's turn again. */
  giveWay(who: string): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    const turn = new Promise<void>((go) => this.#waiting.unshift({ who, go }));
    this.pass();
    return turn;
  }

  /** The turn is over. */
  pass(): void {
    const next = this.#next();
    if (!next) return void (this.#isTaken = false);
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    this.#begin(next.who);
    next.go();
  }

  #next(): Waiting | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const place = new Map([...this.#had].map((who, at) => [who, at]));
    const since = ({ who }: Waiting) => place.get(who) ?? -1;
    return this.#waiting.reduce((a, b) => since(b) < since(a) ? b : a, first);
  }

  #begin(who: string): void {
    this.#isTaken = true;
    this.#had.delete(who);
    this.#had.add(who);
    if (this.#had.size > REMEMBERED) this.#had.delete(this.#had.values().next().value!);
  }
}
