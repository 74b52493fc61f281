/**
 * Connections that were given up but end only by themselves. The runtime's TLS lets go of a socket only when its handshake,
 * or its last write, is over, and that may wait for the other side for ever; closing doesn't help. So whoever gives one up
 * says so here, and whoever makes new ones looks how many there are.
 */

/** Counts connections that were given up and have not ended yet. */
export class Lingering {
  #count = 0;
  #byHost = new Map<string, number>();

  /** @param more hears how many there are, whenever it's one more. */
  constructor(private more: (count: number) => void = () => {}) {}

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** How many there are with one host. */
  with(host: string): number {
    return this.#byHost.get(host) ?? 0;
  }

  /**
   * One was given up.
   *
   * @param end settles when it has ended, however.
   */
  hold(host: string, end: Promise<unknown>): void {
    this.#add(host, 1);
    const over = () => this.#add(host, -1);
    end.then(over, over);
    this.more(this.#count);
  }

  #add(host: string, one: 1 | -1): void {
    this.#count += one;
    const left = this.with(host) + one;
    if (left === 0) this.#byHost.delete(host);
    else this.#byHost.set(host, left);
  }
}
