/**
 * The exchanges of a connection, by stream. Most connections have none or one at a time, so that one needs no Map: 10,000
 * empty ones would take 3 MB, and each that is emptied after an answer makes a new table among what is collected last.
 */

import type { Exchange } from "./exchange.ts";

/** The exchanges of a connection. */
export class Exchanges {
  #one: Exchange | undefined;
  #others: Map<number, Exchange> | undefined;

  /** The one on this stream. */
  get(stream: number): Exchange | undefined {
    return this.#one?.stream === stream ? this.#one : this.#others?.get(stream);
  }

  /** Adds one; its stream is used by no other. */
  add(exchange: Exchange): void {
    if (this.#one) (this.#others ??= new Map()).set(exchange.stream, exchange);
    else this.#one = exchange;
  }

  /** Removes this one, if it's here. */
  remove(exchange: Exchange): void {
    if (this.#one === exchange) this.#one = undefined;
    else if (this.#others?.get(exchange.stream) === exchange) {
      this.#others.delete(exchange.stream);
      if (this.#others.size === 0) this.#others = undefined;
    }
  }

  /** Removes all, and gives them. */
  takeAll(): Exchange[] {
    const all = [...(this.#one ? [this.#one] : []), ...(this.#others?.values() ?? [])];
    this.#one = this.#others = undefined;
    return all;
  }
}
